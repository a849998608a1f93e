//! Records of one input into one topic, in transactions of bounded size that carry the position read.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use invoker_core::partitioner::partition_of;
use invoker_core::records::RecordRef;
use invoker_host::log::{Commit, Committed, Log, Producer, TopicHandle, TopicPartition};

use super::progress::InputProgress;
use crate::data::not_committed;
use crate::error::Error;

/// A transaction is ended at the first of these.
const TRANSACTION_BYTES: usize = 2 << 20;
const TRANSACTION_RECORDS: usize = 16 * 1024;
/// Records without key go to one partition for this many lines, then to the next.
const RUN: u64 = 128;

pub(super) struct Writer {
    producer: Box<dyn Producer>,
    topic: String,
    handle: TopicHandle,
    partitions: u32,
    open: bool,
    records: usize,
    bytes: usize,
    progress: Arc<InputProgress>,
}

impl Writer {
    pub(super) fn new(
        log: &dyn Log,
        transactional_id: &str,
        topic: &str,
        progress: Arc<InputProgress>,
    ) -> Result<Self, Error> {
        let failed = |error| write_failed(topic, &error);
        let mut producer = log.producer(transactional_id).map_err(failed)?;
        let (handle, partitions) = producer.open(topic).map_err(failed)?;
        let topic = topic.to_owned();
        Ok(Self { producer, topic, handle, partitions, open: false, records: 0, bytes: 0, progress })
    }

    pub(super) fn record_limit(&self) -> usize {
        self.producer.record_limit(self.handle)
    }

    /// Takes a record into the open transaction. `line` spreads those without key.
    pub(super) fn write(&mut self, line: u64, record: RecordRef<'_>) -> Result<(), Error> {
        if !self.open {
            self.producer.begin().map_err(|error| write_failed(&self.topic, &error))?;
            self.open = true;
        }
        let partition = match record.key {
            Some(key) => partition_of(key, self.partitions),
            None => (line / RUN % u64::from(self.partitions.max(1))) as u32,
        };
        self.producer
            .write(self.handle, partition, record)
            .map_err(|error| write_failed(&self.topic, &error))?;
        self.records += 1;
        self.bytes += record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        Ok(())
    }

    /// Whether the transaction should end before it takes more.
    pub(super) fn is_full(&self) -> bool {
        self.records >= TRANSACTION_RECORDS || self.bytes >= TRANSACTION_BYTES
    }

    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Makes the records readable, and the position with them. Does nothing where there are neither.
    pub(super) fn commit(
        &mut self,
        position: Option<(&str, (TopicPartition, Committed))>,
    ) -> Result<(), Error> {
        let failed = |topic: &str, error| write_failed(topic, &error);
        if !self.open {
            if position.is_none() {
                return Ok(());
            }
            self.producer.begin().map_err(|error| failed(&self.topic, error))?;
            self.open = true;
        }
        // First, so that a record that was not taken is told by its own name.
        self.producer.flush().map_err(|error| failed(&self.topic, error))?;
        if let Some((group, offset)) = position {
            self.producer.add_offsets(group, &[offset]).map_err(|error| failed(&self.topic, error))?;
        }
        let outcome = self.producer.commit();
        self.open = false;
        if outcome != Commit::Committed {
            let what = format!("cannot write to topic {:?}", self.topic);
            return Err(not_committed(what, outcome));
        }
        self.progress.records.fetch_add(self.records as u64, Ordering::Relaxed);
        self.progress.bytes.fetch_add(self.bytes as u64, Ordering::Relaxed);
        (self.records, self.bytes) = (0, 0);
        Ok(())
    }
}

fn write_failed(topic: &str, error: &invoker_host::log::Error) -> Error {
    crate::data::log_failed(&format!("cannot write to topic {topic:?}"), error)
}
