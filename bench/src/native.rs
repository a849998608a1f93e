//! The functions of the benches in plain Rust, over the same columns.

use std::collections::HashMap;

use invoker_core::records::Column;

/// Upper-cases bytes 20 to 30 of each value.
pub(crate) fn map(values: &Column, out: &mut Column) {
    out.clear();
    for value in values.iter() {
        let from = out.data.len();
        out.push(value);
        if let Some(field) = out.data.get_mut(from + 20..from + 30) {
            field.make_ascii_uppercase();
        }
    }
}

/// Cuts each value into eight pieces of equal length.
pub(crate) fn split8(values: &Column, out: &mut Column, sources: &mut Vec<u32>) {
    out.clear();
    sources.clear();
    for (record, value) in values.iter().enumerate() {
        let value = value.unwrap_or_default();
        for piece in 0..8 {
            out.push(value.get(value.len() * piece / 8..value.len() * (piece + 1) / 8));
            sources.push(record as u32);
        }
    }
}

/// Counts per key; the new count goes out as decimal text.
#[derive(Default)]
pub(crate) struct Counts(HashMap<Vec<u8>, u64>);

impl Counts {
    pub(crate) fn count(&mut self, keys: &Column, out: &mut Column) {
        out.clear();
        for key in keys.iter() {
            let count = self.add(key.unwrap_or_default());
            push_decimal(out, count);
        }
    }

    pub(crate) fn add(&mut self, key: &[u8]) -> u64 {
        match self.0.get_mut(key) {
            Some(count) => {
                *count += 1;
                *count
            }
            None => {
                self.0.insert(key.to_vec(), 1);
                1
            }
        }
    }
}

/// Appends a number as decimal text.
pub(crate) fn push_decimal(out: &mut Column, number: u64) {
    out.push(Some(decimal(number, &mut [0; 20])));
}

/// A number as decimal text, in `buffer`.
pub(crate) fn decimal(mut number: u64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut at = buffer.len();
    loop {
        at -= 1;
        if let Some(digit) = buffer.get_mut(at) {
            *digit = b'0' + (number % 10) as u8;
        }
        number /= 10;
        if number == 0 {
            return buffer.get(at..).unwrap_or_default();
        }
    }
}

/// Hands each word of a line to `take`: runs of ASCII letters and digits, in lower case, as the `split` example cuts them.
pub(crate) fn words<E>(
    line: &[u8],
    word: &mut Vec<u8>,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<(), E> {
    for run in line.split(|byte| !byte.is_ascii_alphanumeric()).filter(|run| !run.is_empty()) {
        word.clear();
        word.extend(run.iter().map(u8::to_ascii_lowercase));
        take(word)?;
    }
    Ok(())
}
