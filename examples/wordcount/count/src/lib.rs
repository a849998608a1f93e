//! How often each word came: the word is the record's key, and each time the new count is sent under it.

use invoker_sdk::prelude::*;

/// Counts words.
#[function]
fn count(
    _: Record<'_>,
    /// Times the word was seen.
    total: &mut Value<u64>,
    /// The word as key, and how often it was seen so far.
    counts: &mut Output<u64>,
) -> Result {
    let total = total.or_default()?;
    *total += 1;
    counts.send(*total)
}

#[cfg(test)]
mod tests {
    use super::count;
    use invoker_sdk::testing::{Test, check_cases, record};

    #[test]
    fn the_cases_hold() {
        check_cases::<count>(include_str!("../cases.json"));
    }

    #[test]
    fn counts_go_on_from_batch_to_batch() {
        let mut test = Test::<count>::new();
        assert_eq!(test.process([record("fox").key("fox")]).pairs("counts"), [("fox", "1")]);
        assert_eq!(test.process([record("fox").key("fox")]).pairs("counts"), [("fox", "2")]);
        assert_eq!(test.state_text("total", "fox").as_deref(), Some("2"));
    }
}
