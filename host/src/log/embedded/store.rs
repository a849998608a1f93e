//! How the log lies in the database: its spaces, their keys and their small rows.
//!
//! ```text
//! log         "t" topic                                     → JSON of [`TopicRow`]
//! log         "i" topic id · partition · offset             → end, bytes, latest timestamp, written at
//! log.frames  the same key                                  → frame
//! log         "s" topic id · partition                      → first offset that retention left
//! log         "o" length of group · group · partition · topic → offset · metadata
//! ```
//! Numbers in keys are big-endian, so that they sort; in rows little-endian. A space costs a dozen syncs to make and
//! memory of its own, so the small rows share one.

use serde::{Deserialize, Serialize};

use super::super::{Committed, Error, TopicPartition};
use crate::db::{self, Database, Space};

#[derive(Debug)]
pub(super) struct Store {
    pub(super) db: Database,
    pub(super) rows: Space,
    pub(super) frames: Space,
}

impl Store {
    pub(super) fn open(db: Database) -> Result<Self, db::Error> {
        Ok(Self { rows: db.space("log")?, frames: db.space_of_large("log.frames")?, db })
    }
}

/// What the database could not do, as an error of the log.
pub(super) fn failed(action: &'static str) -> impl Fn(db::Error) -> Error {
    move |error| Error::Backend { action, retryable: error.is_retryable(), source: Box::new(error) }
}

pub(super) fn damaged(
    action: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::Backend { action, retryable: false, source: source.into() }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct TopicRow {
    pub(super) id: u32,
    pub(super) partitions: u32,
    pub(super) retention_ms: Option<u64>,
    pub(super) retention_bytes: Option<u64>,
}

/// What the keys of each kind of row begin with.
pub(super) const TOPICS: u8 = b't';
const INDEX: u8 = b'i';
const STARTS: u8 = b's';
pub(super) const OFFSETS: u8 = b'o';

pub(super) fn topic_key(topic: &str) -> Vec<u8> {
    [&[TOPICS], topic.as_bytes()].concat()
}

pub(super) fn start_key(topic: u32, partition: u32) -> [u8; 9] {
    let mut key = [STARTS; 9];
    if let Some((_, numbers)) = key.split_first_chunk_mut::<1>() {
        numbers.copy_from_slice(&((u64::from(topic) << 32) | u64::from(partition)).to_be_bytes());
    }
    key
}

/// The key of a frame, and of what the index says of it.
pub(super) fn frame_key(topic: u32, partition: u32, offset: u64) -> [u8; 17] {
    let mut key = [INDEX; 17];
    let number = (u128::from(topic) << 96) | (u128::from(partition) << 64) | u128::from(offset);
    if let Some((_, numbers)) = key.split_first_chunk_mut::<1>() {
        numbers.copy_from_slice(&number.to_be_bytes());
    }
    key
}

/// The offset in the key of a frame.
pub(super) fn offset_of(key: &[u8]) -> u64 {
    key.last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// What is known of a frame without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IndexRow {
    /// The offset after it.
    pub(super) end: u64,
    pub(super) bytes: u64,
    pub(super) latest: i64,
    /// When it was written, milliseconds since the Unix epoch: retention goes by this, not by the timestamps of
    /// records, so that old data can be fed in.
    pub(super) written: i64,
}

/// What a frame takes beside its bytes, roughly.
const FRAME_OVERHEAD: u64 = 256;

impl IndexRow {
    /// What its frame takes in memory, bytes.
    pub(super) fn held(&self) -> u64 {
        self.bytes + FRAME_OVERHEAD
    }

    pub(super) fn encode(&self) -> [u8; 32] {
        let mut row = [0; 32];
        let (chunks, _) = row.as_chunks_mut::<8>();
        let numbers = [
            self.end.to_le_bytes(),
            self.bytes.to_le_bytes(),
            self.latest.to_le_bytes(),
            self.written.to_le_bytes(),
        ];
        chunks.iter_mut().zip(numbers).for_each(|(chunk, number)| *chunk = number);
        row
    }

    pub(super) fn decode(row: &[u8]) -> Result<Self, Error> {
        match row.as_chunks::<8>() {
            (&[end, bytes, latest, written], []) => Ok(Self {
                end: u64::from_le_bytes(end),
                bytes: u64::from_le_bytes(bytes),
                latest: i64::from_le_bytes(latest),
                written: i64::from_le_bytes(written),
            }),
            _ => Err(damaged("read the log's index", format!("a row has {} bytes, not 32", row.len()))),
        }
    }
}

/// Longest group name, bytes: with a topic name it still makes a key.
pub(super) const GROUP_LIMIT: usize = 32 * 1024;

pub(super) fn offsets_key(group: &str, partition: &TopicPartition) -> Vec<u8> {
    let mut key = vec![OFFSETS];
    key.extend((group.len() as u16).to_be_bytes());
    key.extend(group.as_bytes());
    key.extend(partition.partition.to_be_bytes());
    key.extend(partition.topic.as_bytes());
    key
}

pub(super) fn offsets_row(committed: &Committed) -> Vec<u8> {
    let mut row = committed.offset.to_le_bytes().to_vec();
    row.extend(committed.metadata.as_bytes());
    row
}

pub(super) fn read_offsets(key: &[u8], row: &[u8]) -> Result<(String, TopicPartition, Committed), Error> {
    let parts = || {
        let (length, rest) = key.get(1..)?.split_first_chunk()?;
        let (group, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        let (partition, topic) = rest.split_first_chunk()?;
        let (offset, metadata) = row.split_first_chunk()?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        let partition = TopicPartition { topic: text(topic)?, partition: u32::from_be_bytes(*partition) };
        let committed = Committed { offset: u64::from_le_bytes(*offset), metadata: text(metadata)? };
        Some((text(group)?, partition, committed))
    };
    parts().ok_or_else(|| damaged("read committed positions", "a row is not one of ours"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_numbers_do() {
        let keys = [(0, 0, u64::MAX), (0, 1, 0), (0, 256, 5), (1, 0, 0), (1, 0, 256), (256, 0, 0)];
        assert!(keys.map(|(t, p, o)| frame_key(t, p, o)).is_sorted());
        assert_eq!(offset_of(&frame_key(7, 8, 0x0102_0304_0506)), 0x0102_0304_0506);
        assert_eq!(frame_key(7, 8, 9)[1..9], start_key(7, 8)[1..]);
    }

    #[test]
    fn positions_survive_their_row() {
        let partition = TopicPartition { topic: "t".into(), partition: 7 };
        let committed = Committed { offset: 9, metadata: "1.00ff.2 ü".into() };
        let (key, row) = (offsets_key("grüppe", &partition), offsets_row(&committed));
        assert_eq!(read_offsets(&key, &row).unwrap(), ("grüppe".into(), partition, committed));
        assert!(read_offsets(&key[..5], &row).is_err());
        assert!(read_offsets(&key, &row[..7]).is_err());
    }

    #[test]
    fn an_index_row_survives() {
        let row = IndexRow { end: 1, bytes: 2, latest: -3, written: 4 };
        assert_eq!(IndexRow::decode(&row.encode()).unwrap(), row);
        assert!(IndexRow::decode(&[0; 31]).is_err());
    }
}
