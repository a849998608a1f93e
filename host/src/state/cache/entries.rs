//! The keys of a cache: a hash table over a slab, so that one look-up finds everything that is known of a key.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Place;

use super::bytes::{Bytes, same};
use super::cell::Cell;

/// Index of a key in the slab; stays the same while the key is cached.
pub(super) type Slot = u32;

/// Cached fields of one key of one map state.
pub(super) type Fields = BTreeMap<Bytes, Cell>;

/// A key.
#[derive(Debug)]
struct Entry {
    key: Bytes,
    /// The batch that named it last, and its place among that batch's distinct keys.
    batch: u64,
    index: u32,
    live: bool,
    /// Named since the clock's hand was here.
    referenced: bool,
}

/// Keys with their cells: `values` per value state and `maps` per map state, in rows of fixed width.
#[derive(Debug)]
pub(super) struct Entries {
    table: HashTable<Slot>,
    hash: foldhash::fast::RandomState,
    entries: Vec<Entry>,
    values: Vec<Cell>,
    maps: Vec<Fields>,
    free: Vec<Slot>,
    values_per_key: usize,
    maps_per_key: usize,
    /// Of the clock.
    hand: usize,
}

/// Room of a slab that is not in use, at most one part in this many.
const GROWTH: usize = 4;

fn grow<T>(slab: &mut Vec<T>, more: usize) {
    if slab.capacity() - slab.len() < more {
        slab.reserve_exact(more.max(slab.len() / GROWTH));
    }
}

impl Entries {
    pub(super) fn new(values_per_key: usize, maps_per_key: usize) -> Self {
        Self {
            table: HashTable::new(),
            hash: foldhash::fast::RandomState::default(),
            entries: Vec::new(),
            values: Vec::new(),
            maps: Vec::new(),
            free: Vec::new(),
            values_per_key,
            maps_per_key,
            hand: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Bytes of one key with unknown values, its outside bytes not counted; unused room of the slab is in it.
    pub(super) fn overhead(&self) -> usize {
        let row = size_of::<Entry>()
            + self.values_per_key * size_of::<Cell>()
            + self.maps_per_key * size_of::<Fields>();
        // The hash table is between half and seven eighths full, at five bytes a place.
        row + row / GROWTH + 10
    }

    /// The slot of a key, and its index among the distinct keys of `batch`: `next` where this is its first record.
    /// The second value returned tells whether the key was not cached.
    #[inline]
    pub(super) fn touch(&mut self, key: &[u8], batch: u64, next: u32) -> (Slot, u32, bool) {
        let hash = hash_of(&self.hash, key);
        let entries = &self.entries;
        let found = self.table.find(hash, |&slot| same(entry(entries, slot).key.as_slice(), key));
        match found {
            Some(&slot) => {
                let entry = entry_mut(&mut self.entries, slot);
                if entry.batch != batch {
                    entry.batch = batch;
                    entry.index = next;
                    entry.referenced = true;
                }
                (slot, entry.index, false)
            }
            None => (self.insert(hash, key, batch, next), next, true),
        }
    }

    #[cold]
    fn insert(&mut self, hash: u64, key: &[u8], batch: u64, index: u32) -> Slot {
        let new = Entry { key: Bytes::new(key), batch, index, live: true, referenced: true };
        let slot = match self.free.pop() {
            Some(slot) => {
                *entry_mut(&mut self.entries, slot) = new;
                slot
            }
            None => {
                grow(&mut self.entries, 1);
                grow(&mut self.values, self.values_per_key);
                grow(&mut self.maps, self.maps_per_key);
                self.entries.push(new);
                self.values.resize(self.values.len() + self.values_per_key, Cell::UNKNOWN);
                self.maps.resize_with(self.maps.len() + self.maps_per_key, Fields::new);
                (self.entries.len() - 1) as Slot
            }
        };
        let (entries, state) = (&self.entries, &self.hash);
        self.table.insert_unique(hash, slot, |&slot| hash_of(state, entry(entries, slot).key.as_slice()));
        slot
    }

    pub(super) fn key(&self, slot: Slot) -> &[u8] {
        entry(&self.entries, slot).key.as_slice()
    }

    /// Outside bytes of the key itself.
    pub(super) fn key_heap(&self, slot: Slot) -> usize {
        entry(&self.entries, slot).key.heap()
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "slots and places are made here and stay in range")]
    pub(super) fn value(&self, slot: Slot, place: usize) -> &Cell {
        &self.values[slot as usize * self.values_per_key + place]
    }

    #[inline]
    #[expect(clippy::indexing_slicing, reason = "slots and places are made here and stay in range")]
    pub(super) fn value_mut(&mut self, slot: Slot, place: usize) -> &mut Cell {
        &mut self.values[slot as usize * self.values_per_key + place]
    }

    #[expect(clippy::indexing_slicing, reason = "slots and places are made here and stay in range")]
    pub(super) fn fields(&self, slot: Slot, place: usize) -> &Fields {
        &self.maps[slot as usize * self.maps_per_key + place]
    }

    #[expect(clippy::indexing_slicing, reason = "slots and places are made here and stay in range")]
    pub(super) fn fields_mut(&mut self, slot: Slot, place: usize) -> &mut Fields {
        &mut self.maps[slot as usize * self.maps_per_key + place]
    }

    /// Moves the clock's hand one key on and returns the key there, unless it has been named since the hand came by.
    pub(super) fn tick(&mut self) -> Option<Slot> {
        self.hand = if self.hand + 1 < self.entries.len() { self.hand + 1 } else { 0 };
        let entry = self.entries.get_mut(self.hand)?;
        let chance = std::mem::take(&mut entry.referenced);
        (entry.live && !chance).then_some(self.hand as Slot)
    }

    /// Keys and free places: what the clock's hand passes in one turn.
    pub(super) fn turn(&self) -> usize {
        self.entries.len()
    }

    /// Whether the key belongs to this batch.
    pub(super) fn is_of(&self, slot: Slot, batch: u64) -> bool {
        entry(&self.entries, slot).batch == batch
    }

    #[cfg(test)]
    pub(super) fn is_live(&self, slot: Slot) -> bool {
        entry(&self.entries, slot).live
    }

    /// Every cell of a key.
    pub(super) fn cells(&self, slot: Slot) -> impl Iterator<Item = &Cell> {
        let at = slot as usize;
        let values = self.values.get(at * self.values_per_key..(at + 1) * self.values_per_key);
        let maps = self.maps.get(at * self.maps_per_key..(at + 1) * self.maps_per_key);
        values.unwrap_or_default().iter().chain(maps.unwrap_or_default().iter().flat_map(Fields::values))
    }

    /// Forgets a key and everything known of it.
    pub(super) fn remove(&mut self, slot: Slot) {
        let at = slot as usize;
        let key = entry(&self.entries, slot).key.as_slice();
        let hash = hash_of(&self.hash, key);
        let state = &self.hash;
        let entries = &self.entries;
        if let Place::Occupied(place) = self.table.entry(
            hash,
            |&known| known == slot,
            |&slot| hash_of(state, entry(entries, slot).key.as_slice()),
        ) {
            place.remove();
        }
        let gone = entry_mut(&mut self.entries, slot);
        gone.key = Bytes::new(b"");
        gone.live = false;
        let values = self.values.get_mut(at * self.values_per_key..(at + 1) * self.values_per_key);
        values.unwrap_or_default().fill(Cell::UNKNOWN);
        let maps = self.maps.get_mut(at * self.maps_per_key..(at + 1) * self.maps_per_key);
        maps.unwrap_or_default().iter_mut().for_each(Fields::clear);
        self.free.push(slot);
    }

    pub(super) fn clear(&mut self) {
        self.table.clear();
        self.entries.clear();
        self.values.clear();
        self.maps.clear();
        self.free.clear();
        self.hand = 0;
    }
}

#[inline]
fn hash_of(state: &foldhash::fast::RandomState, key: &[u8]) -> u64 {
    let mut hasher = state.build_hasher();
    hasher.write(key);
    hasher.finish()
}

#[inline]
#[expect(clippy::indexing_slicing, reason = "slots are made here and stay in range")]
fn entry(entries: &[Entry], slot: Slot) -> &Entry {
    &entries[slot as usize]
}

#[inline]
#[expect(clippy::indexing_slicing, reason = "slots are made here and stay in range")]
fn entry_mut(entries: &mut [Entry], slot: Slot) -> &mut Entry {
    &mut entries[slot as usize]
}
