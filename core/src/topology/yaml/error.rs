//! Why a value could not be read, as serde asks for it.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

use crate::topology::problem::{Position, Problem};

/// Why a value could not be read. Messages of `custom` errors may read `what; why; help`.
#[derive(Debug)]
pub(crate) struct Error {
    pub(super) what: String,
    why: String,
    help: String,
    /// `None` until the value that failed is known.
    pub(super) path: Option<String>,
    pub(super) at: Option<Position>,
    /// Only the consequence of a problem already told.
    pub(super) told: bool,
}

impl Error {
    pub(super) fn new(what: impl Into<String>, why: impl Into<String>, help: impl Into<String>) -> Self {
        let (what, why, help) = (what.into(), why.into(), help.into());
        Self { what, why, help, path: None, at: None, told: false }
    }

    pub(super) fn into_problem(self, source: &str, path: String) -> Option<Problem> {
        let Self { what, why, help, at, told, .. } = self;
        (!told).then(|| Problem { source: source.to_owned(), at, path, what, why, help })
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}; {}", self.what, self.why, self.help)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        let message = message.to_string();
        let mut parts = message.splitn(3, "; ");
        let what = parts.next().unwrap_or_default().to_owned();
        let why = parts.next().unwrap_or("the field cannot hold this value").to_owned();
        let help = parts.next().unwrap_or("see docs/topology.md for what the field takes").to_owned();
        Self::new(what, why, help)
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Unit => "nothing".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "a mapping".to_owned(),
            Unexpected::Bool(value) => format!("the boolean {value}"),
            other => other.to_string(),
        };
        let help = format!("write {expected}");
        Self::new(format!("expected {expected}, found {found}"), "the field has another type", help)
    }

    fn missing_field(field: &'static str) -> Self {
        let what = format!("the field {field:?} is missing");
        Self::new(what, "it is required and has no default", format!("add `{field}: …` here"))
    }
}
