//! What a syntax error most likely comes from.

use granit_parser::{ErrorKind, ScanError};

use crate::topology::problem::{Position, Problem};

pub(super) fn syntax(source: &str, error: &ScanError) -> Problem {
    let marker = error.marker();
    let at = Position { line: marker.line() as u32, column: marker.col() as u32 + 1 };
    let (why, help) = advice(error.kind());
    Problem {
        source: source.to_owned(),
        at: Some(at),
        path: String::new(),
        what: format!("not YAML: {}", error.info()),
        why: why.to_owned(),
        help: help.to_owned(),
    }
}

fn advice(kind: &ErrorKind) -> (&'static str, &'static str) {
    use ErrorKind as Kind;
    match kind {
        Kind::TabNotAllowed
        | Kind::TabInBlockIndentation
        | Kind::TabInIndentation
        | Kind::TabInPlainScalar
        | Kind::TabAtBlockScalarStart => ("YAML is indented by spaces", "replace the tab by spaces"),
        Kind::UnknownAnchor => (
            "an alias `*name` repeats what stands at `&name` before it",
            "define the anchor above, or write the value out",
        ),
        Kind::UnclosedFlowCollection { .. }
        | Kind::UnexpectedEofFlowMapping
        | Kind::UnexpectedEofFlowSequence
        | Kind::MismatchedFlowCollectionEnd { .. }
        | Kind::ExpectedFlowMappingSeparator
        | Kind::ExpectedFlowSequenceSeparator => {
            ("every bracket needs its end, and items stand between commas", "close the bracket")
        }
        Kind::UnclosedQuotedScalar
        | Kind::InvalidQuotedScalarIndent
        | Kind::InvalidTrailingSingleQuotedScalar
        | Kind::InvalidTrailingDoubleQuotedScalar => (
            "a quoted text ends at its closing quote",
            "close the quote, and write quotes inside it twice or escaped",
        ),
        Kind::MappingValueNotAllowed | Kind::InvalidColonPlacement => (
            "a value that contains `: ` reads like a field",
            "put the value into quotes, or begin a new line",
        ),
        Kind::UnexpectedCharacter { .. } => {
            ("a plain text cannot begin like this", "put the value into quotes")
        }
        Kind::ExpectedBlockMappingKey
        | Kind::ExpectedBlockSequenceEntry
        | Kind::InvalidIndentation
        | Kind::BlockSequenceEntryNotAllowed
        | Kind::MappingKeyNotAllowed
        | Kind::SimpleKeyExpected => (
            "the fields of a mapping and the items of a list begin in one column",
            "check the indentation of this line and the one above",
        ),
        Kind::RecursionLimitExceeded => {
            ("a topology nests at most 64 levels deep", "check that this is the right file")
        }
        _ => ("the text does not follow the rules of YAML 1.2", "check this line and the one above"),
    }
}
