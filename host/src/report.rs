//! What a running entity tells about itself: counters that lanes add to, and the standing of each partition.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

/// Everything a host runs.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostStatus {
    pub entities: Vec<EntityStatus>,
}

/// One entity: totals since the host started.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntityStatus {
    pub id: String,
    /// Records accounted for, failed ones included.
    pub records_in: u64,
    pub records_out: u64,
    /// Records that went to `onFailure`, whatever it did with them.
    pub rejected: u64,
    pub dead_letters: u64,
    pub skipped: u64,
    /// Offsets passed over as the log did not hold them any more.
    pub out_of_range: u64,
    pub retries: u64,
    pub commits: u64,
    /// Times a lane dropped everything in memory and took its partitions again.
    pub recoveries: u64,
    /// Lanes that hung and were replaced.
    pub stalls: u64,
    /// Time spent between poll and commit, nanoseconds, all lanes together.
    pub busy_ns: u64,
    /// Keys in the cache of the lanes.
    pub cached_keys: u64,
    /// Records between the committed positions and the ends of the inputs; `None` = the log does not tell.
    pub lag: Option<u64>,
    /// A group decides what it reads here, and has not yet, or not again.
    pub unassigned: bool,
    pub partitions: Vec<PartitionStatus>,
}

/// One partition of an entity.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionStatus {
    pub partition: u32,
    /// Committed position per input.
    pub committed: Vec<u64>,
    /// As that of the entity.
    pub lag: Option<u64>,
    pub state: PartitionState,
}

/// How a partition stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PartitionState {
    /// Not taken yet.
    Starting,
    Running,
    /// A record failed and is tried again; everything behind it waits.
    Retrying {
        offset: u64,
        attempt: u32,
        error: String,
    },
    /// It does not go on by itself.
    Stopped {
        error: String,
    },
    /// Another host has taken it from this one.
    Taken,
}

impl PartitionState {
    /// Why it does not go on here, where it does not.
    pub fn ended(&self) -> Option<&str> {
        match self {
            Self::Stopped { error } => Some(error),
            Self::Taken => Some("another host of this deployment has taken it"),
            Self::Starting | Self::Running | Self::Retrying { .. } => None,
        }
    }
}

/// Where the lanes of one entity write.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) records_in: AtomicU64,
    pub(crate) records_out: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) dead_letters: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) out_of_range: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) commits: AtomicU64,
    pub(crate) recoveries: AtomicU64,
    pub(crate) stalls: AtomicU64,
    pub(crate) busy_ns: AtomicU64,
    /// A group decides which partitions there are, and has not yet.
    pub(crate) unassigned: AtomicBool,
    /// Partitions that every input was last seen to have; 0 = nobody has looked.
    found: AtomicU32,
    partitions: Mutex<BTreeMap<u32, Standing>>,
}

#[derive(Clone, Debug)]
struct Standing {
    committed: Vec<u64>,
    cached_keys: u64,
    state: PartitionState,
}

impl Standing {
    fn starting() -> Self {
        Self { committed: Vec::new(), cached_keys: 0, state: PartitionState::Starting }
    }
}

/// Adds to a counter.
pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

impl Report {
    pub(crate) fn new(partitions: &[u32]) -> Self {
        let standings = partitions.iter().map(|&partition| (partition, Standing::starting())).collect();
        Self { partitions: Mutex::new(standings), ..Self::default() }
    }

    /// Takes over the totals of what ran before, at this moment.
    pub(crate) fn continue_from(&self, earlier: &Self) {
        let pairs = [
            (&self.records_in, &earlier.records_in),
            (&self.records_out, &earlier.records_out),
            (&self.rejected, &earlier.rejected),
            (&self.dead_letters, &earlier.dead_letters),
            (&self.skipped, &earlier.skipped),
            (&self.out_of_range, &earlier.out_of_range),
            (&self.retries, &earlier.retries),
            (&self.commits, &earlier.commits),
            (&self.recoveries, &earlier.recoveries),
            (&self.stalls, &earlier.stalls),
            (&self.busy_ns, &earlier.busy_ns),
        ];
        pairs.iter().for_each(|(counter, earlier)| add(counter, earlier.load(Ordering::Relaxed)));
    }

    fn change(&self, partition: u32, change: impl FnOnce(&mut Standing)) {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        change(partitions.entry(partition).or_insert_with(Standing::starting));
    }

    /// The partition is to be this host's.
    pub(crate) fn expect(&self, partition: u32) {
        self.change(partition, |_| {});
    }

    /// Partitions that another host has taken.
    pub(crate) fn taken(&self) -> Vec<u32> {
        let partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = partitions.iter().filter(|(_, standing)| standing.state == PartitionState::Taken);
        taken.map(|(&partition, _)| partition).collect()
    }

    /// The partition is no longer this host's.
    pub(crate) fn forget(&self, partition: u32) {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner).remove(&partition);
    }

    pub(crate) fn set_state(&self, partition: u32, state: PartitionState) {
        self.change(partition, |standing| standing.state = state);
    }

    pub(crate) fn set_committed(&self, partition: u32, committed: &[u64], cached_keys: u64) {
        self.change(partition, |standing| {
            standing.committed.clear();
            standing.committed.extend_from_slice(committed);
            standing.cached_keys = cached_keys;
        });
    }

    pub(crate) fn set_found(&self, partitions: u32) {
        self.found.store(partitions, Ordering::Relaxed);
    }

    pub(crate) fn found(&self) -> u32 {
        self.found.load(Ordering::Relaxed)
    }

    /// How a partition stands, and its committed position per input; none before it runs.
    pub(crate) fn standing(&self, partition: u32) -> Option<(PartitionState, Vec<u64>)> {
        let partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        partitions.get(&partition).map(|standing| (standing.state.clone(), standing.committed.clone()))
    }

    pub(crate) fn busy(&self, time: Duration) {
        add(&self.busy_ns, time.as_nanos() as u64);
    }

    /// The totals, without lag (that takes the log's ends).
    pub(crate) fn snapshot(&self, id: &str) -> EntityStatus {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        EntityStatus {
            id: id.to_owned(),
            records_in: load(&self.records_in),
            records_out: load(&self.records_out),
            rejected: load(&self.rejected),
            dead_letters: load(&self.dead_letters),
            skipped: load(&self.skipped),
            out_of_range: load(&self.out_of_range),
            retries: load(&self.retries),
            commits: load(&self.commits),
            recoveries: load(&self.recoveries),
            stalls: load(&self.stalls),
            busy_ns: load(&self.busy_ns),
            cached_keys: partitions.values().map(|standing| standing.cached_keys).sum(),
            lag: None,
            unassigned: self.unassigned.load(Ordering::Relaxed),
            partitions: partitions
                .iter()
                .map(|(&partition, standing)| PartitionStatus {
                    partition,
                    committed: standing.committed.clone(),
                    lag: None,
                    state: standing.state.clone(),
                })
                .collect(),
        }
    }
}
