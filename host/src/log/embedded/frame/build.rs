//! Writing frames.

use invoker_core::records::{Column, HeaderColumns, RecordRef};

use super::{HEADERS, MARKER, PREFIX, VERSION, checksum};
use crate::db::Value;

/// Records on their way into a frame.
#[derive(Debug, Default)]
pub(in crate::log::embedded) struct Builder {
    timestamps: Vec<i64>,
    keys: Column,
    values: Column,
    headers: HeaderColumns,
}

/// A finished frame.
#[derive(Debug)]
pub(in crate::log::embedded) struct Encoded {
    pub(in crate::log::embedded) bytes: Value,
    /// Offsets it takes.
    pub(in crate::log::embedded) span: u64,
    pub(in crate::log::embedded) latest: i64,
}

impl Builder {
    pub(in crate::log::embedded) fn push(&mut self, record: RecordRef<'_>) {
        self.timestamps.push(record.timestamp);
        self.keys.push(record.key);
        self.values.push(record.value);
        self.headers.push(record.headers.iter().copied());
    }

    pub(in crate::log::embedded) fn is_empty(&self) -> bool {
        self.timestamps.is_empty()
    }

    /// Bytes of keys, values and headers.
    pub(in crate::log::embedded) fn bytes(&self) -> usize {
        self.keys.data.len()
            + self.values.data.len()
            + self.headers.names.data.len()
            + self.headers.values.data.len()
    }

    pub(in crate::log::embedded) fn clear(&mut self) {
        self.timestamps.clear();
        self.keys.clear();
        self.values.clear();
        self.headers.clear();
    }

    /// Turns what was pushed into a frame, and is empty again. Records without a timestamp get `now`.
    pub(in crate::log::embedded) fn encode(&mut self, now: i64, marker: bool) -> Encoded {
        for timestamp in &mut self.timestamps {
            if *timestamp == -1 {
                *timestamp = now;
            }
        }
        let count = self.timestamps.len();
        let latest = self.timestamps.iter().copied().max().unwrap_or(-1);
        let with_headers = !self.headers.names.is_empty();
        let flags = u8::from(marker) * MARKER + u8::from(with_headers) * HEADERS;
        let mut out = Vec::with_capacity(PREFIX + count * 20 + self.bytes() + self.headers.names.len() * 8);
        out.extend([VERSION, flags, 0, 0]);
        put(&mut out, count);
        out.extend(latest.to_le_bytes());
        put(&mut out, self.keys.data.len());
        put(&mut out, self.values.data.len());
        put(&mut out, self.headers.names.len());
        put(&mut out, self.headers.names.data.len());
        put(&mut out, self.headers.values.data.len());
        put(&mut out, 0);
        out.extend(self.timestamps.iter().flat_map(|number| number.to_le_bytes()));
        let ends = |out: &mut Vec<u8>, column: &Column| {
            out.extend(column.ends.iter().flat_map(|number| number.to_le_bytes()));
        };
        ends(&mut out, &self.keys);
        ends(&mut out, &self.values);
        out.extend(&self.keys.data);
        out.extend(&self.values.data);
        if with_headers {
            out.extend(self.headers.ends.iter().flat_map(|number| number.to_le_bytes()));
            ends(&mut out, &self.headers.names);
            ends(&mut out, &self.headers.values);
            out.extend(&self.headers.names.data);
            out.extend(&self.headers.values.data);
        }
        let crc = checksum(&out).to_le_bytes();
        if let Some(at) = out.get_mut(PREFIX - 4..PREFIX) {
            at.copy_from_slice(&crc);
        }
        self.clear();
        Encoded { bytes: out.into(), span: count as u64 + u64::from(marker), latest }
    }
}

fn put(out: &mut Vec<u8>, number: usize) {
    out.extend((number as u32).to_le_bytes());
}
