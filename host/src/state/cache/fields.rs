//! Cached fields of map states: what they weigh, and how clean ones of a key in use are given back.

use super::PartitionCache;
use super::bytes::Bytes;
use super::cell::Cell;
use super::entries::{Fields, Slot};

/// Bytes of a field in its tree, its outside bytes not counted: nodes are at least half full.
const FIELD: usize = (size_of::<Bytes>() + size_of::<Cell>()) * 3 / 2;

pub(super) fn cost(field: &Bytes, cell: &Cell) -> usize {
    FIELD + field.heap() + cell.heap()
}

pub(super) fn weight(fields: &Fields) -> usize {
    fields.iter().map(|(field, cell)| cost(field, cell)).sum()
}

impl PartitionCache {
    /// Gives back the clean fields of a key that must stay.
    pub(super) fn evict_fields(&mut self, slot: Slot) {
        for place in 0..self.map_places() {
            let intervals = self.intervals;
            let used = &mut self.account.used;
            self.entries.fields_mut(slot, place).retain(|field, cell| {
                let stays = !intervals.is_clean(cell);
                if !stays {
                    *used -= cost(field, cell);
                }
                stays
            });
        }
    }
}
