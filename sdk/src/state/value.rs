//! One value per key. Prefetched ones are read from the batch's column at first use; changed ones go back once per batch.

use super::{Declared, Keyed, Slot, State, Stored, key};
use crate::bindings::invoker::udf::types::{Column, StateKind, StateUpdate};
use crate::call::{Call, NO_RECORD};
use crate::codec::Codec;
use crate::error::Result;
use crate::function::Parts;
use std::fmt;
use std::mem;
use std::rc::Rc;

/// One value for each key: `Value<u64>`, `Value<String>`, `Value<Json<Session>>`.
///
/// ```
/// use invoker_sdk::prelude::*;
///
/// /// Sends a sensor's value only when it changed.
/// #[function]
/// fn changes(record: Record<'_>, #[state(ttl = "30d")] last: &mut Value<i64>, out: &mut Output<i64>) -> Result {
///     let now: i64 = record.decode::<i64>()?;
///     if last.get()? != Some(&now) {
///         last.set(now)?;
///         out.send(now)?;
///     }
///     Ok(())
/// }
/// # fn main() {}
/// ```
///
/// Options of `#[state(..)]`:
///
/// | option | meaning |
/// | --- | --- |
/// | `ttl = "30d"` | forgotten so long after the last write (`ms`, `s`, `m`, `h`, `d`) |
/// | `prefetch = false` | not handed over with the batch: for a value that few records look at |
/// | `version = 2` | version of the stored encoding; 1 if not given |
/// | `reads = [1]` | older versions that this code still reads |
/// | `migrate = from_v1` | how: `fn(version: u8, bytes: &[u8]) -> Result<Item>`; the codec itself if not given |
/// | `name = "total"` | its name in the store, if it is not the field's |
pub struct Value<C: Codec> {
    call: Rc<Call>,
    index: u16,
    prefetch: bool,
    stored: Stored<C::Item>,
    column: Column,
    /// Aligned with the batch's keys.
    slots: Vec<Slot<C::Item>>,
    /// Keys changed in this batch, in order of their first change.
    changed: Vec<u32>,
    /// What the record in hand found under its key when it first changed it.
    before: Slot<C::Item>,
    before_of: u32,
}

impl<C: Codec> Value<C> {
    /// The value of this record's key.
    #[inline]
    pub fn get(&mut self) -> Result<Option<&C::Item>> {
        let key = self.load()?;
        Ok(self.slots.get(key as usize).and_then(|slot| slot.value.as_ref()))
    }

    /// Gives this record's key a value.
    #[inline]
    pub fn set(&mut self, value: C::Item) -> Result {
        self.put(Some(value))
    }

    /// Forgets the value of this record's key.
    pub fn remove(&mut self) -> Result {
        self.put(None)
    }

    /// The value of this record's key, to be changed in place; the default where there is none.
    #[inline]
    pub fn or_default(&mut self) -> Result<&mut C::Item>
    where
        C::Item: Default + Clone,
    {
        let key = self.load()?;
        let record = self.call.record.get();
        let Some(slot) = self.slots.get_mut(key as usize) else { return super::gone(self.stored.name) };
        if self.before_of != record {
            self.before_of = record;
            self.before.clone_from(slot);
        }
        if !slot.changed {
            slot.changed = true;
            self.changed.push(key);
        }
        Ok(slot.value.get_or_insert_default())
    }

    #[inline]
    fn put(&mut self, value: Option<C::Item>) -> Result {
        let key = key(&self.call, self.stored.name)?;
        let record = self.call.record.get();
        let Some(slot) = self.slots.get_mut(key as usize) else { return super::gone(self.stored.name) };
        let before = mem::replace(slot, Slot { value, read: true, changed: true });
        if !before.changed {
            self.changed.push(key);
        }
        if self.before_of != record {
            self.before_of = record;
            self.before = before;
        }
        Ok(())
    }

    /// Index of the record's key, with its slot read.
    #[inline]
    fn load(&mut self) -> Result<u32> {
        let key = key(&self.call, self.stored.name)?;
        match self.slots.get(key as usize) {
            Some(slot) if slot.read => {}
            _ => self.read(key)?,
        }
        Ok(key)
    }

    fn read(&mut self, key: u32) -> Result {
        let value = if self.prefetch {
            self.column.get(key as usize).map(|bytes| self.stored.decode::<C>(bytes)).transpose()?
        } else {
            let column = crate::host::get_many(self.index, &[key]);
            column.get(0).map(|bytes| self.stored.decode::<C>(bytes)).transpose()?
        };
        if let Some(slot) = self.slots.get_mut(key as usize) {
            *slot = Slot { value, read: true, changed: false };
        }
        Ok(())
    }
}

impl<C: Codec> State for Value<C> {
    type Codec = C;
    const KIND: StateKind = StateKind::Value;

    fn new(parts: &Parts, index: u16, declared: &Declared<C>) -> Self {
        Self {
            call: Rc::clone(&parts.call),
            index,
            prefetch: declared.prefetch,
            stored: Stored::new(declared),
            column: Column::new(),
            slots: Vec::new(),
            changed: Vec::new(),
            before: Slot::unread(),
            before_of: NO_RECORD,
        }
    }
}

impl<C: Codec> Keyed for Value<C> {
    fn begin(&mut self, keys: usize, prefetched: Option<Column>) {
        self.column = prefetched.unwrap_or_else(Column::new);
        self.slots.clear();
        self.slots.resize_with(keys, Slot::unread);
        self.changed.clear();
        self.before_of = NO_RECORD;
    }

    fn undo(&mut self, record: u32) {
        if self.before_of != record {
            return;
        }
        self.before_of = NO_RECORD;
        let before = mem::replace(&mut self.before, Slot::unread());
        // A record touches its own key alone, so what it was the first to change stands last.
        let key = if before.changed { u32::try_from(self.call.key.get()).ok() } else { self.changed.pop() };
        if let Some(slot) = key.and_then(|key| self.slots.get_mut(key as usize)) {
            *slot = before;
        }
    }

    fn finish(&mut self) -> Result<Option<StateUpdate>> {
        if self.changed.is_empty() {
            return Ok(None);
        }
        let mut values = Column { ends: Vec::with_capacity(self.changed.len()), data: Vec::new() };
        for &key in &self.changed {
            match self.slots.get(key as usize).and_then(|slot| slot.value.as_ref()) {
                Some(item) => {
                    self.stored.encode::<C>(item, &mut values.data)?;
                    values.close();
                }
                None => values.push(None),
            }
        }
        Ok(Some(StateUpdate { state: self.index, keys: mem::take(&mut self.changed), values }))
    }
}

impl<C: Codec> fmt::Debug for Value<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Value")
            .field("name", &self.stored.name)
            .field("changed", &self.changed)
            .finish_non_exhaustive()
    }
}
