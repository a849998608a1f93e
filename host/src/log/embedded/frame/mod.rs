//! A frame: the records that one transaction wrote to one partition, or a megabyte of them, in columns. Reading it
//! is copying. Offsets are not in it: it is kept under its first one.
//!
//! ```text
//!  0  u8   version       4  u32  records             16 u32 bytes of keys     28 u32 bytes of header names
//!  1  u8   flags         8  i64  latest timestamp    20 u32 bytes of values   32 u32 bytes of header values
//!  2  u16  zero                                      24 u32 headers           36 u32 crc of all other bytes
//! 40  timestamps · ends of keys · ends of values · keys · values · [ends of headers · ends of names · ends of header
//!     values · names · header values]
//! ```
//! Numbers are little-endian; ends are as in `Column`.

mod build;

use std::ops::Range;

use invoker_core::records::{Column, RecordBatch};

pub(super) use build::{Builder, Encoded};

const VERSION: u8 = 1;
/// The frame is the last of its transaction in this partition: one offset more is taken, as Kafka's marker does.
const MARKER: u8 = 1;
const HEADERS: u8 = 2;
const PREFIX: usize = 40;

fn checksum(frame: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(frame.get(..PREFIX - 4).unwrap_or_default());
    crc.update(frame.get(PREFIX..).unwrap_or_default());
    crc.finalize()
}

/// Why stored bytes are not a frame.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum Damage {
    #[error("frame has version {0}, this version reads {VERSION}")]
    Version(u8),
    #[error("frame has {bytes} bytes, which is not what its lengths say")]
    Length { bytes: usize },
    #[error("frame has checksum {found:08x}, its bytes give {expected:08x}")]
    Checksum { found: u32, expected: u32 },
}

/// A column inside a frame.
#[derive(Clone, Copy, Debug)]
struct Part<'a> {
    ends: &'a [[u8; 4]],
    data: &'a [u8],
}

/// A frame to read from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    marker: bool,
    timestamps: &'a [[u8; 8]],
    keys: Part<'a>,
    values: Part<'a>,
    headers: Option<Headers<'a>>,
}

#[derive(Clone, Copy, Debug)]
struct Headers<'a> {
    ends: &'a [[u8; 4]],
    names: Part<'a>,
    values: Part<'a>,
}

struct Cut<'a>(&'a [u8]);

impl<'a> Cut<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn many<const N: usize>(&mut self, count: usize) -> Option<&'a [[u8; N]]> {
        Some(self.bytes(count.checked_mul(N)?)?.as_chunks().0)
    }

    fn number(&mut self) -> Option<usize> {
        Some(u32::from_le_bytes(*self.bytes(4)?.first_chunk()?) as usize)
    }
}

impl<'a> Frame<'a> {
    /// `trusted` bytes were written by this process and never left its memory: their checksum is not looked at.
    pub(super) fn parse(bytes: &'a [u8], trusted: bool) -> Result<Self, Damage> {
        match bytes.first() {
            Some(&VERSION) => {}
            Some(&other) => return Err(Damage::Version(other)),
            None => return Err(Damage::Length { bytes: 0 }),
        }
        let frame = Self::cut(bytes).ok_or(Damage::Length { bytes: bytes.len() })?;
        if !trusted {
            let found = bytes.get(PREFIX - 4..).and_then(|crc| crc.first_chunk()).copied();
            let (found, expected) = (u32::from_le_bytes(found.unwrap_or_default()), checksum(bytes));
            if found != expected {
                return Err(Damage::Checksum { found, expected });
            }
        }
        Ok(frame)
    }

    fn cut(bytes: &'a [u8]) -> Option<Self> {
        let mut cut = Cut(bytes);
        let flags = *cut.bytes(4)?.get(1)?;
        let count = cut.number()?;
        cut.bytes(8)?;
        let (key_bytes, value_bytes, headers) = (cut.number()?, cut.number()?, cut.number()?);
        let (name_bytes, header_bytes) = (cut.number()?, cut.number()?);
        cut.bytes(4)?;
        let timestamps = cut.many(count)?;
        let (key_ends, value_ends) = (cut.many(count)?, cut.many(count)?);
        let keys = Part { ends: key_ends, data: cut.bytes(key_bytes)? };
        let values = Part { ends: value_ends, data: cut.bytes(value_bytes)? };
        let headers = if flags & HEADERS == 0 {
            None
        } else {
            let ends = cut.many(count)?;
            let (name_ends, value_ends) = (cut.many(headers)?, cut.many(headers)?);
            let names = Part { ends: name_ends, data: cut.bytes(name_bytes)? };
            Some(Headers { ends, names, values: Part { ends: value_ends, data: cut.bytes(header_bytes)? } })
        };
        cut.0.is_empty().then_some(Self { marker: flags & MARKER != 0, timestamps, keys, values, headers })
    }

    /// Number of records.
    pub(super) fn len(&self) -> usize {
        self.timestamps.len()
    }

    /// Number of offsets it takes.
    pub(super) fn span(&self) -> u64 {
        self.len() as u64 + u64::from(self.marker)
    }

    /// The first record at or after `timestamp`, not in front of `from`.
    pub(super) fn find(&self, timestamp: i64, from: usize) -> Option<usize> {
        let mut rest = self.timestamps.iter().enumerate().skip(from);
        rest.find(|(_, bytes)| i64::from_le_bytes(**bytes) >= timestamp).map(|(at, _)| at)
    }

    /// Bytes of the records in front of `at`.
    fn bytes_before(&self, at: usize) -> usize {
        let headers = self.headers.map_or(0, |headers| {
            let end = headers.end(at);
            headers.names.end(end) + headers.values.end(end)
        });
        self.keys.end(at) + self.values.end(at) + headers
    }

    /// How many records from `from` on fit into both limits.
    pub(super) fn fitting(&self, from: usize, records: usize, bytes: usize) -> usize {
        let most = records.min(self.len().saturating_sub(from));
        let before = self.bytes_before(from);
        if self.bytes_before(from + most) - before <= bytes {
            return most;
        }
        let (mut fits, mut too_many) = (0, most);
        while fits + 1 < too_many {
            let middle = fits.midpoint(too_many);
            if self.bytes_before(from + middle) - before <= bytes {
                fits = middle;
            } else {
                too_many = middle;
            }
        }
        fits
    }

    /// Appends the records of `range`, the first record of the frame being at offset `base`.
    pub(super) fn append(&self, range: Range<usize>, base: u64, batch: &mut RecordBatch) {
        batch.offsets.extend(range.clone().map(|at| base + at as u64));
        let timestamps = self.timestamps.get(range.clone()).unwrap_or_default();
        batch.timestamps.extend(timestamps.iter().map(|bytes| i64::from_le_bytes(*bytes)));
        self.keys.append(range.clone(), &mut batch.keys);
        self.values.append(range.clone(), &mut batch.values);
        let known = batch.headers.names.len() as u32;
        let Some(headers) = self.headers else {
            batch.headers.ends.extend(range.map(|_| known));
            return;
        };
        let inner = headers.end(range.start)..headers.end(range.end);
        let first = inner.start as u32;
        let ends = headers.ends.get(range).unwrap_or_default();
        batch.headers.ends.extend(ends.iter().map(|end| u32::from_le_bytes(*end) - first + known));
        headers.names.append(inner.clone(), &mut batch.headers.names);
        headers.values.append(inner, &mut batch.headers.values);
    }
}

impl Headers<'_> {
    /// Number of headers of the records in front of `at`.
    fn end(&self, at: usize) -> usize {
        let last = at.checked_sub(1).and_then(|last| self.ends.get(last));
        last.map_or(0, |end| u32::from_le_bytes(*end) as usize)
    }
}

impl Part<'_> {
    /// Bytes of the items in front of `at`.
    fn end(&self, at: usize) -> usize {
        let last = at.checked_sub(1).and_then(|last| self.ends.get(last));
        let raw = last.map_or(0, |end| i32::from_le_bytes(*end));
        (if raw < 0 { -1 - raw } else { raw }) as usize
    }

    fn append(&self, range: Range<usize>, into: &mut Column) {
        let data = self.end(range.start)..self.end(range.end);
        let shift = into.data.len() as i32 - data.start as i32;
        into.data.extend_from_slice(self.data.get(data).unwrap_or_default());
        let ends = self.ends.get(range).unwrap_or_default();
        into.ends.extend(ends.iter().map(|end| {
            let raw = i32::from_le_bytes(*end);
            if raw < 0 { raw - shift } else { raw + shift }
        }));
    }
}

#[cfg(test)]
mod tests;
