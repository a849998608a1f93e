//! The way of a change: written by a call, uncommitted, pinned, clean; and the ways back.

use invoker_core::commit::CommitId;
use invoker_engine::StateUpdate;

use super::bytes::Bytes;
use super::cell::{Cell, NEVER};
use super::entries::Slot;
use super::{PartitionCache, fields};
use crate::state::{Changes, StateKind};

/// What an uncommitted change costs beside its key, field and value.
pub(super) const CHANGE: usize = 64;

/// An address of the state.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) slot: Slot,
    pub(super) state: u16,
    /// `None` for value states.
    pub(super) field: Option<Bytes>,
}

/// A pinned value that an uncommitted one covers.
#[derive(Debug)]
pub(super) struct Saved {
    /// Index into the uncommitted addresses.
    at: usize,
    cell: Cell,
}

/// What a write of the call in hand replaced.
#[derive(Debug)]
pub(super) struct Undo {
    slot: Slot,
    place: usize,
    field: Bytes,
    /// `None`: nothing was known.
    before: Option<Cell>,
    uncommitted: usize,
}

impl PartitionCache {
    /// Expiry of what is written now.
    fn expiry(&self, state: usize) -> i64 {
        let ttl = self.states.get(state).and_then(|state| state.ttl);
        ttl.map_or(NEVER, |ttl| self.now.saturating_add_unsigned(ttl))
    }

    /// The call counts: its map writes and these updates are uncommitted changes from now on.
    pub fn keep(&mut self, updates: &[StateUpdate]) {
        for update in updates {
            let at = usize::from(update.state);
            let Some(state) = self.states.get(at).filter(|state| state.kind == StateKind::Value) else {
                continue;
            };
            let place = state.place;
            let expires = self.expiry(at);
            for (&key, value) in update.keys.iter().zip(update.values.iter()) {
                if let Some(&slot) = self.slots.get(key as usize) {
                    self.put_value(update.state, slot, place, value, expires);
                }
            }
        }
        self.forget_built();
        self.undo.clear();
        self.end_call();
    }

    /// The call does not count: what it wrote is forgotten.
    pub fn drop_call(&mut self) {
        while let Some(undo) = self.undo.pop() {
            let fields = self.entries.fields_mut(undo.slot, undo.place);
            if let Some(cell) = fields.get(undo.field.as_slice()) {
                self.account.used -= fields::cost(&undo.field, cell);
            }
            match undo.before {
                Some(cell) => {
                    self.account.used += fields::cost(&undo.field, &cell);
                    fields.insert(undo.field, cell);
                }
                None => {
                    fields.remove(undo.field.as_slice());
                }
            }
            self.account.uncommitted = undo.uncommitted;
        }
        let (dirty, saved) = self.marks;
        self.dirty.truncate(dirty);
        self.saved.truncate(saved);
        self.end_call();
    }

    fn end_call(&mut self) {
        self.marks = (self.dirty.len(), self.saved.len());
        self.make_room();
        // From here on no index of a key means anything, and its keys may be evicted.
        self.batch += 1;
        self.slots.clear();
    }

    #[inline]
    fn put_value(&mut self, state: u16, slot: Slot, place: usize, value: Option<&[u8]>, expires: i64) {
        let key = self.entries.key(slot).len();
        let cell = self.entries.value_mut(slot, place);
        if self.intervals.is_uncommitted(cell) {
            self.account.uncommitted -= cell.len();
        } else {
            if self.intervals.is_pinned(cell) {
                self.saved.push(Saved { at: self.dirty.len(), cell: cell.clone() });
            }
            self.dirty.push(Address { slot, state, field: None });
            self.account.uncommitted += CHANGE + key;
        }
        self.account.used -= cell.heap();
        cell.set(value, expires);
        cell.written = self.intervals.present;
        self.account.used += cell.heap();
        self.account.uncommitted += cell.len();
    }

    /// A write of the call in hand.
    pub(super) fn put_field(&mut self, state: u16, slot: Slot, field: &[u8], value: Option<&[u8]>) {
        let at = usize::from(state);
        let Some(place) = self.states.get(at).map(|state| state.place) else { return };
        let mut cell = Cell::read(value, -1);
        cell.expires = self.expiry(at);
        cell.written = self.intervals.present;
        let uncommitted = self.account.uncommitted;
        let field = Bytes::new(field);
        self.account.used += fields::cost(&field, &cell);
        self.account.uncommitted += cell.len();
        let before = self.entries.fields_mut(slot, place).insert(field.clone(), cell);
        match &before {
            Some(before) if self.intervals.is_uncommitted(before) => self.account.uncommitted -= before.len(),
            _ => {
                if let Some(before) = before.as_ref().filter(|cell| self.intervals.is_pinned(cell)) {
                    self.saved.push(Saved { at: self.dirty.len(), cell: before.clone() });
                }
                self.account.uncommitted += CHANGE + self.entries.key(slot).len() + field.as_slice().len();
                self.dirty.push(Address { slot, state, field: Some(field.clone()) });
            }
        }
        if let Some(before) = &before {
            self.account.used -= fields::cost(&field, before);
        }
        self.undo.push(Undo { slot, place, field, before, uncommitted });
    }

    /// The uncommitted changes: each address once, with its newest value. Ask between calls.
    pub fn changes(&self) -> &Changes {
        self.built.get_or_init(|| {
            let mut changes = self.spare.take();
            if changes.states.is_empty() {
                changes.states = self.states.iter().map(|state| (state.name.clone(), state.kind)).collect();
            }
            for address in self.dirty.iter().take(self.marks.0) {
                let Some(cell) = self.cell(address) else { continue };
                let (value, expires) = cell.stored();
                changes.state.push(address.state);
                changes.keys.push(Some(self.entries.key(address.slot)));
                changes.fields.push(address.field.as_ref().map(Bytes::as_slice));
                changes.values.push(value);
                changes.expires.push(expires);
            }
            changes
        })
    }

    fn cell(&self, address: &Address) -> Option<&Cell> {
        let place = self.states.get(usize::from(address.state))?.place;
        match &address.field {
            None => Some(self.entries.value(address.slot, place)),
            Some(field) => self.entries.fields(address.slot, place).get(field.as_slice()),
        }
    }

    /// Keeps the memory of what `changes` built.
    fn forget_built(&mut self) {
        if let Some(mut changes) = self.built.take() {
            changes.state.clear();
            changes.keys.clear();
            changes.fields.clear();
            changes.values.clear();
            changes.expires.clear();
            self.spare.replace(changes);
        }
    }

    /// The uncommitted changes were committed under `id`: pinned until [`PartitionCache::unpin`].
    pub fn committed(&mut self, id: CommitId) {
        self.drop_call();
        self.forget_built();
        self.pins.push_back((id, self.intervals.present));
        self.intervals.present += 1;
        self.dirty.clear();
        self.saved.clear();
        self.marks = (0, 0);
        self.account.uncommitted = 0;
        self.account.report();
    }

    /// The store has made everything up to `id` the state. An id that is not pinned changes nothing.
    pub fn unpin(&mut self, id: CommitId) {
        if let Some(at) = self.pins.iter().position(|(pinned, _)| *pinned == id) {
            for (_, interval) in self.pins.drain(..=at) {
                self.intervals.promoted = interval;
            }
            self.generation += 1;
            self.make_room();
        }
    }

    /// Forgets the uncommitted changes: back to the last commit.
    pub fn abort(&mut self) {
        self.drop_call();
        self.forget_built();
        let mut saved = std::mem::take(&mut self.saved);
        let mut covered = saved.drain(..).peekable();
        for (at, address) in self.dirty.drain(..).enumerate() {
            let Some(state) = self.states.get(usize::from(address.state)) else { continue };
            let pinned = covered.next_if(|saved| saved.at == at).map(|saved| saved.cell);
            // What the store has by now can be read from it.
            let pinned = pinned.filter(|cell| self.intervals.is_pinned(cell));
            match address.field {
                None => {
                    let cell = self.entries.value_mut(address.slot, state.place);
                    self.account.used -= cell.heap();
                    *cell = pinned.unwrap_or(Cell::UNKNOWN);
                    self.account.used += cell.heap();
                }
                Some(field) => {
                    let fields = self.entries.fields_mut(address.slot, state.place);
                    if let Some(cell) = fields.remove(field.as_slice()) {
                        self.account.used -= fields::cost(&field, &cell);
                    }
                    if let Some(cell) = pinned {
                        self.account.used += fields::cost(&field, &cell);
                        fields.insert(field, cell);
                    }
                }
            }
        }
        drop(covered);
        self.saved = saved;
        self.marks = (0, 0);
        self.generation += 1;
        self.account.uncommitted = 0;
        self.account.report();
    }

    /// Forgets everything, as after taking the partition again.
    pub fn clear(&mut self) {
        self.forget_built();
        self.undo.clear();
        self.dirty.clear();
        self.saved.clear();
        self.slots.clear();
        self.marks = (0, 0);
        self.pins.clear();
        self.entries.clear();
        self.intervals.promoted = self.intervals.present;
        self.intervals.present += 1;
        self.batch += 1;
        self.generation += 1;
        (self.account.used, self.account.uncommitted) = (0, 0);
        self.account.report();
    }
}
