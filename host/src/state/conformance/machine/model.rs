//! The protocol's scripts in memory, line by line.

use std::collections::BTreeMap;

use super::super::*;

#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    pub(super) id: Option<CommitId>,
    pub(super) next: u64,
    pub(super) changes: BTreeMap<u8, Option<u8>>,
}

/// The scripts' variables.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    pub(super) owner: Option<Token>,
    pub(super) candidate: Vec<String>,
    pub(super) ids: Vec<String>,
    pub(super) last_sequence: u64,
    pub(super) pending: Vec<Waiting>,
    pub(super) applied: (Option<CommitId>, u64),
    pub(super) state: BTreeMap<u8, u8>,
}

impl Model {
    fn write(&mut self, changes: &BTreeMap<u8, Option<u8>>) {
        for (&key, &value) in changes {
            match value {
                Some(value) => self.state.insert(key, value),
                None => self.state.remove(&key),
            };
        }
    }

    pub(super) fn promote_to(&mut self, id: Option<CommitId>) {
        if self.pending.iter().any(|waiting| waiting.id == id) {
            while let Some(waiting) = (!self.pending.is_empty()).then(|| self.pending.remove(0)) {
                self.write(&waiting.changes);
                self.applied = (waiting.id, waiting.next);
                if waiting.id == id {
                    break;
                }
            }
        }
    }

    pub(super) fn lost(&self) -> Answer {
        let (id, next) = self.applied;
        Answer::StateLost { applied: id.map(|id| Applied { id, next: vec![next] }) }
    }

    pub(super) fn finish(&mut self, token: Token, committed: Option<CommitId>) {
        self.ids.clone_from(&self.candidate);
        if self.pending.iter().any(|waiting| waiting.id.unwrap().token.nonce != token.nonce) {
            self.promote_to(committed);
            self.pending.clear();
        }
    }

    pub(super) fn stage(
        &mut self,
        new: &Waiting,
        committed: Option<CommitId>,
        previous: Option<CommitId>,
        promoted: bool,
    ) -> Answer {
        if self.pending.last().is_some_and(|last| last.id == new.id) {
            return Answer::Ok;
        }
        if new.id.unwrap().sequence <= self.last_sequence {
            return Answer::RefusedOld;
        }
        let before = self.clone();
        if !promoted {
            self.promote_to(committed);
        }
        self.pending.retain(|waiting| previous != committed && waiting.id == previous);
        if self.applied.0 != committed || (previous != committed && self.pending.is_empty()) {
            *self = before;
            return self.lost();
        }
        self.pending.push(new.clone());
        self.last_sequence = new.id.unwrap().sequence;
        Answer::Ok
    }

    pub(super) fn apply(&mut self, base: Option<CommitId>, new: &Waiting) -> Answer {
        if self.applied.0 == new.id {
            return Answer::Ok;
        }
        if self.applied.0 != base {
            return self.lost();
        }
        self.write(&new.changes);
        self.applied = (new.id, new.next);
        Answer::Ok
    }
}
