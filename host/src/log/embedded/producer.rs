//! Transactional producers: records are gathered in columns and enter the log at commit. A producer lives as long as
//! its transactional id is not given to another; since a data directory belongs to one process, ids of an earlier
//! process have nobody left to fence, and their epochs are not kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use invoker_core::records::RecordRef;

use super::super::{Commit, Committed, Error, Producer, TopicHandle, TopicPartition};
use super::commit::Prepared;
use super::frame::{Builder, Encoded};
use super::groups::GroupPartition;
use super::store::GROUP_LIMIT;
use super::topics::Topic;
use super::{Shared, now};

/// A frame is closed when it would grow past this, bytes. A larger record has a frame of its own.
const FRAME: usize = 1 << 20;

/// Who holds a transactional id.
#[derive(Debug, Default)]
pub(super) struct Identity {
    epoch: u64,
    /// Positions in the open transaction.
    pending: Vec<GroupPartition>,
}

/// All transactional ids that this process has seen.
#[derive(Debug, Default)]
pub(super) struct Identities(Mutex<HashMap<String, Arc<Mutex<Identity>>>>);

impl Identities {
    fn get(&self, id: &str) -> Option<Arc<Mutex<Identity>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).map(Arc::clone)
    }

    fn make(&self, id: &str) -> Arc<Mutex<Identity>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(id.to_owned()).or_default())
    }
}

fn lock(identity: &Mutex<Identity>) -> MutexGuard<'_, Identity> {
    identity.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends every producer of this id; waits for the commit that is under way.
fn take_over(identity: &Mutex<Identity>, shared: &Shared) -> u64 {
    let mut identity = lock(identity);
    identity.epoch += 1;
    shared.groups.settle(&std::mem::take(&mut identity.pending));
    identity.epoch
}

pub(super) fn fence(id: &str, shared: &Shared) {
    // An id that nobody had has no transaction.
    if let Some(identity) = shared.identities.get(id) {
        take_over(&identity, shared);
    }
}

#[derive(Debug)]
pub(super) struct EmbeddedProducer {
    shared: Arc<Shared>,
    id: String,
    identity: Arc<Mutex<Identity>>,
    epoch: u64,
    open: bool,
    bytes: usize,
    topics: Vec<Opened>,
    /// Partitions written to in this transaction.
    touched: Vec<(TopicHandle, u32)>,
    offsets: Vec<(String, TopicPartition, Committed)>,
}

#[derive(Debug)]
struct Opened {
    topic: Arc<Topic>,
    partitions: Vec<Buffer>,
}

#[derive(Debug, Default)]
struct Buffer {
    full: Vec<Encoded>,
    open: Builder,
}

impl EmbeddedProducer {
    pub(super) fn new(id: &str, shared: Arc<Shared>) -> Self {
        let identity = shared.identities.make(id);
        let epoch = take_over(&identity, &shared);
        let (topics, touched, offsets) = Default::default();
        let id = id.to_owned();
        Self { shared, id, identity, epoch, open: false, bytes: 0, topics, touched, offsets }
    }

    fn fenced(&self) -> Error {
        Error::Fenced { id: self.id.clone() }
    }

    fn check(&self) -> Result<(), Error> {
        if lock(&self.identity).epoch == self.epoch { Ok(()) } else { Err(self.fenced()) }
    }

    fn misuse(action: &'static str) -> Error {
        Error::Backend { action, retryable: false, source: "no transaction is open".into() }
    }

    fn forget(&mut self) {
        for (topic, partition) in self.touched.drain(..) {
            let opened = self.topics.get_mut(topic);
            if let Some(buffer) = opened.and_then(|opened| opened.partitions.get_mut(partition as usize)) {
                *buffer = Buffer::default();
            }
        }
        self.offsets.clear();
        self.bytes = 0;
        self.open = false;
    }

    fn prepare(&mut self, now: i64) -> Prepared {
        let mut prepared = Prepared { frames: Vec::new(), offsets: std::mem::take(&mut self.offsets) };
        for (topic, partition) in self.touched.drain(..) {
            let Some(opened) = self.topics.get_mut(topic) else { continue };
            let target = opened.topic.partitions.get(partition as usize);
            let (Some(target), Some(buffer)) = (target, opened.partitions.get_mut(partition as usize)) else {
                continue;
            };
            let mut frames = std::mem::take(&mut buffer.full);
            frames.push(buffer.open.encode(now, true));
            prepared.frames.push((Arc::clone(target), frames));
        }
        self.bytes = 0;
        self.open = false;
        prepared
    }
}

impl Producer for EmbeddedProducer {
    fn open(&mut self, topic: &str) -> Result<(TopicHandle, u32), Error> {
        let known = self.topics.iter().position(|opened| *opened.topic.name == *topic);
        let handle = match known {
            Some(handle) => handle,
            None => {
                let topic = self.shared.topics.topic(topic)?;
                let partitions = topic.partitions.iter().map(|_| Buffer::default()).collect();
                self.topics.push(Opened { topic, partitions });
                self.topics.len() - 1
            }
        };
        let partitions = self.topics.get(handle).map_or(0, |opened| opened.topic.row.partitions);
        Ok((handle, partitions))
    }

    fn record_limit(&self, _topic: TopicHandle) -> usize {
        self.shared.options.record_limit
    }

    fn begin(&mut self) -> Result<(), Error> {
        self.abort()?;
        self.shared.commits.check()?;
        self.open = true;
        Ok(())
    }

    fn write(&mut self, topic: TopicHandle, partition: u32, record: RecordRef<'_>) -> Result<(), Error> {
        if !self.open {
            return Err(Self::misuse("write a record"));
        }
        let Some(opened) = self.topics.get_mut(topic) else {
            return Err(Self::misuse("write to a topic that is not open"));
        };
        let Some(buffer) = opened.partitions.get_mut(partition as usize) else {
            let (topic, count) = (opened.topic.name.to_string(), opened.topic.row.partitions);
            return Err(Error::UnknownPartition { topic, partition, count });
        };
        let headers = record.headers.iter().map(|(name, value)| name.len() + value.map_or(0, <[u8]>::len));
        let bytes =
            record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + headers.sum::<usize>();
        let limit = self.shared.options.record_limit;
        if bytes > limit {
            let topic = opened.topic.name.to_string();
            return Err(Error::RecordTooLarge { topic, partition, bytes, limit });
        }
        if buffer.open.is_empty() {
            self.touched.push((topic, partition));
        } else if buffer.open.bytes() + bytes > FRAME {
            buffer.full.push(buffer.open.encode(now(), false));
        }
        buffer.open.push(record);
        self.bytes += bytes;
        Ok(())
    }

    fn pending_bytes(&self) -> usize {
        self.bytes
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.check()
    }

    fn add_offsets(&mut self, group: &str, offsets: &[(TopicPartition, Committed)]) -> Result<(), Error> {
        if !self.open {
            return Err(Self::misuse("add positions"));
        }
        if group.is_empty() || group.len() > GROUP_LIMIT {
            let what = format!("a group name of {} bytes", group.len());
            return Err(Error::Invalid { what, why: "it must have 1 to 32768 bytes" });
        }
        for (partition, _) in offsets {
            self.shared.topics.partition(partition)?;
        }
        let mut identity = lock(&self.identity);
        if identity.epoch != self.epoch {
            return Err(self.fenced());
        }
        let added: Vec<_> = offsets.iter().map(|(at, _)| (group.to_owned(), at.clone())).collect();
        self.shared.groups.pend(&added);
        identity.pending.extend(added);
        let offsets = offsets.iter().cloned();
        self.offsets.extend(offsets.map(|(partition, committed)| (group.to_owned(), partition, committed)));
        Ok(())
    }

    fn commit(&mut self) -> Commit {
        if !self.open {
            return if self.check().is_ok() { Commit::Aborted } else { Commit::Fenced };
        }
        let now = now();
        let prepared = self.prepare(now);
        let identity = Arc::clone(&self.identity);
        // Held to the end: who fences this id learns how its last commit ended.
        let mut identity = lock(&identity);
        if identity.epoch != self.epoch {
            return Commit::Fenced;
        }
        let shared = &self.shared;
        let touched = shared.touched(&prepared);
        let outcome =
            shared.commits.commit(prepared, now, shared.options.cache_bytes, &shared.store, &shared.groups);
        shared.groups.settle(&std::mem::take(&mut identity.pending));
        drop(identity);
        match outcome {
            Ok(()) => {
                shared.consumed(&touched);
                Commit::Committed
            }
            Err(error) => {
                tracing::error!(id = self.id, error = &error as &dyn std::error::Error, "commit failed");
                Commit::Unknown
            }
        }
    }

    fn abort(&mut self) -> Result<(), Error> {
        self.forget();
        let mut identity = lock(&self.identity);
        if identity.epoch != self.epoch {
            return Err(self.fenced());
        }
        self.shared.groups.settle(&std::mem::take(&mut identity.pending));
        Ok(())
    }
}

impl Drop for EmbeddedProducer {
    fn drop(&mut self) {
        // Fenced or not: nobody is left to tell.
        let _ = self.abort();
    }
}
