//! Reading: slots take turns, and wait for news when none has anything.

use std::sync::Arc;
use std::time::{Duration, Instant};

use invoker_core::records::RecordBatch;

use super::super::{Committed, Error, PollLimit, Slot, Source, TopicPartition};
use super::Shared;
use super::partition::Partition;

#[derive(Debug)]
pub(super) struct EmbeddedSource {
    shared: Arc<Shared>,
    slots: Vec<Option<Assigned>>,
    /// Whose turn it is.
    turn: Slot,
}

#[derive(Debug)]
struct Assigned {
    partition: Arc<Partition>,
    position: u64,
    paused: bool,
}

impl EmbeddedSource {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, slots: Vec::new(), turn: 0 }
    }

    /// Reads from the next slot that has something.
    fn look(&mut self, limit: PollLimit, batch: &mut RecordBatch) -> Result<Option<Slot>, Error> {
        let count = self.slots.len();
        for slot in (self.turn..count).chain(0..self.turn.min(count)) {
            let Some(assigned) = self.slots.get_mut(slot).and_then(Option::as_mut) else { continue };
            if assigned.paused || assigned.position == assigned.partition.end() {
                continue;
            }
            self.turn = slot + 1;
            assigned.position =
                assigned.partition.read(assigned.position, limit, &self.shared.store, batch)?;
            if !batch.is_empty() {
                return Ok(Some(slot));
            }
        }
        Ok(None)
    }

    fn assigned(&mut self, slot: Slot) -> Option<&mut Assigned> {
        self.slots.get_mut(slot).and_then(Option::as_mut)
    }
}

impl Source for EmbeddedSource {
    fn assign(&mut self, partition: &TopicPartition, position: u64) -> Result<Slot, Error> {
        let partition = self.shared.topics.partition(partition)?;
        let assigned = Some(Assigned { partition, position, paused: false });
        match self.slots.iter_mut().enumerate().find(|(_, slot)| slot.is_none()) {
            Some((slot, free)) => {
                *free = assigned;
                Ok(slot)
            }
            None => {
                self.slots.push(assigned);
                Ok(self.slots.len() - 1)
            }
        }
    }

    fn unassign(&mut self, slot: Slot) {
        if let Some(assigned) = self.slots.get_mut(slot) {
            *assigned = None;
        }
    }

    fn seek(&mut self, slot: Slot, position: u64) -> Result<(), Error> {
        if let Some(assigned) = self.assigned(slot) {
            assigned.position = position;
        }
        Ok(())
    }

    fn pause(&mut self, slot: Slot) {
        if let Some(assigned) = self.assigned(slot) {
            assigned.paused = true;
        }
    }

    fn resume(&mut self, slot: Slot) {
        if let Some(assigned) = self.assigned(slot) {
            assigned.paused = false;
        }
    }

    fn poll(
        &mut self,
        limit: PollLimit,
        wait: Duration,
        batch: &mut RecordBatch,
    ) -> Result<Option<Slot>, Error> {
        batch.clear();
        let deadline = Instant::now() + wait;
        loop {
            let seen = self.shared.commits.news().seen();
            if let Some(slot) = self.look(limit, batch)? {
                return Ok(Some(slot));
            }
            if !self.shared.commits.news().wait(seen, deadline) {
                return Ok(None);
            }
        }
    }

    fn position(&self, slot: Slot) -> u64 {
        self.slots.get(slot).and_then(Option::as_ref).map_or(0, |assigned| assigned.position)
    }

    fn bounds(&self, partition: &TopicPartition) -> Result<(u64, u64), Error> {
        Ok(self.shared.topics.partition(partition)?.bounds())
    }

    fn offset_for_time(&self, partition: &TopicPartition, timestamp: i64) -> Result<u64, Error> {
        self.shared.topics.partition(partition)?.offset_for_time(timestamp, &self.shared.store)
    }

    fn committed(&self, group: &str, partition: &TopicPartition) -> Result<Option<Committed>, Error> {
        self.shared.topics.partition(partition)?;
        self.shared.groups.expect(group, &partition.topic);
        self.shared.groups.committed(group, partition, self.shared.options.stable_wait)
    }
}
