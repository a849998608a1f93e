//! Records that a test hands over, and the columns that the host would make of them.

use crate::bindings::invoker::udf::types::{Column, HeaderColumns, HeaderUse};

/// A record to hand over. Text alone is one with that value and no key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Incoming {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) timestamp: Option<i64>,
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
    pub(super) input: Option<String>,
}

/// A record with this value and no key.
pub fn record(value: impl AsRef<[u8]>) -> Incoming {
    Incoming { value: Some(value.as_ref().to_vec()), ..Incoming::default() }
}

impl Incoming {
    /// Without value.
    pub fn tombstone(key: impl AsRef<[u8]>) -> Self {
        Self::default().key(key)
    }

    /// Under this key.
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.key = Some(key.as_ref().to_vec());
        self
    }

    /// With this event time, milliseconds since the Unix epoch.
    pub fn timestamp(mut self, milliseconds: i64) -> Self {
        self.timestamp = Some(milliseconds);
        self
    }

    /// With one more header. The function sees it, and outputs have it, as the function declares.
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), Some(value.as_ref().to_vec())));
        self
    }

    /// From the input of this name; the first one unless said.
    pub fn input(mut self, name: impl Into<String>) -> Self {
        self.input = Some(name.into());
        self
    }
}

impl From<&str> for Incoming {
    fn from(value: &str) -> Self {
        record(value)
    }
}

/// The distinct keys, and which one each record has.
pub(super) fn keys(records: &[&Incoming]) -> (Column, Vec<i32>) {
    let mut keys = Column::new();
    let key_of = records.iter().map(|record| match &record.key {
        None => -1,
        Some(key) => {
            let known = (0..keys.len()).find(|&i| keys.get(i) == Some(key));
            known.unwrap_or_else(|| {
                keys.push(Some(key));
                keys.len() - 1
            }) as i32
        }
    });
    let key_of = key_of.collect();
    (keys, key_of)
}

pub(super) fn values(records: &[&Incoming]) -> Column {
    let mut values = Column::new();
    records.iter().for_each(|record| values.push(record.value.as_deref()));
    values
}

pub(super) fn headers(records: &[&Incoming], wanted: HeaderUse) -> Option<HeaderColumns> {
    if wanted != HeaderUse::Read {
        return None;
    }
    let mut columns = HeaderColumns::new();
    for record in records {
        for (name, value) in &record.headers {
            columns.names.push(Some(name.as_bytes()));
            columns.values.push(value.as_deref());
        }
        columns.close();
    }
    Some(columns)
}
