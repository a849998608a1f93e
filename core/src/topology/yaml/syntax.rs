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

/// Why it is wrong, and what helps.
fn advice(kind: &ErrorKind) -> Advice {
    use ErrorKind as Kind;
    match kind {
        Kind::TabNotAllowed | Kind::TabInBlockIndentation | Kind::TabInIndentation => TAB,
        Kind::TabInPlainScalar | Kind::TabAtBlockScalarStart => TAB,
        Kind::UnclosedFlowCollection { .. } | Kind::MismatchedFlowCollectionEnd { .. } => BRACKET,
        Kind::UnexpectedEofFlowMapping | Kind::UnexpectedEofFlowSequence => BRACKET,
        Kind::ExpectedFlowMappingSeparator | Kind::ExpectedFlowSequenceSeparator => BRACKET,
        Kind::UnclosedQuotedScalar | Kind::InvalidQuotedScalarIndent => QUOTE,
        Kind::InvalidTrailingSingleQuotedScalar | Kind::InvalidTrailingDoubleQuotedScalar => QUOTE,
        Kind::ExpectedBlockMappingKey | Kind::ExpectedBlockSequenceEntry | Kind::InvalidIndentation => {
            INDENTATION
        }
        Kind::BlockSequenceEntryNotAllowed | Kind::MappingKeyNotAllowed => INDENTATION,
        Kind::SimpleKeyExpected => INDENTATION,
        Kind::MappingValueNotAllowed | Kind::InvalidColonPlacement => COLON,
        Kind::UnknownAnchor => ANCHOR,
        Kind::UnexpectedCharacter { .. } => CHARACTER,
        Kind::RecursionLimitExceeded => NESTING,
        _ => OTHER,
    }
}

type Advice = (&'static str, &'static str);
const TAB: Advice = ("YAML is indented by spaces", "replace the tab by spaces");
const BRACKET: Advice = ("every bracket needs its end, and items stand between commas", "close the bracket");
const QUOTE: Advice = (
    "a quoted text ends at its closing quote",
    "close the quote, and write quotes inside it twice or escaped",
);
const INDENTATION: Advice = (
    "the fields of a mapping and the items of a list begin in one column",
    "check the indentation of this line and the one above",
);
const COLON: Advice =
    ("a value that contains `: ` reads like a field", "put the value into quotes, or begin a new line");
const ANCHOR: Advice = (
    "an alias `*name` repeats what stands at `&name` before it",
    "define the anchor above, or write the value out",
);
const CHARACTER: Advice = ("a plain text cannot begin like this", "put the value into quotes");
const NESTING: Advice = ("a topology nests at most 64 levels deep", "check that this is the right file");
const OTHER: Advice = ("the text does not follow the rules of YAML 1.2", "check this line and the one above");
