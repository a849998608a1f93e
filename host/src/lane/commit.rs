//! The commit protocol: rules 3 to 8 of the delivery protocol, for each delivery mode.
//!
//! | step | exactly-once | at-least-once | at-most-once |
//! | --- | --- | --- | --- |
//! | before a batch | | | offsets, committed |
//! | after a batch | | outputs, committed; without state, on their way | outputs, committed |
//! | at a commit | outputs flushed → offsets added → state staged → **transaction committed** → (later) state promoted | outputs flushed → state applied → offsets committed | |
//! | a crash in between | the transaction decides by its id whether the staged state counts | the batch runs again | the batch is lost |
//!
//! Each position is written with the id of its commit, for every input of a partition, moved or not.

use std::time::Instant;

use invoker_core::commit::CommitId;
use invoker_core::document::Delivery;

use super::pulse::Doing;
use super::take::input_partition;
use super::upkeep::RENEW_AFTER;
use super::{Session, Trouble};
use crate::log::{Commit, Committed};
use crate::report::add;
use crate::state::{Answer, Apply, Changes, Stage};

impl Session<'_> {
    /// Commits what was processed since the last commit. False = it was undone instead, as some partitions may not
    /// commit any more: those are dropped, and the others read again from their last commit.
    pub(super) fn commit(&mut self) -> Result<bool, Trouble> {
        self.open_since = None;
        let touched: Vec<usize> = (0..self.partitions.len())
            .filter(|&at| self.partitions.get(at).is_some_and(|owned| owned.touched))
            .collect();
        match self.delivery() {
            Delivery::ExactlyOnce => self.commit_exactly_once(&touched),
            Delivery::AtLeastOnce => self.commit_at_least_once(&touched),
            // Positions are ahead of the records already.
            Delivery::AtMostOnce => {
                self.partitions.iter_mut().for_each(|owned| owned.touched = false);
                self.publish().map(|()| true)
            }
        }
    }

    fn commit_exactly_once(&mut self, touched: &[usize]) -> Result<bool, Trouble> {
        // Whatever is written touches its partition, so an open transaction holds nothing here.
        if touched.is_empty() {
            return Ok(true);
        }
        self.writer.begin()?;
        self.spec.beat(Doing::Flushing);
        self.writer.producer.flush().map_err(Trouble::log("flush outputs"))?;
        let ids = self.add_offsets(touched)?;
        let answers = self.stage(touched, &ids)?;
        if answers.iter().any(|answer| *answer != Answer::Ok) {
            return self.undo_refused(touched, &answers);
        }
        self.end_transaction()?;
        for (&at, id) in touched.iter().zip(ids) {
            self.settle(at, id);
            if let Some(owned) = self.partitions.get_mut(at) {
                owned.unpromoted = true;
            }
        }
        Ok(true)
    }

    fn commit_at_least_once(&mut self, touched: &[usize]) -> Result<bool, Trouble> {
        self.publish()?;
        self.spec.beat(Doing::Flushing);
        self.writer.deliver()?;
        if touched.is_empty() {
            return Ok(true);
        }
        self.writer.begin()?;
        let ids = self.add_offsets(touched)?;
        let answers = self.apply(touched, &ids)?;
        if answers.iter().any(|answer| *answer != Answer::Ok) {
            return self.undo_refused(touched, &answers);
        }
        self.end_transaction()?;
        for (&at, id) in touched.iter().zip(ids) {
            self.settle(at, id);
            if let Some(view) = self.partitions.get_mut(at).and_then(|owned| owned.view.as_mut()) {
                view.cache_mut().unpin(id);
            }
        }
        Ok(true)
    }

    /// At-least-once and at-most-once: what was written becomes visible now, if it does not by itself.
    pub(super) fn publish(&mut self) -> Result<(), Trouble> {
        if !self.writer.open {
            return Ok(());
        }
        self.spec.beat(Doing::Flushing);
        self.writer.producer.flush().map_err(Trouble::log("flush outputs"))?;
        self.end_transaction()
    }

    /// At-most-once: the polled batch counts as done before it is processed. False = it must not be processed here.
    pub(super) fn count_as_done(&mut self, partition: usize, input: usize) -> Result<bool, Trouble> {
        self.publish()?;
        if let Some(owned) = self.partitions.get_mut(partition)
            && let (Some(next), Some(&slot)) = (owned.next.get_mut(input), owned.slots.get(input))
        {
            *next = self.source.position(slot);
        }
        self.save(&[partition])
    }

    /// At-most-once: commits the positions of these partitions, and nothing else.
    pub(super) fn save(&mut self, partitions: &[usize]) -> Result<bool, Trouble> {
        self.writer.begin()?;
        let ids = self.add_offsets(partitions)?;
        let owned = partitions.iter().filter_map(|&at| self.partitions.get(at));
        let checks: Vec<_> = owned.map(|owned| (&owned.scope, owned.token)).collect();
        let answers = self.spec.state.check(&checks).map_err(Trouble::state("check the ownership"))?;
        if answers.iter().any(|answer| *answer != Answer::Ok) {
            return self.undo_refused(partitions, &answers);
        }
        self.end_transaction()?;
        partitions.iter().zip(ids).for_each(|(&at, id)| self.settle(at, id));
        Ok(true)
    }

    /// Positions of every input of these partitions, with the ids of their commits.
    fn add_offsets(&mut self, touched: &[usize]) -> Result<Vec<CommitId>, Trouble> {
        let mut ids = Vec::with_capacity(touched.len());
        let mut offsets = Vec::with_capacity(touched.len());
        for &at in touched {
            let Some(owned) = self.partitions.get_mut(at) else { continue };
            let id = owned.next_id();
            ids.push(id);
            for (input, &offset) in owned.next.iter().enumerate() {
                let tp = input_partition(&self.spec.entity.inputs, input, owned.partition);
                offsets.push((tp, Committed { offset, metadata: id.to_string() }));
            }
        }
        self.spec.beat(Doing::AddingOffsets);
        self.writer
            .producer
            .add_offsets(&self.spec.group, &offsets)
            .map_err(|error| Trouble::recover("add offsets", super::described(&error)))?;
        Ok(ids)
    }

    /// Keeps the changes beside the state, to count if the transaction commits. An `Ok` also says that the commit
    /// before is promoted.
    fn stage(&mut self, touched: &[usize], ids: &[CommitId]) -> Result<Vec<Answer>, Trouble> {
        let none = Changes::default();
        let stages: Vec<Stage<'_>> = touched
            .iter()
            .zip(ids)
            .filter_map(|(&at, &id)| {
                let owned = self.partitions.get(at)?;
                Some(Stage {
                    scope: &owned.scope,
                    token: owned.token,
                    id,
                    next: &owned.next,
                    changes: owned.view.as_ref().map_or(&none, |view| view.cache().changes()),
                    committed: owned.committed,
                    previous: owned.committed,
                    promoted: !owned.unpromoted,
                })
            })
            .collect();
        self.spec.beat(Doing::Staging);
        let answers = self.spec.state.stage(&stages).map_err(Trouble::state("stage state"))?;
        for (&at, answer) in touched.iter().zip(&answers) {
            if *answer == Answer::Ok
                && let Some(owned) = self.partitions.get_mut(at)
            {
                owned.promoted();
            }
        }
        Ok(answers)
    }

    fn apply(&mut self, touched: &[usize], ids: &[CommitId]) -> Result<Vec<Answer>, Trouble> {
        let none = Changes::default();
        let applies: Vec<Apply<'_>> = touched
            .iter()
            .zip(ids)
            .filter_map(|(&at, &id)| {
                let owned = self.partitions.get(at)?;
                Some(Apply {
                    scope: &owned.scope,
                    token: owned.token,
                    base: owned.committed,
                    id,
                    next: &owned.next,
                    changes: owned.view.as_ref().map_or(&none, |view| view.cache().changes()),
                })
            })
            .collect();
        self.spec.beat(Doing::Staging);
        self.spec.state.apply(&applies).map_err(Trouble::state("write state"))
    }

    /// Sends the commit. After anything but `Committed` nothing in memory can be relied on.
    fn end_transaction(&mut self) -> Result<(), Trouble> {
        self.writer.open = false;
        self.spec.beat(Doing::Committing);
        match self.writer.producer.commit() {
            Commit::Committed => {
                add(&self.spec.report.commits, 1);
                Ok(())
            }
            outcome => Err(Trouble::recover("commit", format!("{outcome:?}").to_lowercase())),
        }
    }

    /// A partition's commit `id` is known committed.
    fn settle(&mut self, at: usize, id: CommitId) {
        self.has_committed = true;
        let Some(owned) = self.partitions.get_mut(at) else { return };
        owned.committed = Some(id);
        owned.committed_next.clone_from(&owned.next);
        owned.renew_at = Instant::now() + RENEW_AFTER;
        owned.touched = false;
        if let Some(view) = &mut owned.view {
            view.cache_mut().committed(id);
        }
        self.spec.set_committed(owned.partition, &owned.committed_next, owned.cached_keys());
    }

    /// Makes the last commit of each partition its state, while there is nothing else to do.
    pub(super) fn promote(&mut self) -> Result<(), Trouble> {
        let promotes: Vec<_> = self
            .partitions
            .iter()
            .filter(|owned| owned.unpromoted && owned.runs())
            .filter_map(|owned| Some((&owned.scope, owned.token, owned.committed?)))
            .collect();
        if promotes.is_empty() {
            return Ok(());
        }
        let answers = self.spec.state.promote(&promotes).map_err(Trouble::state("promote state"))?;
        let asked: Vec<_> = promotes.iter().map(|(scope, ..)| scope.partition).collect();
        for (partition, answer) in asked.into_iter().zip(answers) {
            match answer {
                Answer::Ok => {
                    let owned = self.partitions.iter_mut().find(|owned| owned.partition == partition);
                    owned.into_iter().for_each(|owned| owned.promoted());
                }
                Answer::Refused => self.refused(partition)?,
                other => return Err(Trouble::recover("promote state", format!("{other:?}"))),
            }
        }
        Ok(())
    }

    /// Some partitions may not commit: nothing of the transaction counts, they are dropped, and the rest runs again.
    fn undo_refused(&mut self, touched: &[usize], answers: &[Answer]) -> Result<bool, Trouble> {
        self.abort()?;
        let mut refused = Vec::new();
        for (&at, answer) in touched.iter().zip(answers) {
            match answer {
                Answer::Ok => {}
                Answer::Refused => refused.extend(self.partitions.get(at).map(|owned| owned.partition)),
                // Taking again finds the two positions and follows `onStateLoss`.
                other => return Err(Trouble::recover("stage state", format!("{other:?}"))),
            }
        }
        for partition in refused {
            self.refused(partition)?;
        }
        Ok(false)
    }

    /// Ends the open transaction without a trace; allowed because no commit was sent on it. Everything since the last
    /// commit is forgotten and will be read again.
    fn abort(&mut self) -> Result<(), Trouble> {
        if !self.writer.open {
            return Ok(());
        }
        self.writer.open = false;
        self.writer
            .producer
            .abort()
            .map_err(|error| Trouble::recover("abort a transaction", super::described(&error)))?;
        for at in 0..self.partitions.len() {
            self.partitions.get_mut(at).into_iter().for_each(|owned| owned.roll_back());
            self.go_back(at)?;
        }
        Ok(())
    }
}
