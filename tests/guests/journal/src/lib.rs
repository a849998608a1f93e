//! Numbers the records of each key in order, and goes wrong in each way on values made for it.

use invoker_sdk::prelude::*;

/// Numbers records by key; `panic…` panics, `reject…` is rejected, `flaky…` fails when it is tried for the first time, `spin…`
/// never ends, `grow…` takes all memory there is, `large…` sends a record of three million bytes.
#[function]
fn journal(
    record: Record<'_>,
    /// Records of the key so far.
    count: &mut Value<u64>,
    /// The number of the record within its key, and its value, under its key.
    entries: &mut Output,
) -> Result {
    let value = record.text()?;
    // Changed first: a failure must undo it.
    let count = count.or_default()?;
    *count += 1;
    entries.send(format!("{count} {value}").as_bytes())?;
    match value.split(char::is_whitespace).next().unwrap_or_default() {
        "panic" => panic!("told to by {value:?}"),
        "reject" => return Err(Error::reject("told-to", value)),
        "flaky" if record.attempt() == 0 => return Err(Error::transient("told-to", value)),
        "spin" => loop {
            std::hint::black_box(value);
        },
        "grow" => {
            let mut held = Vec::new();
            loop {
                held.push(std::hint::black_box(vec![1_u8; 1 << 20]));
            }
        }
        "large" => entries.send(&vec![b'x'; 3_000_000])?,
        _ => {}
    }
    Ok(())
}
