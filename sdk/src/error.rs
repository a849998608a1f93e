//! Why a record could not be done: a reject (trying again will not help) or a transient failure (it may).

use crate::bindings::invoker::udf::types::{Failure, FailureKind};
use std::borrow::Cow;
use std::fmt::{self, Display};

/// What a function returns.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Why a record could not be done.
///
/// Every error type of the standard library and of other crates turns into one by `?`, as a *reject*: the record goes
/// where the deployment's `onFailure` says, with no output and no change of state. Its code, which is what failures
/// are counted by, is the type's name: `std::num::ParseIntError` becomes `parse-int-error`. Name a code of your
/// own with [`OrReject::or_reject`], and have a record tried again with [`OrReject::or_retry`].
///
/// ```
/// use invoker_sdk::prelude::*;
///
/// fn amount(record: Record<'_>) -> Result<u64> {
///     let amount: u64 = record.text()?.parse()?;
///     if amount == 0 {
///         return Err(Error::reject("no-amount", "the amount is 0"));
///     }
///     Ok(amount)
/// }
/// ```
// One pointer wide, so that a `Result` per record costs nothing.
pub struct Error(Box<Inner>);

struct Inner {
    kind: FailureKind,
    code: Cow<'static, str>,
    message: String,
}

impl Error {
    /// Trying again will not help. `code` is short and stable, such as `bad-order`.
    #[cold]
    pub fn reject(code: impl Into<Cow<'static, str>>, message: impl Display) -> Self {
        Self::new(FailureKind::Rejected, code.into(), message.to_string())
    }

    /// May succeed later: the host tries this record again, and everything behind it in its partition waits.
    #[cold]
    pub fn transient(code: impl Into<Cow<'static, str>>, message: impl Display) -> Self {
        Self::new(FailureKind::Transient, code.into(), message.to_string())
    }

    fn new(kind: FailureKind, code: Cow<'static, str>, message: String) -> Self {
        Self(Box::new(Inner { kind, code, message }))
    }

    /// Short and stable, for counting.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// For a person.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the record is to be tried again.
    pub fn is_transient(&self) -> bool {
        self.0.kind == FailureKind::Transient
    }

    /// The same with `context` in front of its message.
    #[cold]
    pub fn context(mut self, context: impl Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    pub(crate) fn into_failure(self) -> Failure {
        let Inner { kind, code, message } = *self.0;
        Failure { kind, code: code.into_owned(), message }
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_transient() { "transient" } else { "rejected" };
        write!(f, "{kind} {}: {}", self.0.code, self.0.message)
    }
}

// `Error` itself is no `std::error::Error`, or this would overlap with the identity.
impl<E: std::error::Error + 'static> From<E> for Error {
    #[cold]
    fn from(error: E) -> Self {
        Self::reject(code_of(std::any::type_name::<E>()), whole(&error))
    }
}

/// The message of an error and of its causes, none printed twice.
fn whole(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message.push_str(": ");
            message.push_str(&text);
        }
        cause = error.source();
    }
    message
}

/// `core::num::error::ParseIntError` → `parse-int-error`.
fn code_of(type_name: &str) -> String {
    let path = type_name.split('<').next().unwrap_or(type_name);
    let name = path.rsplit("::").next().unwrap_or(path);
    let mut code = String::with_capacity(name.len() + 4);
    let mut small = false;
    for letter in name.chars().filter(char::is_ascii_alphanumeric) {
        if letter.is_ascii_uppercase() && small {
            code.push('-');
        }
        small = !letter.is_ascii_uppercase();
        code.push(letter.to_ascii_lowercase());
    }
    // `io::error::Error` says nothing by its last name alone.
    match (code.as_str(), path.split("::").next()) {
        ("error", Some(krate)) => format!("{}-error", krate.replace('_', "-")),
        _ => code,
    }
}

/// Gives failures a code of your own, and says whether they are worth another try.
///
/// ```
/// use invoker_sdk::prelude::*;
///
/// fn city(record: Record<'_>) -> Result<&str> {
///     let (_, city) = record.text()?.split_once(';').or_reject("no-city")?;
///     Ok(city)
/// }
/// ```
pub trait OrReject<T> {
    /// Trying again will not help.
    fn or_reject(self, code: &'static str) -> Result<T>;

    /// May succeed later: the record is tried again.
    fn or_retry(self, code: &'static str) -> Result<T>;
}

impl<T, E: Display> OrReject<T> for std::result::Result<T, E> {
    fn or_reject(self, code: &'static str) -> Result<T> {
        self.map_err(|error| Error::reject(code, error))
    }

    fn or_retry(self, code: &'static str) -> Result<T> {
        self.map_err(|error| Error::transient(code, error))
    }
}

impl<T> OrReject<T> for Option<T> {
    fn or_reject(self, code: &'static str) -> Result<T> {
        self.ok_or_else(|| Error::reject(code, "there is none"))
    }

    fn or_retry(self, code: &'static str) -> Result<T> {
        self.ok_or_else(|| Error::transient(code, "there is none"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_error_is_a_reject_named_after_its_type() {
        let error = Error::from("x".parse::<u64>().unwrap_err());
        assert_eq!(format!("{error:?}"), "rejected parse-int-error: invalid digit found in string");
        let error = Error::from(std::io::Error::other("gone"));
        assert_eq!((error.code(), error.message()), ("std-error", "gone"));
        assert_eq!(code_of("serde_json::error::Error"), "serde-json-error");
        assert_eq!(code_of("a::HTTPError<b::C>"), "httperror");
    }

    #[test]
    fn a_missing_value_can_be_worth_another_try() {
        let error = None::<u8>.or_retry("not-yet").unwrap_err().context("look up");
        assert!(error.is_transient());
        assert_eq!((error.code(), error.message()), ("not-yet", "look up: there is none"));
    }

    #[test]
    fn a_result_of_nothing_is_one_pointer_wide() {
        assert_eq!(size_of::<Result>(), size_of::<usize>());
    }
}
