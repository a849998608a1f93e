//! Counts the words and letters of each line.

use invoker_sdk::prelude::*;
use serde::Serialize;

/// What is sent for a line.
#[derive(Serialize)]
struct Counted {
    words: usize,
    letters: usize,
}

/// Counts the words and letters of each line.
#[function]
fn count(
    record: Record<'_>,
    /// Lines of fewer words are passed over.
    #[setting(default = 1)]
    least: &u64,
    /// One record per line, under the key that the line came with.
    out: &mut Output<Json<Counted>>,
) -> Result {
    // A line that is not UTF-8 is rejected here: it goes where `onFailure` of the topology says.
    let line = record.text()?;
    let words = line.split_whitespace().count();
    if (words as u64) < *least {
        return Ok(());
    }
    let letters = line.chars().filter(|letter| letter.is_alphabetic()).count();
    out.send(&Counted { words, letters })
}

#[cfg(test)]
mod tests {
    use super::count;
    use invoker_sdk::testing::{Test, record};

    #[test]
    fn lines_without_words_are_passed_over() {
        let outcome = Test::<count>::new().process([record(" "), record("a bc")]);
        assert_eq!(outcome.pairs("out"), [("", r#"{"words":2,"letters":3}"#)]);
    }
}
