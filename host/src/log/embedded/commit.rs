//! The one way into the log. Commits are ordered for as long as it takes to give out offsets and hand the batch to the
//! database; they wait for the disk side by side, and become visible in order once they are on it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use invoker_core::message::described;

use super::super::{Committed, Error, TopicPartition};
use super::frame::Encoded;
use super::groups::Groups;
use super::partition::Partition;
use super::store::{Store, failed, offsets_key, offsets_row};
use crate::db::{self, Batch, Sync};

/// What a transaction leaves.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    pub(super) frames: Vec<(Arc<Partition>, Vec<Encoded>)>,
    pub(super) offsets: Vec<(String, TopicPartition, Committed)>,
}

/// What becomes visible when the commit of this number is on disk.
#[derive(Debug)]
struct Publication {
    number: u64,
    ends: Vec<(Arc<Partition>, u64)>,
    offsets: Vec<(String, TopicPartition, Committed)>,
}

#[derive(Debug, Default)]
pub(super) struct Commits {
    /// The number of the last commit that was handed to the database.
    order: Mutex<u64>,
    waiting: Mutex<VecDeque<Publication>>,
    /// A commit failed: what it wrote may or may not be there, so nothing may follow it.
    broken: OnceLock<String>,
    cache: Mutex<Cache>,
    news: News,
}

impl Commits {
    pub(super) fn news(&self) -> &News {
        &self.news
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        let Some(cause) = self.broken.get() else { return Ok(()) };
        let source = format!(
            "an earlier commit failed, and nothing may follow what may be lost: {cause}; mend that and start this process \
             again, which finds out what is on the disk"
        );
        Err(Error::Backend { action: "write to the log", retryable: false, source: source.into() })
    }

    /// Returns when the transaction is durable and visible. After an error it is not known whether it will be.
    pub(super) fn commit(
        &self,
        prepared: Prepared,
        now: i64,
        cache_bytes: usize,
        store: &Store,
        groups: &Groups,
    ) -> Result<(), Error> {
        if prepared.frames.is_empty() && prepared.offsets.is_empty() {
            return Ok(());
        }
        let done = self.write(prepared, now, cache_bytes, store).and_then(|number| {
            store.db.sync()?;
            Ok(number)
        });
        match done {
            Ok(number) => {
                self.publish(number, groups);
                self.news.tell();
                Ok(())
            }
            Err(error) => {
                let _ = self.broken.set(described(&error));
                Err(failed("commit a transaction")(error))
            }
        }
    }

    fn write(
        &self,
        prepared: Prepared,
        now: i64,
        cache_bytes: usize,
        store: &Store,
    ) -> Result<u64, db::Error> {
        let Prepared { frames, offsets } = prepared;
        let mut number = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = Batch::new();
        let mut placed = Vec::new();
        for (partition, frames) in &frames {
            let bases = partition.stage(frames, now, store, &mut batch);
            let sizes = frames.iter().map(|frame| frame.bytes.len());
            placed
                .extend(bases.into_iter().zip(sizes).map(|(base, size)| (Arc::clone(partition), base, size)));
        }
        for (group, partition, committed) in &offsets {
            batch.put(&store.rows, &offsets_key(group, partition), &offsets_row(committed));
        }
        store.db.write(batch, Sync::Later)?;
        *number += 1;
        let take = |(partition, frames): (Arc<Partition>, _)| {
            let end = partition.take(frames);
            (partition, end)
        };
        let ends = frames.into_iter().map(take).collect();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push_back(Publication { number: *number, ends, offsets });
        drop(waiting);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.hold(placed, cache_bytes);
        Ok(*number)
    }

    /// Shows everything up to this commit: those in front of it were handed over before it, so that they are on disk
    /// if it is.
    fn publish(&self, number: u64, groups: &Groups) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while waiting.front().is_some_and(|front| front.number <= number) {
            let Some(publication) = waiting.pop_front() else { break };
            for (partition, end) in publication.ends {
                partition.publish(end);
            }
            groups.publish(publication.offsets);
        }
    }
}

/// Which frames are in memory beside the database, oldest first.
#[derive(Debug, Default)]
struct Cache {
    held: VecDeque<(Arc<Partition>, u64, usize)>,
    bytes: usize,
}

/// What a frame takes beside its bytes, roughly.
const FRAME_OVERHEAD: usize = 128;

impl Cache {
    fn hold(&mut self, placed: Vec<(Arc<Partition>, u64, usize)>, limit: usize) {
        for (partition, base, size) in placed {
            self.bytes += size + FRAME_OVERHEAD;
            self.held.push_back((partition, base, size));
        }
        while self.bytes > limit {
            let Some((partition, base, size)) = self.held.pop_front() else { break };
            self.bytes -= size + FRAME_OVERHEAD;
            partition.forget(base);
        }
    }
}

/// Wakes readers when something was committed.
#[derive(Debug, Default)]
pub(super) struct News {
    count: Mutex<u64>,
    told: Condvar,
}

impl News {
    /// To be read before looking for records, and given to `wait`: what comes in between is not missed.
    pub(super) fn seen(&self) -> u64 {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        *self.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.told.notify_all();
    }

    /// Returns whether there was news after `seen`, until `deadline`.
    pub(super) fn wait(&self, seen: u64, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        if left == Duration::ZERO {
            return false;
        }
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, _) = self
            .told
            .wait_timeout_while(count, left, |count| *count == seen)
            .unwrap_or_else(PoisonError::into_inner);
        *count != seen
    }
}
