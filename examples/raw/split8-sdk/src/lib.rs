//! Cuts a record into eight pieces of equal length.

use invoker_sdk::prelude::*;

#[function]
fn split8(record: Record<'_>, out: &mut Output) -> Result {
    let value = record.bytes()?;
    for piece in 0..8 {
        out.send(&value[value.len() * piece / 8..value.len() * (piece + 1) / 8])?;
    }
    Ok(())
}
