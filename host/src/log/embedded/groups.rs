//! Committed positions of groups, and who may be about to change them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::super::{Committed, Error, TopicPartition};
use super::store::{OFFSETS, Store, failed, read_offsets};

pub(super) type GroupPartition = (String, TopicPartition);

#[derive(Debug, Default)]
pub(super) struct Groups {
    state: Mutex<State>,
    settled: Condvar,
}

#[derive(Debug, Default)]
struct State {
    committed: BTreeMap<String, BTreeMap<TopicPartition, Committed>>,
    /// How many open transactions carry a position.
    pending: HashMap<GroupPartition, usize>,
    /// Per topic: the groups that read it, and how far each has come in each partition it has committed. A group that
    /// is expected and has committed nothing stands at the beginning.
    readers: HashMap<String, BTreeMap<String, HashMap<u32, u64>>>,
}

impl Groups {
    pub(super) fn open(store: &Store) -> Result<Self, Error> {
        let groups = Self::default();
        for entry in store.rows.range(&[OFFSETS], Some(&[OFFSETS + 1])) {
            let (key, row) = entry.map_err(failed("read committed positions"))?;
            let (group, partition, committed) = read_offsets(&key, &row)?;
            groups.state().set(&group, &partition, committed);
        }
        Ok(groups)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn publish(&self, offsets: Vec<(String, TopicPartition, Committed)>) {
        let mut state = self.state();
        for (group, partition, committed) in offsets {
            state.set(&group, &partition, committed);
        }
    }

    /// Positions are in an open transaction: until `settle`, nobody is told an older one.
    pub(super) fn pend(&self, positions: &[GroupPartition]) {
        let mut state = self.state();
        for position in positions {
            *state.pending.entry(position.clone()).or_default() += 1;
        }
    }

    pub(super) fn settle(&self, positions: &[GroupPartition]) {
        let mut state = self.state();
        for position in positions {
            if let Some(count) = state.pending.get_mut(position) {
                *count -= 1;
                if *count == 0 {
                    state.pending.remove(position);
                }
            }
        }
        drop(state);
        self.settled.notify_all();
    }

    pub(super) fn committed(
        &self,
        group: &str,
        partition: &TopicPartition,
        wait: Duration,
    ) -> Result<Option<Committed>, Error> {
        let key = (group.to_owned(), partition.clone());
        let deadline = Instant::now() + wait;
        let mut state = self.state();
        while state.pending.contains_key(&key) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let TopicPartition { topic, partition } = partition;
                let what = format!("the open transaction over group {group:?} at {topic}[{partition}]");
                return Err(Error::TimedOut { what });
            }
            (state, _) = self.settled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(state.committed.get(group).and_then(|positions| positions.get(partition)).cloned())
    }

    /// Counts the group among the readers of a topic before it has committed anything.
    pub(super) fn expect(&self, group: &str, topic: &str) {
        let mut state = self.state();
        state.readers.entry(topic.to_owned()).or_default().entry(group.to_owned()).or_default();
    }

    pub(super) fn delete(&self, group: &str) {
        let mut state = self.state();
        state.committed.remove(group);
        for readers in state.readers.values_mut() {
            readers.remove(group);
        }
    }

    pub(super) fn list(&self, group: &str) -> Vec<(TopicPartition, Committed)> {
        let state = self.state();
        let positions = state.committed.get(group).into_iter().flatten();
        positions.map(|(partition, committed)| (partition.clone(), committed.clone())).collect()
    }

    /// The slowest reader's position in a partition; `None` where nobody reads the topic.
    pub(super) fn floor(&self, topic: &str, partition: u32) -> Option<u64> {
        let state = self.state();
        let readers = state.readers.get(topic)?;
        readers.values().map(|positions| positions.get(&partition).copied().unwrap_or(0)).min()
    }
}

impl State {
    fn set(&mut self, group: &str, partition: &TopicPartition, committed: Committed) {
        let readers = self.readers.entry(partition.topic.clone()).or_default();
        readers.entry(group.to_owned()).or_default().insert(partition.partition, committed.offset);
        self.committed.entry(group.to_owned()).or_default().insert(partition.clone(), committed);
    }
}
