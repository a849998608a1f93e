//! What a lane is to own, beyond the life of one session: which partitions, and what is known of its takes, so that a
//! lane that starts again goes on with what is still its own and leaves alone what another host has taken since.

use std::collections::BTreeMap;

use crossbeam_channel::{Receiver, Sender};
use invoker_core::commit::Token;

use super::{Session, Trouble};
use crate::report::PartitionState;

/// What a lane is told while it runs.
#[derive(Debug)]
pub(crate) enum Command {
    /// Own exactly these partitions from now on. `done` is dropped when those given up are released and those new
    /// are taken, or when the lane ends.
    Assign { partitions: Vec<u32>, done: Sender<()> },
}

/// The partitions of a lane.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    claims: BTreeMap<u32, Claim>,
}

/// What a lane knows of its takes of one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Claim {
    /// Of the last take that was answered.
    owned: Option<Token>,
    /// Nonce of a take that may have been carried out without an answer. Nothing was done under it, so that it is
    /// sent again as it was.
    asked: Option<u64>,
    /// Another host has taken the partition from this lane.
    lost: bool,
}

impl Claim {
    /// Whether somebody else took the partition after this lane had it. An owner with a lower epoch did not: the
    /// store lost writes and stands where it was before.
    fn is_over(&self, owner: Option<Token>) -> bool {
        let (Some(own), Some(owner)) = (self.owned, owner) else { return false };
        owner.nonce != own.nonce && Some(owner.nonce) != self.asked && owner.epoch >= own.epoch
    }
}

impl Assignment {
    pub(super) fn new(partitions: &[u32]) -> Self {
        Self { claims: partitions.iter().map(|&partition| (partition, Claim::default())).collect() }
    }

    /// Replaces the partitions. A lost one that is assigned again is to be taken again.
    fn set(&mut self, partitions: &[u32]) {
        let claim = |&partition: &u32| {
            let known = self.claims.get(&partition).filter(|claim| !claim.lost);
            (partition, known.copied().unwrap_or_default())
        };
        self.claims = partitions.iter().map(claim).collect();
    }

    /// All that were not lost.
    pub(super) fn wanted(&self) -> Vec<u32> {
        self.claims.iter().filter(|(_, claim)| !claim.lost).map(|(&partition, _)| partition).collect()
    }

    /// The nonce to take a partition with, when `owner` has it now; `None` = it is another host's.
    pub(super) fn nonce_for(&mut self, partition: u32, owner: Option<Token>) -> Option<u64> {
        let claim = self.claims.entry(partition).or_default();
        (!claim.is_over(owner)).then(|| *claim.asked.get_or_insert_with(rand::random))
    }

    /// A take was answered.
    pub(super) fn owned(&mut self, partition: u32, token: Token) {
        *self.claims.entry(partition).or_default() = Claim { owned: Some(token), asked: None, lost: false };
    }

    fn lose(&mut self, partition: u32) {
        self.claims.entry(partition).or_default().lost = true;
    }
}

impl Session<'_> {
    /// Does what the lane was told since the last time.
    pub(super) fn obey(&mut self, commands: &Receiver<Command>) -> Result<(), Trouble> {
        while let Ok(Command::Assign { partitions, done }) = commands.try_recv() {
            let gone: Vec<u32> = self
                .partitions
                .iter()
                .map(|owned| owned.partition)
                .filter(|p| !partitions.contains(p))
                .collect();
            if !gone.is_empty() {
                if let Err(trouble) = self.let_go(&gone) {
                    // What was told counts all the same.
                    self.assignment.set(&partitions);
                    return Err(trouble);
                }
                gone.iter().for_each(|&partition| self.spec.forget(partition));
            }
            let runs = |partition: &u32| self.partitions.iter().any(|owned| owned.partition == *partition);
            let new: Vec<u32> = partitions.iter().copied().filter(|partition| !runs(partition)).collect();
            self.assignment.set(&partitions);
            if !new.is_empty() && self.open_since.is_some() {
                // A take may wait for longer than a transaction may be open.
                self.commit()?;
            }
            self.take(&new)?;
            drop(done);
        }
        Ok(())
    }

    /// The store refused this lane as owner of a partition.
    pub(super) fn refused(&mut self, partition: u32) -> Result<(), Trouble> {
        let owner = self.spec.state.owner(&self.spec.scope(partition));
        let owner = owner.map_err(Trouble::state("look at the owner of a partition"))?;
        if !self.assignment.claims.get(&partition).is_some_and(|claim| claim.is_over(owner)) {
            return Err(Trouble::recover(
                "keep a partition",
                "the store does not know this lane as its owner",
            ));
        }
        self.lose(partition);
        Ok(())
    }

    /// Another host owns this partition now; the others go on.
    pub(super) fn lose(&mut self, partition: u32) {
        tracing::info!(entity = self.spec.entity.id, partition, "another host has taken the partition");
        self.assignment.lose(partition);
        drop(self.drop_partition(partition));
        self.spec.set_state(partition, PartitionState::Taken);
    }
}

/// Follows commands while no session runs.
pub(super) fn note(commands: &Receiver<Command>, assignment: &mut Assignment) {
    while let Ok(Command::Assign { partitions, .. }) = commands.try_recv() {
        assignment.set(&partitions);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(epoch: u64, nonce: u64) -> Option<Token> {
        Some(Token { epoch, nonce })
    }

    #[test]
    fn a_partition_never_owned_is_taken_from_anybody() {
        let mut assignment = Assignment::new(&[3]);
        let nonce = assignment.nonce_for(3, token(7, 1)).unwrap();
        assert_eq!(
            assignment.nonce_for(3, token(8, 2)),
            Some(nonce),
            "a take without an answer is sent again"
        );
    }

    #[test]
    fn what_another_host_took_is_left_to_it() {
        let mut assignment = Assignment::new(&[3]);
        assignment.owned(3, token(5, 1).unwrap());
        assert!(assignment.nonce_for(3, token(5, 1)).is_some(), "still its own");
        assert_eq!(assignment.nonce_for(3, token(6, 2)), None);
        assignment.lose(3);
        assert!(assignment.wanted().is_empty());
    }

    #[test]
    fn a_store_that_went_back_is_taken_again() {
        let mut assignment = Assignment::new(&[3]);
        assignment.owned(3, token(5, 1).unwrap());
        assert!(assignment.nonce_for(3, token(4, 9)).is_some());
        assert!(assignment.nonce_for(3, None).is_some());
    }

    #[test]
    fn a_take_of_its_own_that_was_not_answered_is_its_own() {
        let mut assignment = Assignment::new(&[3]);
        assignment.owned(3, token(5, 1).unwrap());
        let nonce = assignment.nonce_for(3, token(5, 1)).unwrap();
        assert_eq!(assignment.nonce_for(3, token(6, nonce)), Some(nonce));
    }

    #[test]
    fn a_new_assignment_forgets_what_was_lost() {
        let mut assignment = Assignment::new(&[3, 4]);
        assignment.owned(3, token(5, 1).unwrap());
        assignment.lose(3);
        assignment.set(&[3, 5]);
        assert_eq!(assignment.wanted(), [3, 5]);
        assert!(assignment.nonce_for(3, token(6, 2)).is_some());
    }
}
