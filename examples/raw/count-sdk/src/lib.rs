//! Counts the records of each key, and sends the count.

use invoker_sdk::prelude::*;

#[function]
fn count(_: Record<'_>, total: &mut Value<u64>, counts: &mut Output<u64>) -> Result {
    let total = total.or_default()?;
    *total += 1;
    counts.send(*total)
}
