//! What a lane is to own, beyond the life of one session: which partitions, and what is known of its takes, so that a
//! lane that starts again goes on with what is still its own and leaves alone what another host has taken since. It
//! outlives the lane, too, for the one that comes in its place.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// The partitions of a lane and what it knows of them, shared with who watches it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    claims: BTreeMap<u32, Claim>,
    /// Commands that the lane has taken up.
    heard: u64,
}

/// What a lane knows of its takes of one partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Claim {
    /// Of the last take that was answered.
    owned: Option<Token>,
    /// Nonce of a take that may have been carried out without an answer. Nothing was done under it, so that it is
    /// sent again as it was.
    asked: Option<u64>,
    /// The same of the lane before this one. Its take named another transactional id, and so is not sent again.
    asked_before: Option<u64>,
    /// Another host has taken the partition from this lane.
    lost: bool,
}

impl Claim {
    /// Whether somebody else took the partition after this lane had it. An owner with a lower epoch did not: the
    /// store lost writes and stands where it was before.
    fn is_over(&self, owner: Option<Token>) -> bool {
        let (Some(own), Some(owner)) = (self.owned, owner) else { return false };
        let is_own = [Some(own.nonce), self.asked, self.asked_before].contains(&Some(owner.nonce));
        !is_own && owner.epoch >= own.epoch
    }

    /// As the next lane knows it.
    fn handed_on(self) -> Self {
        Self { asked: None, asked_before: self.asked.or(self.asked_before), ..self }
    }
}

impl Claims {
    /// Nothing is known of these partitions: they are taken from anybody.
    pub(crate) fn of(partitions: &[u32]) -> Self {
        let claims = partitions.iter().map(|&partition| (partition, Claim::default())).collect();
        Self(Arc::new(Mutex::new(Known { claims, heard: 0 })))
    }

    /// For the lane that comes in the place of this one, which was told `told` times what to own, `partitions` at last:
    /// what others have taken stays theirs, unless it was assigned again and the lane has not heard.
    pub(crate) fn handed_on(&self, partitions: &[u32], told: u64) -> Self {
        let known = self.lock();
        let all_heard = known.heard == told;
        let claim = |&partition: &u32| {
            let claim = known.claims.get(&partition).filter(|claim| all_heard || !claim.lost);
            (partition, claim.copied().unwrap_or_default().handed_on())
        };
        Self(Arc::new(Mutex::new(Known { claims: partitions.iter().map(claim).collect(), heard: 0 })))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The partitions of a lane, as its sessions use them.
#[derive(Debug)]
pub(super) struct Assignment(Claims);

impl Assignment {
    pub(super) fn of(claims: &Claims) -> Self {
        Self(claims.clone())
    }

    /// Replaces the partitions, by a command. A lost one that is assigned again is to be taken again.
    fn set(&mut self, partitions: &[u32]) {
        let mut known = self.0.lock();
        let claim = |&partition: &u32| {
            let claim = known.claims.get(&partition).filter(|claim| !claim.lost);
            (partition, claim.copied().unwrap_or_default())
        };
        known.claims = partitions.iter().map(claim).collect();
        known.heard += 1;
    }

    /// All that were not lost.
    pub(super) fn wanted(&self) -> Vec<u32> {
        let known = self.0.lock();
        known.claims.iter().filter(|(_, claim)| !claim.lost).map(|(&partition, _)| partition).collect()
    }

    /// The nonce to take a partition with, when `owner` has it now; `None` = it is another host's.
    pub(super) fn nonce_for(&mut self, partition: u32, owner: Option<Token>) -> Option<u64> {
        let mut known = self.0.lock();
        let claim = known.claims.entry(partition).or_default();
        (!claim.is_over(owner)).then(|| *claim.asked.get_or_insert_with(rand::random))
    }

    /// A take was answered.
    pub(super) fn owned(&mut self, partition: u32, token: Token) {
        let claim = Claim { owned: Some(token), ..Claim::default() };
        self.0.lock().claims.insert(partition, claim);
    }

    fn is_over(&self, partition: u32, owner: Option<Token>) -> bool {
        self.0.lock().claims.get(&partition).is_some_and(|claim| claim.is_over(owner))
    }

    fn lose(&mut self, partition: u32) {
        self.0.lock().claims.entry(partition).or_default().lost = true;
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
        if !self.assignment.is_over(partition, owner) {
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

    fn assignment(partitions: &[u32]) -> Assignment {
        Assignment::of(&Claims::of(partitions))
    }

    /// That of the lane in its place.
    fn next(assignment: &Assignment, told: u64) -> Assignment {
        let partitions: Vec<u32> = assignment.0.lock().claims.keys().copied().collect();
        Assignment::of(&assignment.0.handed_on(&partitions, told))
    }

    #[test]
    fn a_partition_never_owned_is_taken_from_anybody() {
        let mut assignment = assignment(&[3]);
        let nonce = assignment.nonce_for(3, token(7, 1)).unwrap();
        assert_eq!(
            assignment.nonce_for(3, token(8, 2)),
            Some(nonce),
            "a take without an answer is sent again"
        );
    }

    #[test]
    fn what_another_host_took_is_left_to_it() {
        let mut assignment = assignment(&[3]);
        assignment.owned(3, token(5, 1).unwrap());
        assert!(assignment.nonce_for(3, token(5, 1)).is_some(), "still its own");
        assert_eq!(assignment.nonce_for(3, token(6, 2)), None);
        assignment.lose(3);
        assert!(assignment.wanted().is_empty());
    }

    #[test]
    fn a_store_that_went_back_is_taken_again() {
        let mut assignment = assignment(&[3]);
        assignment.owned(3, token(5, 1).unwrap());
        assert!(assignment.nonce_for(3, token(4, 9)).is_some());
        assert!(assignment.nonce_for(3, None).is_some());
    }

    #[test]
    fn a_take_of_its_own_that_was_not_answered_is_its_own() {
        let mut assignment = assignment(&[3]);
        assignment.owned(3, token(5, 1).unwrap());
        let nonce = assignment.nonce_for(3, token(5, 1)).unwrap();
        assert_eq!(assignment.nonce_for(3, token(6, nonce)), Some(nonce));
    }

    #[test]
    fn a_new_assignment_forgets_what_was_lost() {
        let mut assignment = assignment(&[3, 4]);
        assignment.owned(3, token(5, 1).unwrap());
        assignment.lose(3);
        assignment.set(&[3, 5]);
        assert_eq!(assignment.wanted(), [3, 5]);
        assert!(assignment.nonce_for(3, token(6, 2)).is_some());
    }
    #[test]
    fn what_another_host_took_is_left_to_it_by_the_next_lane_too() {
        let mut before = assignment(&[3, 4, 5]);
        [3, 4].iter().for_each(|&partition| before.owned(partition, token(5, 1).unwrap()));
        before.lose(4);
        let mut after = next(&before, 0);
        assert_eq!(after.wanted(), [3, 5], "one was lost");
        assert_eq!(after.nonce_for(3, token(6, 2)), None, "taken while no lane looked");
        assert!(after.nonce_for(5, token(6, 2)).is_some(), "never owned");
    }

    #[test]
    fn a_take_of_the_lane_before_is_no_other_hosts_and_is_not_sent_again() {
        let mut before = assignment(&[3]);
        before.owned(3, token(5, 1).unwrap());
        let asked = before.nonce_for(3, token(5, 1)).unwrap();
        // Whoever sends a take with the same nonce is told the transactional id of the first.
        for mut after in [next(&before, 0), next(&next(&before, 0), 0)] {
            let nonce = after.nonce_for(3, token(6, asked)).unwrap();
            assert_ne!(nonce, asked);
            assert_eq!(after.nonce_for(3, token(7, nonce)), Some(nonce));
        }
    }

    #[test]
    fn what_was_assigned_again_and_not_heard_is_taken_by_the_next_lane() {
        let mut before = assignment(&[3]);
        before.owned(3, token(5, 1).unwrap());
        before.lose(3);
        assert_eq!(next(&before, 1).wanted(), [3]);
        before.set(&[3]);
        before.lose(3);
        assert!(next(&before, 1).wanted().is_empty(), "lost after it was heard");
    }
}
