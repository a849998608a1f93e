//! Views of the records in hand. They own nothing: keys, values and headers are read where the host put them.

use crate::bindings::invoker::udf::types::InputBatch;
use crate::codec::Decode;
use crate::error::{Error, Result};

/// The batch in hand.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) input: InputBatch,
}

impl Batch {
    pub(crate) fn key(&self, record: usize) -> Option<&[u8]> {
        let key = *self.input.key_of.get(record)?;
        self.input.keys.get(usize::try_from(key).ok()?)
    }

    pub(crate) fn event_time(&self, record: usize) -> i64 {
        self.input.event_times.get(record).copied().unwrap_or(-1)
    }
}

/// One record, read in place; copying it copies three words.
///
/// ```
/// use invoker_sdk::prelude::*;
///
/// /// Keeps the lines of one shop.
/// #[function]
/// fn of_shop(record: Record<'_>, #[setting] shop: &str, out: &mut Output) -> Result {
///     if record.key() == Some(shop.as_bytes()) {
///         out.send(record.bytes()?)?;
///     }
///     Ok(())
/// }
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    batch: &'a Batch,
    index: usize,
    value: Option<&'a [u8]>,
}

impl<'a> Record<'a> {
    pub(crate) fn new(batch: &'a Batch, index: usize, value: Option<&'a [u8]>) -> Self {
        Self { batch, index, value }
    }

    /// Its key, if it has one.
    #[inline]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.batch.key(self.index)
    }

    /// Its key as text. No key is the error `no-key`, and bytes that are not UTF-8 are `bad-text`.
    pub fn key_text(&self) -> Result<&'a str> {
        let key = self.key().ok_or_else(|| Error::reject("no-key", "the record has no key"))?;
        text(key).map_err(|error| error.context("its key"))
    }

    /// Its value; `None` is a tombstone.
    #[inline]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.value
    }

    /// Whether it says that its key is gone: it has no value.
    #[inline]
    pub fn is_tombstone(&self) -> bool {
        self.value.is_none()
    }

    /// Its value; a tombstone is the error `no-value`.
    #[inline]
    pub fn bytes(&self) -> Result<&'a [u8]> {
        self.value.ok_or_else(|| Error::reject("no-value", "the record has no value (it is a tombstone)"))
    }

    /// Its value as text. Bytes that are not UTF-8 are the error `bad-text`, and a tombstone is `no-value`.
    #[inline]
    pub fn text(&self) -> Result<&'a str> {
        text(self.bytes()?)
    }

    /// Its value, read from JSON; text may be borrowed. Anything else is the error `bad-json`.
    #[cfg(feature = "json")]
    pub fn json<T: serde::Deserialize<'a>>(&self) -> Result<T> {
        serde_json::from_slice(self.bytes()?).map_err(|error| Error::reject("bad-json", error))
    }

    /// Its value, read by a codec: `record.decode::<u64>()`.
    pub fn decode<C: Decode>(&self) -> Result<C::Item> {
        C::decode(self.bytes()?)
    }

    /// Milliseconds since the Unix epoch; `None` where the log gives none.
    #[inline]
    pub fn timestamp(&self) -> Option<i64> {
        let time = self.batch.event_time(self.index);
        (time != -1).then_some(time)
    }

    /// Its offset in its partition.
    #[inline]
    pub fn offset(&self) -> u64 {
        let delta = self.batch.input.offset_deltas.get(self.index).copied().unwrap_or(0);
        self.batch.input.first_offset + u64::from(delta)
    }

    /// The partition that it came from.
    #[inline]
    pub fn partition(&self) -> u32 {
        self.batch.input.partition
    }

    /// Index of the input that it came from, in the order of declaration; see [`crate::Input`] to ask by name.
    #[inline]
    pub fn input(&self) -> u16 {
        self.batch.input.input
    }

    /// The host's wall clock when it handed over this record, in milliseconds since the Unix epoch.
    #[inline]
    pub fn now(&self) -> i64 {
        self.batch.input.now
    }

    /// No earlier event time is expected any more; `None` = not tracked.
    #[inline]
    pub fn watermark(&self) -> Option<i64> {
        self.batch.input.watermark
    }

    /// How often it was tried before: 0 unless it failed as transient, or the host had to try it again.
    #[inline]
    pub fn attempt(&self) -> u32 {
        // The number is that of the batch's first record; those behind it were not reached.
        if self.index == 0 { self.batch.input.attempt } else { 0 }
    }

    /// Its headers in order, repeated names kept. Empty unless the function declares `headers = "read"`.
    pub fn headers(&self) -> impl Iterator<Item = (&'a str, Option<&'a [u8]>)> + use<'a> {
        let headers = self.batch.input.headers.as_ref();
        let range = headers.map_or(0..0, |headers| headers.range(self.index));
        range.filter_map(move |at| {
            let headers = headers?;
            let name = str::from_utf8(headers.names.get(at)?).ok()?;
            Some((name, headers.values.get(at)))
        })
    }

    /// The value of its last header of this name; `None` where there is none or it is null.
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        self.headers().filter(|(other, _)| *other == name).last().and_then(|(_, value)| value)
    }
}

#[inline]
fn text(bytes: &[u8]) -> Result<&str> {
    str::from_utf8(bytes).map_err(|error| Error::reject("bad-text", error))
}
