//! Fields to values per key. What a batch reads and writes is held here and goes to the host in one call at the batch's
//! end, or before a scan, which has to see it.

use super::order::{Order, Sorted, Unsorted};
use super::overlay::Overlay;
use super::scan::Scan;
use super::{Declared, Keyed, Slot, State, Stored, key};
use crate::bindings::invoker::udf::types::{Column, StateKind, StateUpdate};
use crate::call::{Call, NO_RECORD};
use crate::codec::Codec;
use crate::error::Result;
use crate::function::Parts;
use std::marker::PhantomData;
use std::rc::Rc;
use std::{fmt, mem};

/// Fields and their values for each key, scanned in no order: `Map<u64>`, `Map<Json<Item>>`.
///
/// Takes the options of [`crate::Value`] but `prefetch`: fields are read when asked for.
///
/// ```
/// use invoker_sdk::prelude::*;
///
/// /// Counts the pages that each visitor saw, and tells each page once.
/// #[function]
/// fn visits(record: Record<'_>, #[state(ttl = "1h")] pages: &mut Map<u64>, new: &mut Output) -> Result {
///     let page = record.text()?;
///     let seen = pages.or_default(page)?;
///     *seen += 1;
///     if *seen == 1 {
///         new.send(page.as_bytes())?;
///     }
///     Ok(())
/// }
/// # fn main() {}
/// ```
pub struct Map<C: Codec, Order = Unsorted> {
    call: Rc<Call>,
    pub(super) index: u16,
    pub(super) stored: Stored<C::Item>,
    overlay: Overlay<C::Item>,
    /// Entries to be written; one that was undone is still listed, but not marked.
    changed: Vec<u32>,
    /// What the record in hand found in the entries that it changed, oldest first.
    before: Vec<(u32, Slot<C::Item>)>,
    before_of: u32,
    /// Changes of the record in hand have gone to the host already.
    flushed: bool,
    fields: Column,
    order: PhantomData<Order>,
}

/// Fields and their values for each key, scanned in byte order of the fields: see [`Map`] for the rest.
///
/// Numbers sort as `to_be_bytes()` writes them.
///
/// ```
/// use invoker_sdk::prelude::*;
///
/// /// Keeps the last ten readings of each sensor and sends their sum.
/// #[function]
/// fn last_ten(record: Record<'_>, readings: &mut SortedMap<i64>, sums: &mut Output<i64>) -> Result {
///     readings.set(record.offset().to_be_bytes(), record.decode::<i64>()?)?;
///     let all = readings.scan(b"")?.collect::<Result<Vec<_>>>()?;
///     let (old, last) = all.split_at(all.len().saturating_sub(10));
///     for (field, _) in old {
///         readings.remove(field)?;
///     }
///     sums.send(last.iter().map(|(_, reading)| reading).sum())
/// }
/// # fn main() {}
/// ```
pub type SortedMap<C> = Map<C, Sorted>;

impl<C: Codec, O> Map<C, O> {
    /// The value of a field of this record's key.
    pub fn get(&mut self, field: impl AsRef<[u8]>) -> Result<Option<&C::Item>> {
        let at = self.load(field.as_ref())?;
        Ok(self.overlay.value(at))
    }

    /// Gives a field of this record's key a value.
    pub fn set(&mut self, field: impl AsRef<[u8]>, value: C::Item) -> Result {
        self.put(field.as_ref(), Some(value))
    }

    /// Forgets a field of this record's key.
    pub fn remove(&mut self, field: impl AsRef<[u8]>) -> Result {
        self.put(field.as_ref(), None)
    }

    /// The value of a field of this record's key, to be changed in place; the default where there is none.
    pub fn or_default(&mut self, field: impl AsRef<[u8]>) -> Result<&mut C::Item>
    where
        C::Item: Default + Clone,
    {
        let at = self.load(field.as_ref())?;
        self.remember();
        let Some(slot) = self.overlay.slot(at) else { return super::gone(self.stored.name) };
        self.before.push((at, slot.clone()));
        if !slot.changed {
            slot.changed = true;
            self.changed.push(at);
        }
        Ok(slot.value.get_or_insert_default())
    }

    /// Reads several fields in one call to the host: asking for them afterwards costs no call.
    pub fn fetch<F: AsRef<[u8]>>(&mut self, fields: impl IntoIterator<Item = F>) -> Result {
        let key = key(&self.call, self.stored.name)?;
        let mut unread: Vec<u32> =
            fields.into_iter().map(|field| self.overlay.find(key, field.as_ref())).collect();
        unread.retain(|&at| self.overlay.slot(at).is_some_and(|slot| !slot.read));
        self.read(&unread)
    }

    /// The fields of this record's key that begin with `prefix`, read page by page. Sees all that was set before.
    pub fn scan(&mut self, prefix: impl AsRef<[u8]>) -> Result<Scan<'_, C, O>> {
        let key = key(&self.call, self.stored.name)?;
        self.settle()?;
        Ok(Scan::new(self, key, prefix.as_ref(), None))
    }

    fn put(&mut self, field: &[u8], value: Option<C::Item>) -> Result {
        let key = key(&self.call, self.stored.name)?;
        let at = self.overlay.find(key, field);
        self.remember();
        let Some(slot) = self.overlay.slot(at) else { return super::gone(self.stored.name) };
        let before = mem::replace(slot, Slot { value, read: true, changed: true });
        if !before.changed {
            self.changed.push(at);
        }
        self.before.push((at, before));
        Ok(())
    }

    /// Makes `before` that of the record in hand.
    fn remember(&mut self) {
        let record = self.call.record.get();
        if self.before_of != record {
            self.before_of = record;
            self.before.clear();
            self.flushed = false;
        }
    }

    /// The entry of a field, read.
    fn load(&mut self, field: &[u8]) -> Result<u32> {
        let key = key(&self.call, self.stored.name)?;
        let at = self.overlay.find(key, field);
        if self.overlay.slot(at).is_some_and(|slot| !slot.read) {
            self.read(&[at])?;
        }
        Ok(at)
    }

    /// Reads entries that were not read, and were not written either.
    fn read(&mut self, entries: &[u32]) -> Result {
        let values = self.ask(entries);
        for (i, &at) in entries.iter().enumerate() {
            let value = values.get(i).map(|bytes| self.stored.decode::<C>(bytes)).transpose()?;
            if let Some(slot) = self.overlay.slot(at) {
                *slot = Slot { value, read: true, changed: false };
            }
        }
        Ok(())
    }

    fn ask(&mut self, entries: &[u32]) -> Column {
        if entries.is_empty() {
            return Column::new();
        }
        let keys = self.places(entries);
        crate::host::map_get_many(self.index, &keys, &self.fields)
    }

    /// The keys of entries, with their fields in `self.fields`.
    fn places(&mut self, entries: &[u32]) -> Vec<u32> {
        let Self { overlay, fields, .. } = self;
        fields.truncate(0);
        let place = |&at: &u32| {
            let (key, field) = overlay.place(at);
            fields.push(Some(field));
            key
        };
        entries.iter().map(place).collect()
    }

    /// Gives the host all changes, so that a scan sees them. What the record in hand overwrote unread is read first: the
    /// host has it no more when that record fails.
    fn settle(&mut self) -> Result {
        if self.before_of == self.call.record.get() {
            let unread: Vec<usize> =
                self.before.iter().enumerate().filter(|(_, (_, slot))| !slot.read).map(|(i, _)| i).collect();
            let entries: Vec<u32> =
                unread.iter().filter_map(|&i| self.before.get(i)).map(|(at, _)| *at).collect();
            let values = self.ask(&entries);
            for (i, &place) in unread.iter().enumerate() {
                let value = values.get(i).map(|bytes| self.stored.decode::<C>(bytes)).transpose()?;
                if let Some((_, slot)) = self.before.get_mut(place) {
                    *slot = Slot { value, read: true, changed: false };
                }
            }
            self.flushed = !self.before.is_empty();
        }
        self.flush()
    }

    fn flush(&mut self) -> Result {
        let mut changed = mem::take(&mut self.changed);
        let mut values = Column::new();
        let mut failed = Ok(());
        changed.retain(|&at| {
            let Some(slot) = self.overlay.slot(at).filter(|slot| slot.changed) else { return false };
            slot.changed = false;
            match &slot.value {
                Some(item) => {
                    let encoded = self.stored.encode::<C>(item, &mut values.data);
                    values.close();
                    if encoded.is_err() {
                        failed = encoded;
                    }
                }
                None => values.push(None),
            }
            true
        });
        failed?;
        if !changed.is_empty() {
            let keys = self.places(&changed);
            crate::host::map_set_many(self.index, &keys, &self.fields, &values);
        }
        changed.clear();
        self.changed = changed;
        Ok(())
    }
}

impl<C: Codec> Map<C, Sorted> {
    /// As [`scan`](Self::scan), from the field `start` on, itself included.
    pub fn scan_from(
        &mut self,
        prefix: impl AsRef<[u8]>,
        start: impl AsRef<[u8]>,
    ) -> Result<Scan<'_, C, Sorted>> {
        let key = key(&self.call, self.stored.name)?;
        self.settle()?;
        Ok(Scan::new(self, key, prefix.as_ref(), Some(start.as_ref().to_vec())))
    }
}

impl<C: Codec, O: Order> State for Map<C, O> {
    type Codec = C;
    const KIND: StateKind = O::KIND;

    fn new(parts: &Parts, index: u16, declared: &Declared<C>) -> Self {
        Self {
            call: Rc::clone(&parts.call),
            index,
            stored: Stored::new(declared),
            overlay: Overlay::new(),
            changed: Vec::new(),
            before: Vec::new(),
            before_of: NO_RECORD,
            flushed: false,
            fields: Column::new(),
            order: PhantomData,
        }
    }
}

impl<C: Codec, O> Keyed for Map<C, O> {
    fn begin(&mut self, _: usize, _: Option<Column>) {
        self.overlay.clear();
        self.changed.clear();
        self.before.clear();
        self.before_of = NO_RECORD;
    }

    fn undo(&mut self, record: u32) {
        if self.before_of != record {
            return;
        }
        self.before_of = NO_RECORD;
        while let Some((at, mut before)) = self.before.pop() {
            let Some(slot) = self.overlay.slot(at) else { continue };
            // What was not read before the record came was not given to the host either: `settle` reads all that is.
            before.changed |= self.flushed && before.read;
            let listed = slot.changed;
            *slot = before;
            if slot.changed && !listed {
                self.changed.push(at);
            }
        }
    }

    fn finish(&mut self) -> Result<Option<StateUpdate>> {
        self.flush()?;
        Ok(None)
    }
}

impl<C: Codec, O> fmt::Debug for Map<C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map")
            .field("name", &self.stored.name)
            .field("changed", &self.changed)
            .finish_non_exhaustive()
    }
}
