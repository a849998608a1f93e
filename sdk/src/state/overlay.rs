//! The fields of map states that a batch has touched: found by key and field, with their memory kept between batches.

use super::Slot;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

pub(super) struct Overlay<T> {
    entries: Vec<Entry<T>>,
    table: HashTable<u32>,
    /// Names of the fields, end to end.
    names: Vec<u8>,
}

struct Entry<T> {
    /// Index into the batch's keys.
    key: u32,
    start: usize,
    stop: usize,
    slot: Slot<T>,
}

impl<T> Entry<T> {
    fn name<'n>(&self, names: &'n [u8]) -> &'n [u8] {
        names.get(self.start..self.stop).unwrap_or_default()
    }
}

impl<T> Overlay<T> {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), table: HashTable::new(), names: Vec::new() }
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.table.clear();
        self.names.clear();
    }

    /// Number of the entry of this field, which is made if there is none.
    pub(super) fn find(&mut self, key: u32, field: &[u8]) -> u32 {
        let Self { entries, table, names } = self;
        let same =
            |&at: &u32| entries.get(at as usize).is_some_and(|e| e.key == key && e.name(names) == field);
        let hash = hash(key, field);
        if let Some(&at) = table.find(hash, same) {
            return at;
        }
        let at = entries.len() as u32;
        let start = names.len();
        names.extend_from_slice(field);
        entries.push(Entry { key, start, stop: names.len(), slot: Slot::unread() });
        table.insert_unique(hash, at, |&at| {
            entries.get(at as usize).map_or(0, |e| self::hash(e.key, e.name(names)))
        });
        at
    }

    pub(super) fn slot(&mut self, at: u32) -> Option<&mut Slot<T>> {
        self.entries.get_mut(at as usize).map(|entry| &mut entry.slot)
    }

    pub(super) fn value(&self, at: u32) -> Option<&T> {
        self.entries.get(at as usize)?.slot.value.as_ref()
    }

    /// Key and field of an entry.
    pub(super) fn place(&self, at: u32) -> (u32, &[u8]) {
        self.entries.get(at as usize).map_or((0, &[]), |entry| (entry.key, entry.name(&self.names)))
    }
}

fn hash(key: u32, field: &[u8]) -> u64 {
    FixedState::default().hash_one((key, field))
}
