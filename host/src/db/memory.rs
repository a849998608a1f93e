//! The database in memory: one ordered map per space, each under its own lock.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};

use super::batch::Batch;
use super::space::{Key, Kind, Value};

#[derive(Debug, Default)]
pub(super) struct Memory {
    spaces: RwLock<BTreeMap<String, Arc<Map>>>,
}

#[derive(Debug)]
pub(super) struct Map {
    /// Batches lock their spaces in this order.
    id: usize,
    entries: RwLock<BTreeMap<Key, Value>>,
}

impl Memory {
    pub(super) fn space(&self, name: &str) -> Arc<Map> {
        let mut spaces = self.spaces.write().unwrap_or_else(PoisonError::into_inner);
        let id = spaces.len();
        Arc::clone(
            spaces.entry(name.to_owned()).or_insert_with(|| Arc::new(Map { id, entries: RwLock::default() })),
        )
    }

    /// Another database that holds the same.
    #[cfg(test)]
    pub(super) fn copy(&self) -> Self {
        let spaces = self.spaces.read().unwrap_or_else(PoisonError::into_inner);
        let copy = |map: &Arc<Map>| {
            let entries = map.entries.read().unwrap_or_else(PoisonError::into_inner).clone();
            Arc::new(Map { id: map.id, entries: RwLock::new(entries) })
        };
        let spaces = spaces.iter().map(|(name, map)| (name.clone(), copy(map))).collect();
        Self { spaces: RwLock::new(spaces) }
    }

    pub(super) fn write(&self, batch: Batch) {
        let mut maps: Vec<Arc<Map>> = Vec::new();
        for change in &batch.changes {
            if let Kind::Memory(map) = &change.space.0
                && !maps.iter().any(|known| known.id == map.id)
            {
                maps.push(Arc::clone(map));
            }
        }
        maps.sort_unstable_by_key(|map| map.id);
        let mut locked: Vec<_> = maps.iter().map(|map| (map.id, map.write())).collect();
        // What is replaced is freed after the locks are.
        let mut replaced = Vec::with_capacity(batch.changes.len());
        for change in batch.changes {
            let Kind::Memory(map) = &change.space.0 else { continue };
            let Some((_, entries)) = locked.iter_mut().find(|(id, _)| *id == map.id) else { continue };
            replaced.push(match change.value {
                Some(value) => entries.insert(change.key, value),
                None => entries.remove(&change.key),
            });
        }
        drop(locked);
    }
}

impl Map {
    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<Key, Value>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Value> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }
}

/// How many entries are taken at a time, so that a long walk does not keep writers out.
const STRIDE: usize = 256;

#[derive(Debug)]
pub(super) struct Walk {
    map: Arc<Map>,
    from: Bound<Key>,
    to: Bound<Key>,
    falling: bool,
    taken: VecDeque<(Key, Value)>,
    /// How many to take next: few at first, for many walks end after one entry.
    stride: usize,
}

impl Walk {
    pub(super) fn new(map: Arc<Map>, from: &[u8], to: Option<&[u8]>, falling: bool) -> Self {
        let empty = to.is_some_and(|to| to <= from);
        let to = match to {
            // A map refuses a range whose ends cross.
            Some(_) if empty => Bound::Excluded(Key::from(from)),
            Some(to) => Bound::Excluded(Key::from(to)),
            None => Bound::Unbounded,
        };
        Self { map, from: Bound::Included(Key::from(from)), to, falling, taken: VecDeque::new(), stride: 4 }
    }

    fn refill(&mut self) {
        if self.stride == 0 {
            return;
        }
        let entries = self.map.entries.read().unwrap_or_else(PoisonError::into_inner);
        let range = entries.range((self.from.clone(), self.to.clone()));
        let copy = |(key, value): (&Key, &Value)| (key.clone(), value.clone());
        if self.falling {
            self.taken.extend(range.rev().take(self.stride).map(copy));
        } else {
            self.taken.extend(range.take(self.stride).map(copy));
        }
        drop(entries);
        let more = self.taken.len() == self.stride;
        self.stride = if more { (self.stride * 4).min(STRIDE) } else { 0 };
        if let Some((last, _)) = self.taken.back() {
            let end = Bound::Excluded(last.clone());
            *(if self.falling { &mut self.to } else { &mut self.from }) = end;
            // Excluding one key from both sides is a range that a map refuses.
            if self.from == self.to {
                self.stride = 0;
            }
        }
    }
}

impl Iterator for Walk {
    type Item = (Key, Value);

    fn next(&mut self) -> Option<Self::Item> {
        if self.taken.is_empty() {
            self.refill();
        }
        self.taken.pop_front()
    }
}
