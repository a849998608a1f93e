//! The start of a batch: distinct keys, what must be read for them, and the columns that the call is given.

use std::collections::HashSet;

use invoker_core::records::Column;

use super::cell::Cell;
use super::entries::Slot;
use super::{CallColumns, PartitionCache};
use crate::state::{Error, Read, StateKind, StateStore, Values};

/// Values of one state that must be read from the store.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) keys: Column,
    pub(super) fields: Column,
    pub(super) slots: Vec<Slot>,
}

impl Wanted {
    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.fields.clear();
        self.slots.clear();
    }

    pub(super) fn push(&mut self, slot: Slot, key: &[u8], field: Option<&[u8]>) {
        self.keys.push(Some(key));
        self.fields.push(field);
        self.slots.push(slot);
    }
}

/// Says which state of the cache a read belongs to; see [`PartitionCache::fill`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Ticket {
    generation: u64,
    /// Number of reads that belong to it.
    pub reads: usize,
}

impl PartitionCache {
    /// Starts a batch: `record_keys` per record, `now` in milliseconds since the Unix epoch. Whatever a call before
    /// wrote and nobody kept is forgotten.
    pub fn begin(&mut self, record_keys: &Column, now: i64) {
        self.drop_call();
        self.now = now;
        self.batch += 1;
        self.generation += 1;
        self.wanted.iter_mut().for_each(Wanted::clear);
        let CallColumns { keys, key_of, .. } = &mut self.columns;
        keys.clear();
        key_of.clear();
        key_of.reserve(record_keys.len());
        for key in record_keys.iter() {
            let Some(key) = key else {
                key_of.push(-1);
                continue;
            };
            let next = self.slots.len() as u32;
            let (slot, index, new) = self.entries.touch(key, self.batch, next);
            key_of.push(index as i32);
            if index < next {
                continue;
            }
            self.slots.push(slot);
            keys.push(Some(key));
            if new {
                self.account.used += self.entries.overhead() + self.entries.key_heap(slot);
            }
            for (state, wanted) in self.states.iter().zip(&mut self.wanted) {
                if state.prefetch && !self.entries.value(slot, state.place).is_known() {
                    wanted.push(slot, key, None);
                }
            }
        }
        self.account.report();
    }

    /// Appends what must be read before the call; the answers go to [`PartitionCache::fill`] with the ticket. Reads of
    /// several caches can go to the store together.
    pub fn missing<'a>(&'a self, reads: &mut Vec<Read<'a>>) -> Ticket {
        let before = reads.len();
        for (state, wanted) in self.states.iter().zip(&self.wanted) {
            if state.prefetch && !wanted.slots.is_empty() {
                reads.push(Read {
                    scope: &self.scope,
                    state: &state.name,
                    kind: state.kind,
                    keys: &wanted.keys,
                    fields: &wanted.fields,
                });
            }
        }
        Ticket { generation: self.generation, reads: reads.len() - before }
    }

    /// Takes the answers to the reads of `ticket`. False: the cache has moved on since they were issued and they may be
    /// older than what it knew, so nothing was taken; begin the batch again.
    pub fn fill(&mut self, ticket: Ticket, answers: &[Values]) -> Result<bool, Error> {
        if ticket.generation != self.generation {
            return Ok(false);
        }
        let mut answers = answers.iter();
        for at in 0..self.states.len() {
            let waits = self.states.get(at).is_some_and(|state| state.prefetch)
                && self.wanted.get(at).is_some_and(|wanted| !wanted.slots.is_empty());
            if waits {
                let none = Values::default();
                self.fill_values(at, answers.next().unwrap_or(&none))?;
            }
        }
        self.account.report();
        Ok(true)
    }

    /// Puts values read into the cells that are still unknown, and ends the wait for them.
    fn fill_values(&mut self, state: usize, answer: &Values) -> Result<(), Error> {
        let (Some(state), Some(wanted)) = (self.states.get(state), self.wanted.get_mut(state)) else {
            return Ok(());
        };
        check_length(&self.scope, &state.name, wanted.slots.len(), answer)?;
        for ((&slot, value), &expires) in wanted.slots.iter().zip(answer.values.iter()).zip(&answer.expires) {
            let cell = self.entries.value_mut(slot, state.place);
            if !cell.is_known() {
                *cell = Cell::read(value, expires);
                self.account.used += cell.heap();
            }
        }
        wanted.clear();
        Ok(())
    }

    /// Reads what is missing, if anything.
    pub fn load(&mut self, store: &dyn StateStore) -> Result<(), Error> {
        let waits =
            self.states.iter().zip(&self.wanted).any(|(state, w)| state.prefetch && !w.slots.is_empty());
        if !waits {
            return Ok(());
        }
        let mut reads = Vec::with_capacity(self.states.len());
        let ticket = self.missing(&mut reads);
        let answers = store.read(&reads)?;
        drop(reads);
        self.fill(ticket, &answers).map(|_| ())
    }

    /// The columns of the batch, once everything missing is filled. They are moved out, because the cache itself is
    /// lent to the call; [`PartitionCache::reuse`] gives their memory back.
    pub fn take_columns(&mut self) -> CallColumns {
        let prefetched = self.states.iter().filter(|state| state.prefetch);
        self.columns.states.resize_with(prefetched.clone().count(), Column::default);
        for (state, column) in prefetched.zip(&mut self.columns.states) {
            column.clear();
            for &slot in &self.slots {
                column.push(self.entries.value(slot, state.place).at(self.now));
            }
        }
        std::mem::take(&mut self.columns)
    }

    pub fn reuse(&mut self, columns: CallColumns) {
        self.columns = columns;
    }

    /// Values of a value state, aligned with `keys` (indices of distinct keys of the batch), of at most `most` bytes.
    pub fn get_many(
        &mut self,
        store: &dyn StateStore,
        state: u16,
        keys: &[u32],
        most: usize,
    ) -> Result<Column, Error> {
        let at = usize::from(state);
        let (Some(declared), Some(wanted)) = (self.states.get(at), self.wanted.get_mut(at)) else {
            return Ok(keys.iter().map(|_| None).collect());
        };
        debug_assert_eq!(declared.kind, StateKind::Value);
        let place = declared.place;
        wanted.clear();
        let mut seen = HashSet::new();
        for &key in keys {
            if let Some(&slot) = self.slots.get(key as usize)
                && !self.entries.value(slot, place).is_known()
                && seen.insert(slot)
            {
                wanted.push(slot, self.entries.key(slot), None);
            }
        }
        if !wanted.slots.is_empty() {
            let read = Read {
                scope: &self.scope,
                state: &declared.name,
                kind: declared.kind,
                keys: &wanted.keys,
                fields: &wanted.fields,
            };
            let answers = store.read(&[read])?;
            self.fill_values(at, answers.first().unwrap_or(&Values::default()))?;
            self.account.report();
        }
        let value = |&key: &u32| {
            let slot = *self.slots.get(key as usize)?;
            self.entries.value(slot, place).at(self.now)
        };
        bounded(keys.iter().map(value), most)
    }
}

/// A column of the values, unless it would have more than `most` bytes.
pub(super) fn bounded<'a>(
    values: impl Iterator<Item = Option<&'a [u8]>>,
    most: usize,
) -> Result<Column, Error> {
    let mut column = Column::default();
    for value in values {
        if column.data.len() + value.map_or(0, <[u8]>::len) > most.min(i32::MAX as usize) {
            return Err(Error::TooLarge { most });
        }
        column.push(value);
    }
    Ok(column)
}

/// A store that answers with fewer values than asked would turn the rest into absent ones.
pub(super) fn check_length(
    scope: &crate::state::Scope,
    state: &str,
    asked: usize,
    answer: &Values,
) -> Result<(), Error> {
    if answer.values.len() == asked && answer.expires.len() == asked {
        return Ok(());
    }
    Err(Error::Damaged {
        scope: scope.to_string(),
        what: format!("asked for {asked} values of state {state:?}, was given {}", answer.values.len()),
    })
}
