//! Counts each word, and fails in each way on words made for it.

use invoker_sdk::prelude::*;

/// Counts words; `panic…` panics, `reject…` is rejected, `flaky…` fails when it is tried for the first time.
#[function]
fn ledger(
    record: Record<'_>,
    /// Times the word was seen.
    count: &mut Value<u64>,
    /// The word as key, and how often it was seen so far.
    counts: &mut Output<u64>,
) -> Result {
    let word = record.key_text()?;
    // Changed first: a failure must undo it.
    let count = count.or_default()?;
    *count += 1;
    counts.send(*count)?;
    if word.starts_with("panic") {
        panic!("told to by {word:?}");
    }
    if word.starts_with("reject") {
        return Err(Error::reject("told-to", word));
    }
    if word.starts_with("flaky") && record.attempt() == 0 {
        return Err(Error::transient("told-to", word));
    }
    Ok(())
}
