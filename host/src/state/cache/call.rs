//! Map states during a call: fields read and written.

use std::collections::HashSet;

use invoker_core::records::Column;

use super::prefetch::{bounded, check_length};
use super::{Bytes, PartitionCache, fields};
use crate::state::{Error, Read, StateStore, Values};

impl PartitionCache {
    /// Values of a map state, of at most `most` bytes; `keys` (indices of distinct keys of the batch) and `names` run
    /// in parallel.
    pub fn map_get_many(
        &mut self,
        store: &dyn StateStore,
        state: u16,
        keys: &[u32],
        names: &Column,
        most: usize,
    ) -> Result<Column, Error> {
        self.load_fields(store, state, keys, names)?;
        let place = self.states.get(usize::from(state)).map(|state| state.place);
        let value = |(&key, field): (&u32, Option<&[u8]>)| {
            let slot = *self.slots.get(key as usize)?;
            self.entries.fields(slot, place?).get(field?)?.at(self.now)
        };
        bounded(keys.iter().zip(names.iter()).map(value), most)
    }

    /// Reads the fields of which nothing is known.
    fn load_fields(
        &mut self,
        store: &dyn StateStore,
        state: u16,
        keys: &[u32],
        names: &Column,
    ) -> Result<(), Error> {
        let at = usize::from(state);
        let (Some(declared), Some(wanted)) = (self.states.get(at), self.wanted.get_mut(at)) else {
            return Ok(());
        };
        wanted.clear();
        let mut seen = HashSet::new();
        for (&key, field) in keys.iter().zip(names.iter()) {
            if let (Some(&slot), Some(field)) = (self.slots.get(key as usize), field)
                && !self.entries.fields(slot, declared.place).contains_key(field)
                && seen.insert((slot, field))
            {
                wanted.push(slot, self.entries.key(slot), Some(field));
            }
        }
        if wanted.slots.is_empty() {
            return Ok(());
        }
        let read = Read {
            scope: &self.scope,
            state: &declared.name,
            kind: declared.kind,
            keys: &wanted.keys,
            fields: &wanted.fields,
        };
        let answers = store.read(&[read])?;
        let none = Values::default();
        let answer = answers.first().unwrap_or(&none);
        check_length(&self.scope, &declared.name, wanted.slots.len(), answer)?;
        let read =
            wanted.slots.iter().zip(wanted.fields.iter()).zip(answer.values.iter().zip(&answer.expires));
        for ((&slot, field), (value, &expires)) in read {
            let field = Bytes::new(field.unwrap_or_default());
            let known = self.entries.fields_mut(slot, declared.place);
            if !known.contains_key(field.as_slice()) {
                let cell = super::cell::Cell::read(value, expires);
                self.account.used += fields::cost(&field, &cell);
                known.insert(field, cell);
            }
        }
        wanted.clear();
        self.account.report();
        Ok(())
    }

    /// Writes a map state for the call in hand; an absent value deletes.
    pub fn map_set_many(&mut self, state: u16, keys: &[u32], names: &Column, values: &Column) {
        for ((&key, field), value) in keys.iter().zip(names.iter()).zip(values.iter()) {
            if let (Some(&slot), Some(field)) = (self.slots.get(key as usize), field) {
                self.put_field(state, slot, field, value);
            }
        }
        self.account.report();
    }
}
