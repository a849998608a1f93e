//! What a person is told when something goes wrong: one line what, one why, one what to do. Owns the shape, and the
//! one walk over the causes of an error; not the reasons themselves.

use std::error::Error;
use std::fmt;

use crate::topology::Problem;

/// One thing that is wrong.
///
/// ```
/// use invoker_core::message::Message;
///
/// let message = Message::new("cannot read \"a\"", "no such\n  file", "check the path");
/// assert_eq!(message.to_string(), "error: cannot read \"a\"\nwhy: no such; file\nhelp: check the path");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub what: String,
    /// Empty where `what` says it all.
    pub why: String,
    pub help: String,
}

impl Message {
    pub fn new(what: impl Into<String>, why: impl fmt::Display, help: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.to_string(), help: help.into() }
    }
}

impl From<&Problem> for Message {
    /// The place stands in front of what is wrong.
    fn from(problem: &Problem) -> Self {
        let mut what = problem.source.clone();
        if let Some(at) = problem.at {
            what.push_str(&format!(":{}:{}", at.line, at.column));
        }
        for part in [&problem.path, &problem.what] {
            if !what.is_empty() && !part.is_empty() {
                what.push_str(": ");
            }
            what.push_str(part);
        }
        Self { what, why: problem.why.clone(), help: problem.help.clone() }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", one_line(&self.what))?;
        for (label, text) in [("why", &self.why), ("help", &self.help)] {
            if !text.is_empty() {
                write!(f, "\n{label}: {}", one_line(text))?;
            }
        }
        Ok(())
    }
}

/// The text on one line, so that three lines stay three.
fn one_line(text: &str) -> String {
    text.split('\n').map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// An error and everything below it.
pub fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> + use<'a> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// The text of an error and of everything below it on one line; what was said already is not said again.
///
/// ```
/// use invoker_core::message::described;
///
/// let outer = std::io::Error::other(std::io::Error::other("disk on fire"));
/// assert_eq!(described(&outer), "disk on fire");
/// ```
pub fn described(error: &(dyn Error + 'static)) -> String {
    causes(error).fold(String::new(), |text, cause| {
        let cause = cause.to_string();
        if text.is_empty() {
            cause
        } else if text.contains(&cause) {
            text
        } else {
            format!("{text}: {cause}")
        }
    })
}

/// "1 record", "2 records".
pub fn counted(count: usize, thing: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Said(&'static str, #[source] Option<Box<Said>>);

    #[test]
    fn causes_stand_in_order_and_once() {
        let error = Said("write", Some(Box::new(Said("write", Some(Box::new(Said("disk full", None)))))));
        assert_eq!(described(&error), "write: disk full");
        assert_eq!(causes(&error).count(), 3);
    }

    #[test]
    fn an_empty_why_takes_no_line() {
        assert_eq!(
            Message::new("no such topic", "", "name another").to_string(),
            "error: no such topic\nhelp: name another"
        );
    }
}
