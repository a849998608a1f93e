//! What a user is told when something goes wrong: one line what, one why, one what to do, and the exit code.
//! Owns how several are told at once; the shape of one and the meaning of exit codes are those of `core`.

use std::fmt;

use invoker_host::control;
use serde_json::json;

pub use invoker_core::exit::Exit;
pub use invoker_core::message::{Message as Problem, counted, described as chain};

/// Why a command ends without success. At least one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub exit: Exit,
    pub problems: Vec<Problem>,
}

impl Error {
    pub fn new(exit: Exit, what: impl Into<String>, why: impl fmt::Display, help: impl Into<String>) -> Self {
        Self { exit, problems: vec![Problem::new(what, why, help)] }
    }

    /// An error that its reader cannot mend.
    pub fn internal(what: impl Into<String>, why: impl fmt::Display) -> Self {
        Self::new(Exit::Internal, what, why, "run again with --verbose and report what it prints")
    }

    /// Puts further problems behind these; the lower exit code of the two is kept.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.exit = self.exit.min(other.exit);
        self.problems.extend(other.problems);
        self
    }

    /// As an object for scripts.
    pub fn to_json(&self) -> serde_json::Value {
        let problems: Vec<_> =
            self.problems.iter().map(|p| json!({"what": p.what, "why": p.why, "help": p.help})).collect();
        json!({"error": {"exitCode": self.exit.code(), "kind": self.exit.name(), "problems": problems}})
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<control::Error> for Error {
    fn from(error: control::Error) -> Self {
        Self { exit: error.exit(), problems: error.messages() }
    }
}

impl From<invoker_oci::Error> for Error {
    fn from(error: invoker_oci::Error) -> Self {
        use invoker_oci::Error as Oci;
        let exit = match &error {
            Oci::Address(_) => Exit::Usage,
            Oci::Credentials { .. } | Oci::Write { .. } => Exit::File,
            error if error.is_of_service() => Exit::Service,
            _ => Exit::Function,
        };
        Self { exit, problems: vec![error.message()] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_get_the_code_and_every_problem() {
        let error = Error::new(Exit::Data, "a", "b", "c").and(Error::new(Exit::Stopped, "d", "e", "f"));
        let json = error.to_json();
        assert_eq!(json["error"]["exitCode"], 6);
        assert_eq!(json["error"]["kind"], "data");
        assert_eq!(json["error"]["problems"][1]["what"], "d");
    }
}
