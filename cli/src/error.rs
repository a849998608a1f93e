//! What a user is told when something goes wrong: one line what, one why, one what to do, and the exit code.
//! Owns the shape of messages and the meaning of exit codes; not the reasons themselves.

use std::fmt;

use serde_json::json;

/// Exit codes, documented in `docs/exit-codes.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Something that is not the user's to mend.
    Internal = 1,
    /// The command line is not understood.
    Usage = 2,
    /// The topology is not valid, or a name in it leads nowhere.
    Topology = 3,
    /// A function cannot be used.
    Function = 4,
    /// An input or output file cannot be read or written.
    File = 5,
    /// The data directory cannot be used.
    Data = 6,
    /// Everything else is done, but a partition stopped.
    Stopped = 7,
    /// A case of `invoker test` came out otherwise.
    Case = 8,
    /// Something that building needs is not installed.
    Tool = 9,
    /// A signal ended the work before its end.
    Interrupted = 130,
}

impl Exit {
    /// The code a shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }

    fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::Topology => "topology",
            Self::Function => "function",
            Self::File => "file",
            Self::Data => "data",
            Self::Stopped => "stopped",
            Self::Case => "case",
            Self::Tool => "tool",
            Self::Interrupted => "interrupted",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub what: String,
    /// Empty where `what` says it all.
    pub why: String,
    pub help: String,
}

/// Why a command ends without success. At least one problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub exit: Exit,
    pub problems: Vec<Problem>,
}

impl Error {
    pub fn new(exit: Exit, what: impl Into<String>, why: impl fmt::Display, help: impl Into<String>) -> Self {
        let problem = Problem { what: what.into(), why: why.to_string(), help: help.into() };
        Self { exit, problems: vec![problem] }
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
            write!(f, "error: {}", one_line(&problem.what))?;
            for (label, text) in [("why", &problem.why), ("help", &problem.help)] {
                if !text.is_empty() {
                    write!(f, "\n{label}: {}", one_line(text))?;
                }
            }
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// The text on one line, so that three lines stay three.
fn one_line(text: &str) -> String {
    text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// The message of an error and of everything below it, causes not printed twice.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        source = cause.source();
    }
    text
}

/// "1 record", "2 records".
pub fn counted(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_three_lines() {
        let error = Error::new(Exit::File, "cannot read \"a\"", "no such\n  file", "check the path");
        assert_eq!(error.to_string(), "error: cannot read \"a\"\nwhy: no such; file\nhelp: check the path");
    }

    #[test]
    fn an_empty_why_takes_no_line() {
        let error = Error::new(Exit::Usage, "no such topic", "", "name another");
        assert_eq!(error.to_string(), "error: no such topic\nhelp: name another");
    }

    #[test]
    fn scripts_get_the_code_and_every_problem() {
        let error = Error::new(Exit::Data, "a", "b", "c").and(Error::new(Exit::Stopped, "d", "e", "f"));
        let json = error.to_json();
        assert_eq!(json["error"]["exitCode"], 6);
        assert_eq!(json["error"]["kind"], "data");
        assert_eq!(json["error"]["problems"][1]["what"], "d");
    }

    #[test]
    fn a_cause_is_not_printed_twice() {
        let inner = std::io::Error::other("disk on fire");
        let outer = std::io::Error::other(inner);
        assert_eq!(chain(&outer), "disk on fire");
    }
}
