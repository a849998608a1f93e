//! What may be dropped. On disk, and wherever a topic says so: what is older or more than its retention. In memory
//! also what every group that reads the topic has passed, and of topics that nobody reads all but the latest megabytes.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use super::super::Error;
use super::partition::Partition;
use super::store::{IndexRow, Store, damaged, failed, start_key};
use super::topics::Topic;
use super::{Shared, now};
use crate::db::{Batch, Sync};

/// Frames dropped in one batch of the database.
const STRIDE: usize = 256;

/// Drops the frames at the beginning of a partition for which `drop` says so, up to the first for which it does not.
/// Frames that are not visible yet stay.
fn trim(partition: &Partition, store: &Store, mut drop: impl FnMut(&IndexRow) -> bool) -> Result<(), Error> {
    let _one = partition.trimming.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let (start, end) = partition.bounds();
        let mut batch = Batch::new();
        let (mut cut, mut held) = (start, 0);
        for entry in store.rows.range(&partition.key(0), Some(&partition.key(end))).take(STRIDE) {
            let (key, row) = entry.map_err(failed("drop old records"))?;
            let row = IndexRow::decode(&row)?;
            if row.end > end || !drop(&row) {
                break;
            }
            cut = row.end;
            held += row.held();
            batch.remove(&store.rows, &key);
            batch.remove(&store.frames, &key);
        }
        let dropped = batch.len() / 2;
        if dropped == 0 {
            return Ok(());
        }
        partition.cut(cut, held);
        batch.put(&store.rows, &start_key(partition.topic_id, partition.index), &cut.to_le_bytes());
        store.db.write(batch, Sync::Later).map_err(failed("drop old records"))?;
        if dropped < STRIDE {
            return Ok(());
        }
    }
}

/// Bytes of the frames of a partition.
fn bytes(partition: &Partition, store: &Store) -> Result<u64, Error> {
    let rows = store.rows.range(&partition.key(0), Some(&partition.key(u64::MAX)));
    let bytes = |entry: Result<_, _>| {
        let (_, row): (_, crate::db::Value) = entry.map_err(failed("measure a partition"))?;
        Ok(IndexRow::decode(&row)?.bytes)
    };
    rows.map(bytes).sum()
}

/// Drops frames until no more than `keep` of these bytes are left.
fn keep_bytes(partition: &Partition, store: &Store, keep: u64, mut left: u64) -> Result<(), Error> {
    if left <= keep {
        return Ok(());
    }
    trim(partition, store, |row| {
        let drop = left > keep;
        left = left.saturating_sub(if drop { row.bytes } else { 0 });
        drop
    })
}

/// In memory: bytes of a topic that some group has not consumed, which is all that `consumed` left.
pub(super) fn backlog(topic: &Topic, shared: &Shared) -> u64 {
    let read = |partition: &&Arc<Partition>| shared.groups.floor(&topic.name, partition.index).is_some();
    topic.partitions.iter().filter(read).map(|partition| partition.bytes()).sum()
}

/// In memory, after a commit: drops what nobody waits for.
pub(super) fn consumed(topic: &Topic, partition: u32, shared: &Shared) -> Result<(), Error> {
    let Ok(partition) = topic.partition(partition) else { return Ok(()) };
    match shared.groups.floor(&topic.name, partition.index) {
        Some(floor) => trim(&partition, &shared.store, |row| row.end <= floor),
        None => {
            let share = shared.options.unread_bytes / u64::from(topic.row.partitions).max(1);
            keep_bytes(&partition, &shared.store, share, partition.bytes())
        }
    }
}

/// Age and size, as the topic or the log's options say.
pub(super) fn sweep(shared: &Shared) -> Result<(), Error> {
    let now = now();
    for topic in shared.topics.all() {
        let age = topic.row.retention_ms.or(shared.options.retention_ms);
        let size = topic.row.retention_bytes.or(shared.options.retention_bytes);
        for partition in &topic.partitions {
            if let Some(age) = age {
                let age = i64::try_from(age).unwrap_or(i64::MAX);
                trim(partition, &shared.store, |row| row.written < now.saturating_sub(age))?;
            }
            if let Some(size) = size {
                let all = bytes(partition, &shared.store)?;
                keep_bytes(partition, &shared.store, size, all)?;
            }
        }
    }
    Ok(())
}

/// The thread that sweeps now and then, until it is dropped.
#[derive(Debug)]
pub(super) struct Sweeper {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Sweeper {
    pub(super) fn start(shared: &Arc<Shared>) -> Result<Self, Error> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let (shared, every, seen) = (Arc::downgrade(shared), shared.options.sweep_every, Arc::clone(&stop));
        let thread = std::thread::Builder::new()
            .name("log-retention".to_owned())
            .spawn(move || run(&shared, every, &seen))
            .map_err(|error| damaged("start the retention thread", error))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

fn run(shared: &Weak<Shared>, every: Duration, stop: &(Mutex<bool>, Condvar)) {
    let (stop, told) = stop;
    loop {
        let stopped = stop.lock().unwrap_or_else(PoisonError::into_inner);
        let (stopped, _) = told
            .wait_timeout_while(stopped, every, |stopped| !*stopped)
            .unwrap_or_else(PoisonError::into_inner);
        if *stopped {
            return;
        }
        drop(stopped);
        let Some(shared) = shared.upgrade() else { return };
        if let Err(error) = sweep(&shared) {
            tracing::warn!(error = &error as &dyn std::error::Error, "retention failed, records are kept");
        }
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
