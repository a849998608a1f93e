//! What is wrong with a topology, said in three short parts: what, why, what to do. Owns the wording of a problem
//! and the search for what a misspelt name was meant to be; not the rules.

use std::fmt;

/// A place in a file. Both count from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

/// One thing that is wrong.
///
/// Displayed in three lines, of which the first is what an editor or `grep` can use:
///
/// ```text
/// topology.yaml:14:7: spec.statefulEntities[1].inputTpic: unknown field
///   why: a field that nothing reads is refused, so that a typo cannot pass unseen
///   help: did you mean "inputTopic"?
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file as the user named it; empty where there is none (a command-line option).
    pub source: String,
    /// Where in the file; `None` where the document as a whole or something outside it is meant.
    pub at: Option<Position>,
    /// Path of the field, e.g. `spec.statefulEntities[1].inputTopic`; empty for the whole document.
    pub path: String,
    pub what: String,
    pub why: String,
    pub help: String,
}

impl Problem {
    /// Line of the problem, 0 where it has none.
    pub fn line(&self) -> u32 {
        self.at.map_or(0, |at| at.line)
    }

    /// Column of the problem, 0 where it has none.
    pub fn column(&self) -> u32 {
        self.at.map_or(0, |at| at.column)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.source.is_empty() {
            write!(f, "{}:", self.source)?;
            match self.at {
                Some(at) => write!(f, "{}:{}: ", at.line, at.column)?,
                None => f.write_str(" ")?,
            }
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}\n  why: {}\n  help: {}", self.what, self.why, self.help)
    }
}

/// All that is wrong with a document, in the order of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// `Err` with the problems in the order of their lines, if there are any.
    pub fn none_of(mut problems: Vec<Problem>) -> Result<(), Self> {
        problems.sort_by(|a, b| (a.at, &a.path, &a.what).cmp(&(b.at, &b.path, &b.what)));
        problems.dedup();
        if problems.is_empty() { Ok(()) } else { Err(Self(problems)) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The candidate that `given` most likely was meant to be: at most a third of its letters are wrong, or only case,
/// dashes and underscores differ.
pub fn nearest<'a>(given: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_', '.'], "");
    let wanted = plain(given);
    let allowed = (given.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .filter(|candidate| *candidate != given)
        .map(|candidate| (strsim::osa_distance(&wanted, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| {
            *distance <= allowed && *distance < candidate.chars().count().max(given.chars().count())
        })
        .min_by_key(|(distance, candidate)| (*distance, *candidate))
        .map(|(_, candidate)| candidate)
}

/// `"a", "b" and "c"`, as a sentence lists names.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("{name:?}")).collect();
    match quoted.split_last() {
        None => "none".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let fields = ["inputTopic", "inputs", "outputTopic", "name"];
        assert_eq!(nearest("inputTpic", fields), Some("inputTopic"));
        assert_eq!(nearest("input_topic", fields), Some("inputTopic"));
        assert_eq!(nearest("input", fields), Some("inputs"));
        assert_eq!(nearest("wrods", ["words", "lines"]), Some("words"));
        assert_eq!(nearest("nmae", fields), Some("name"));
    }

    #[test]
    fn proposes_nothing_far_away() {
        assert_eq!(nearest("cats", ["words", "lines"]), None);
        assert_eq!(nearest("a", ["b", "c"]), None);
        assert_eq!(nearest("words", ["words"]), None);
    }

    #[test]
    fn problems_stand_in_the_order_of_their_lines() {
        let at = |line| Some(Position { line, column: 1 });
        let problem = |line, what: &str| Problem {
            source: "t.yaml".to_owned(),
            at: at(line),
            path: String::new(),
            what: what.to_owned(),
            why: "y".to_owned(),
            help: "h".to_owned(),
        };
        let all = Problems::none_of(vec![problem(9, "b"), problem(2, "a"), problem(9, "b")]).unwrap_err();
        assert_eq!(all.to_string(), "t.yaml:2:1: a\n  why: y\n  help: h\nt.yaml:9:1: b\n  why: y\n  help: h");
    }
}
