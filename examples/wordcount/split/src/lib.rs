//! A line into its words: lower-cased runs of ASCII letters and digits, each sent under itself as key.

use invoker_sdk::prelude::*;

/// Splits lines into words.
#[function]
struct Split {
    /// One record per word; the word is key and value.
    words: Output,
    word: Vec<u8>,
}

impl Process for Split {
    fn process(&mut self, record: Record<'_>) -> Result {
        // Lines are read as bytes: what is not UTF-8 still has words, and a record without value has none.
        let line = record.value().unwrap_or_default();
        for word in line.split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
            self.word.clear();
            self.word.extend(word.iter().map(u8::to_ascii_lowercase));
            self.words.send_keyed(&self.word, &self.word)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Split;
    use invoker_sdk::testing::{Test, check_cases, record};

    #[test]
    fn the_cases_hold() {
        check_cases::<Split>(include_str!("../cases.json"));
    }

    #[test]
    fn bytes_that_are_not_text_split_words() {
        let outcome = Test::<Split>::new().process([record(b"caf\xe9s")]);
        assert_eq!(outcome.pairs("words"), [("caf", "caf"), ("s", "s")]);
    }
}
