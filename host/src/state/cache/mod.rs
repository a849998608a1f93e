//! The write-back cache of one owned partition, above any [`StateStore`](super::StateStore).
//!
//! Owns: which keys a batch has, what is known of their state, and which changes belong to which commit. It finds the
//! distinct keys of a batch, what must be read for them, and serves all reads of a call; it keeps the changes of calls
//! until a commit takes them and the store has them. Knows nothing of logs and never talks to the store unasked.
//!
//! One batch:
//!
//! ```text
//! begin → load (or missing → read → fill) → take_columns → the call → reuse → keep | drop_call
//! ```
//!
//! One commit:
//!
//! ```text
//! changes → stage → commit of the log → committed(id) → … → stage or promote answered Ok → unpin(id)
//! ```
//!
//! A value is, from new to old: written by the call in hand; **uncommitted**; **pinned** (committed, but the store may
//! not show it yet, so that a read of the store would go back in time); **clean** (as the store has it). Reads see the
//! newest. Only clean values are evicted. `abort` forgets what is uncommitted and keeps what is pinned; `clear`
//! forgets everything.
//!
//! Time is the `now` of the batch: a value whose expiry is not after it reads as absent.

mod budget;
mod bytes;
mod call;
mod cell;
mod entries;
mod fields;
mod prefetch;
mod scan;
mod writes;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::cell::{OnceCell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

use invoker_core::commit::CommitId;
use invoker_core::function::StateSpec;
use invoker_core::records::Column;

pub use budget::Budget;
pub use prefetch::Ticket;

use super::{Changes, Scope, StateKind};
use budget::Account;
use bytes::Bytes;
use cell::Intervals;
use entries::{Entries, Slot};
use prefetch::Wanted;
use writes::{Address, Saved, Undo};

/// What a batch hands to the function: its distinct keys and their prefetched state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallColumns {
    /// Distinct keys, in the order of their first record.
    pub keys: Column,
    /// Per record an index into `keys`; -1 for a record without key.
    pub key_of: Vec<i32>,
    /// One per prefetched state in the order of declaration, aligned with `keys`.
    pub states: Vec<Column>,
}

/// A state as declared, and where its values are kept.
#[derive(Debug)]
struct State {
    name: String,
    kind: StateKind,
    prefetch: bool,
    ttl: Option<u64>,
    /// Its place among the value states, or among the map states.
    place: usize,
}

/// See the module's words.
#[derive(Debug)]
pub struct PartitionCache {
    scope: Scope,
    states: Vec<State>,
    entries: Entries,
    account: Account,
    /// Of the batch in hand.
    now: i64,
    batch: u64,
    columns: CallColumns,
    /// Per distinct key of the batch.
    slots: Vec<Slot>,
    wanted: Vec<Wanted>,
    /// Changes whenever a read issued before must no longer fill anything.
    generation: u64,
    /// Of the call in hand: what its map writes replaced.
    undo: Vec<Undo>,
    /// Uncommitted addresses, each once, and the pinned values under them.
    dirty: Vec<Address>,
    saved: Vec<Saved>,
    /// Lengths of the two when the call began.
    marks: (usize, usize),
    intervals: Intervals,
    /// Commits the store may not show yet, with the interval each ended.
    pins: VecDeque<(CommitId, u64)>,
    built: OnceCell<Changes>,
    spare: RefCell<Changes>,
}

impl PartitionCache {
    /// `states` in the order in which the function declares them.
    pub fn new(scope: Scope, states: &[StateSpec], budget: Arc<Budget>) -> Self {
        let (mut values, mut maps) = (0, 0);
        let states: Vec<_> = states
            .iter()
            .map(|spec| {
                let next = if spec.kind == StateKind::Value { &mut values } else { &mut maps };
                let place = *next;
                *next += 1;
                let prefetch = spec.prefetch && spec.kind == StateKind::Value;
                State { name: spec.name.clone(), kind: spec.kind, prefetch, ttl: spec.ttl, place }
            })
            .collect();
        Self {
            scope,
            wanted: states.iter().map(|_| Wanted::default()).collect(),
            states,
            entries: Entries::new(values, maps),
            account: Account::open(budget),
            now: 0,
            batch: 0,
            columns: CallColumns::default(),
            slots: Vec::new(),
            generation: 0,
            undo: Vec::new(),
            dirty: Vec::new(),
            saved: Vec::new(),
            marks: (0, 0),
            intervals: Intervals { present: 1, promoted: 0 },
            pins: VecDeque::new(),
            built: OnceCell::new(),
            spare: RefCell::default(),
        }
    }

    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Keys of which something is cached.
    pub fn key_count(&self) -> usize {
        self.entries.len()
    }

    /// Bytes held, overhead included.
    pub fn bytes(&self) -> usize {
        self.account.used
    }

    /// Whether the uncommitted changes of the lane's caches fill half of their budget: a commit makes room. (The other
    /// half is for what the last commit pinned.)
    pub fn wants_commit(&self) -> bool {
        self.account.budget.uncommitted() > self.account.budget.limit() / 2
    }

    /// Gives back clean values until the lane is within its budget. For caches that have no batch for a while; the
    /// others do so by themselves.
    pub fn relieve(&mut self) {
        self.account.report();
        if self.account.budget.is_exceeded() {
            self.evict(usize::MAX, |account| account.budget.is_exceeded());
        }
    }

    /// After a batch. The hand of the clock pays for its steps with the touches and new keys that came before, except
    /// where it meets keys that must stay: of those it takes no more than the batch had keys.
    fn make_room(&mut self) {
        if self.account.exceeded() {
            self.evict(4 * self.slots.len() + 64, Account::exceeded);
        }
    }

    /// At most two turns of the clock, and an end after so many keys that must stay.
    fn evict(&mut self, mut patience: usize, mut more: impl FnMut(&mut Account) -> bool) {
        for _ in 0..2 * self.entries.turn() {
            let Some(slot) = self.entries.tick() else { continue };
            if !self.evict_key(slot) {
                patience -= 1;
            }
            self.account.report();
            if patience == 0 || !more(&mut self.account) {
                break;
            }
        }
    }

    /// False: the key must stay (some of its fields may have gone).
    fn evict_key(&mut self, slot: Slot) -> bool {
        let intervals = self.intervals;
        if self.entries.is_of(slot, self.batch)
            || self.entries.cells(slot).any(|cell| !intervals.is_clean(cell))
        {
            self.evict_fields(slot);
            return false;
        }
        let fields = (0..self.map_places()).map(|place| fields::weight(self.entries.fields(slot, place)));
        let values = (0..self.value_places()).map(|place| self.entries.value(slot, place).heap());
        let heap = self.entries.key_heap(slot) + values.sum::<usize>() + fields.sum::<usize>();
        self.account.used -= self.entries.overhead() + heap;
        self.entries.remove(slot);
        true
    }

    fn value_places(&self) -> usize {
        self.states.iter().filter(|state| state.kind == StateKind::Value).count()
    }

    fn map_places(&self) -> usize {
        self.states.len() - self.value_places()
    }
}
