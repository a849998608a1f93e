//! What is known of a scope beside its state, and the decisions of the delivery protocol on it.
//!
//! Each decision is a pure step from one record to the next: what it promotes, drops and adds is written together with
//! the new record, or nothing is.

use invoker_core::commit::{CommitId, Token};
use serde::{Deserialize, Serialize};

use super::layout::{Number, Shape};
use crate::state::{Answer, Applied, Apply, Meta, Next, Stage, StateKind};

/// Format of everything under a scope.
pub(super) const FORMAT: u8 = 2;

/// One stage that waits for its commit to be known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) id: CommitId,
    pub(super) next: Next,
    /// Where its rows lie.
    pub(super) place: u64,
}

/// The record of a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Control {
    /// Stands for the scope in keys; 0 until it is first taken.
    pub(super) number: Number,
    pub(super) owner: Option<Token>,
    /// Transactional id of the owner, unless it was released.
    pub(super) candidate: Option<String>,
    /// Transactional ids not known fenced.
    pub(super) ids: Vec<String>,
    /// Those that were there before the owner came: what its `take` answers when it is sent again.
    pub(super) old_ids: Vec<String>,
    pub(super) last_sequence: u64,
    pub(super) pending: Vec<Pending>,
    pub(super) next_place: u64,
    pub(super) applied: Option<Applied>,
    /// The place in this list stands for the state in keys.
    states: Vec<(String, Shape)>,
    pub(super) meta: Option<Meta>,
}

/// A decision: the next record, and the pending changes that become state (in order) or are dropped with it.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) control: Control,
    pub(super) promoted: Vec<u64>,
    pub(super) dropped: Vec<u64>,
}

impl Step {
    fn from(control: &Control) -> Self {
        Self { control: control.clone(), promoted: Vec::new(), dropped: Vec::new() }
    }

    /// Promotes in order up to `committed`, if it is among the pending ones.
    fn promote_to(&mut self, committed: CommitId) {
        let control = &mut self.control;
        if let Some(at) = control.pending.iter().position(|pending| pending.id == committed) {
            for pending in control.pending.drain(..=at) {
                self.promoted.push(pending.place);
                control.applied = Some(Applied { id: pending.id, next: pending.next });
            }
        }
    }

    fn drop_pending_but(&mut self, kept: Option<CommitId>) {
        let dropped = &mut self.dropped;
        self.control.pending.retain(|pending| {
            let stays = Some(pending.id) == kept;
            if !stays {
                dropped.push(pending.place);
            }
            stays
        });
    }
}

impl Control {
    /// The stored form: one byte of format, then the record.
    pub(super) fn encode(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_extend(self, vec![FORMAT])
    }

    fn owned_by(&self, token: Token) -> bool {
        self.owner == Some(token)
    }

    pub(super) fn check(&self, token: Token) -> Answer {
        if self.owned_by(token) { Answer::Ok } else { Answer::Refused }
    }

    fn applied_id(&self) -> Option<CommitId> {
        self.applied.as_ref().map(|applied| applied.id)
    }

    fn lost(&self) -> Answer {
        Answer::StateLost { applied: self.applied.clone() }
    }

    /// The number of a state, if anything was ever written to it.
    pub(super) fn find_state(&self, name: &str, kind: StateKind) -> Option<u16> {
        let shape = Shape::from(kind);
        let at = self.states.iter().position(|(known, its)| known == name && *its == shape)?;
        u16::try_from(at).ok()
    }

    /// Names and shapes, by number.
    pub(super) fn states(&self) -> &[(String, Shape)] {
        &self.states
    }

    pub(super) fn number_of(&mut self, name: &str, kind: StateKind) -> u16 {
        self.find_state(name, kind).unwrap_or_else(|| {
            self.states.push((name.to_owned(), Shape::from(kind)));
            (self.states.len() - 1) as u16
        })
    }

    /// `None`: the owner is not the one seen.
    pub(super) fn take(&self, nonce: u64, transactional_id: &str, seen: Option<Token>) -> Option<Self> {
        if self.owner != seen {
            return None;
        }
        let mut next = self.clone();
        next.old_ids.clone_from(&self.ids);
        next.owner = Some(Token { epoch: seen.map_or(0, |owner| owner.epoch) + 1, nonce });
        next.candidate = Some(transactional_id.to_owned());
        if !next.ids.iter().any(|id| id == transactional_id) {
            next.ids.push(transactional_id.to_owned());
        }
        next.last_sequence = 0;
        Some(next)
    }

    pub(super) fn finish(&self, token: Token, committed: Option<CommitId>) -> Option<Step> {
        if !self.owned_by(token) {
            return None;
        }
        let mut step = Step::from(self);
        step.control.ids = self.candidate.iter().cloned().collect();
        step.control.old_ids.clear();
        if self.pending.iter().any(|pending| pending.id.token.nonce != token.nonce) {
            committed.into_iter().for_each(|id| step.promote_to(id));
            step.drop_pending_but(None);
        }
        Some(step)
    }

    /// `Err`: the answer, with nothing changed.
    pub(super) fn stage(&self, stage: &Stage<'_>) -> Result<Step, Answer> {
        if !self.owned_by(stage.token) {
            return Err(Answer::Refused);
        }
        if self.pending.last().is_some_and(|last| last.id == stage.id) {
            return Err(Answer::Ok);
        }
        if stage.id.sequence <= self.last_sequence {
            return Err(Answer::RefusedOld);
        }
        let mut step = Step::from(self);
        if !stage.promoted {
            stage.committed.into_iter().for_each(|id| step.promote_to(id));
        }
        let pipelined = stage.previous != stage.committed;
        step.drop_pending_but(stage.previous.filter(|_| pipelined));
        if step.control.applied_id() != stage.committed || (pipelined && step.control.pending.is_empty()) {
            return Err(self.lost());
        }
        let place = step.control.next_place;
        step.control.next_place += 1;
        step.control.pending.push(Pending { id: stage.id, next: stage.next.to_vec(), place });
        step.control.last_sequence = stage.id.sequence;
        Ok(step)
    }

    /// `Err`: the answer, with nothing changed.
    pub(super) fn promote(&self, token: Token, committed: CommitId) -> Result<Step, Answer> {
        if !self.owned_by(token) {
            return Err(Answer::Refused);
        }
        let mut step = Step::from(self);
        step.promote_to(committed);
        match step.promoted.is_empty() {
            false => Ok(step),
            true if self.applied_id() == Some(committed) => Err(Answer::Ok),
            true => Err(self.lost()),
        }
    }

    /// `Err`: the answer, with nothing changed.
    pub(super) fn apply(&self, apply: &Apply<'_>) -> Result<Self, Answer> {
        if !self.owned_by(apply.token) {
            return Err(Answer::Refused);
        }
        if self.applied_id() == Some(apply.id) {
            return Err(Answer::Ok);
        }
        if self.applied_id() != apply.base {
            return Err(self.lost());
        }
        let mut next = self.clone();
        next.applied = Some(Applied { id: apply.id, next: apply.next.to_vec() });
        Ok(next)
    }

    pub(super) fn release(&self, token: Token) -> Option<Self> {
        if !self.owned_by(token) {
            return None;
        }
        let mut next = self.clone();
        if let Some(own) = next.candidate.take() {
            next.ids.retain(|id| *id != own);
        }
        Some(next)
    }
}
