//! Each way that a value goes through the cache, over a real store.

mod batches;
mod budgets;
mod commits;
mod scans;

use std::sync::Arc;

use invoker_core::commit::{CommitId, Token};
use invoker_core::function::{StateKind, StateSpec};
use invoker_core::records::Column;
use invoker_engine::{ScanLimit, StateUpdate};

use super::*;
use crate::db::Database;
use crate::state::{Answer, EmbeddedState, Journal, Stage, StateStore, Take};

/// Indices of the states that every rig declares.
pub(super) const COUNT: u16 = 0;
pub(super) const NOTE: u16 = 1;
pub(super) const PLAIN: u16 = 2;
pub(super) const SORTED: u16 = 3;

pub(super) const TTL: u64 = 1_000;

pub(super) fn specs() -> Vec<StateSpec> {
    let spec = |name: &str, kind, prefetch, ttl| StateSpec {
        name: name.into(),
        kind,
        prefetch,
        ttl,
        version: 1,
        reads: vec![],
        doc: String::new(),
    };
    vec![
        spec("count", StateKind::Value, true, None),
        spec("note", StateKind::Value, false, Some(TTL)),
        spec("plain", StateKind::Map, false, None),
        spec("sorted", StateKind::SortedMap, false, Some(TTL)),
    ]
}

pub(super) fn fields_at_most(fields: u32) -> ScanLimit {
    ScanLimit { fields, bytes: usize::MAX }
}

/// A cache over a store, and what a lane knows of its commits.
pub(super) struct Rig {
    pub(super) store: EmbeddedState,
    pub(super) cache: PartitionCache,
    pub(super) token: Token,
    sequence: u64,
    pub(super) committed: Option<CommitId>,
}

impl Rig {
    pub(super) fn new(budget: usize) -> Self {
        Self::of(Budget::new(budget), 0)
    }

    fn of(budget: Arc<Budget>, partition: u32) -> Self {
        let scope = Scope { deployment: "d".into(), entity: "e".into(), partition };
        let store = EmbeddedState::open(Database::memory(), Journal::Shared).unwrap();
        let Take::Taken { token, .. } = store.take(&scope, 1, "t", None).unwrap() else { panic!("moved") };
        let cache = PartitionCache::new(scope, &specs(), budget);
        Self { store, cache, token, sequence: 0, committed: None }
    }

    pub(super) fn begin(&mut self, keys: &[&str], now: i64) -> CallColumns {
        let keys = column(&keys.iter().map(|key| Some(*key)).collect::<Vec<_>>());
        self.cache.begin(&keys, now);
        self.cache.load(&self.store).unwrap();
        self.cache.take_columns()
    }

    /// The prefetched value of one key, in a batch of its own.
    fn count(&mut self, key: &str) -> Option<String> {
        let columns = self.begin(&[key], 0);
        self.cache.drop_call();
        text(columns.states[0].get(0))
    }

    pub(super) fn field(&mut self, state: u16, key: u32, field: &str) -> Option<String> {
        let values =
            self.cache.map_get_many(&self.store, state, &[key], &column(&[Some(field)]), usize::MAX).unwrap();
        text(values.get(0))
    }

    fn set_field(&mut self, state: u16, key: u32, field: &str, value: Option<&str>) {
        self.cache.map_set_many(state, &[key], &column(&[Some(field)]), &column(&[value]));
    }

    /// One batch of one key whose call sets the count.
    fn set(&mut self, key: &str, value: &str) {
        self.begin(&[key], 0);
        self.cache.keep(&[update(COUNT, &[(0, Some(value))])]);
    }

    pub(super) fn stage(&mut self) -> CommitId {
        self.sequence += 1;
        let id = CommitId { token: self.token, sequence: self.sequence };
        let stage = Stage {
            scope: self.cache.scope(),
            token: self.token,
            id,
            next: &[],
            changes: self.cache.changes(),
            committed: self.committed,
            previous: self.committed,
            promoted: false,
        };
        assert_eq!(self.store.stage(&[stage]).unwrap(), [Answer::Ok]);
        if let Some(before) = self.committed {
            self.cache.unpin(before);
        }
        id
    }

    pub(super) fn commit(&mut self) -> CommitId {
        let id = self.stage();
        self.cache.committed(id);
        self.committed = Some(id);
        id
    }

    pub(super) fn promote(&mut self) {
        let Some(id) = self.committed else { return };
        assert_eq!(self.store.promote(&[(self.cache.scope(), self.token, id)]).unwrap(), [Answer::Ok]);
        self.cache.unpin(id);
    }
}

pub(super) fn column(items: &[Option<&str>]) -> Column {
    items.iter().map(|item| item.map(str::as_bytes)).collect()
}

pub(super) fn update(state: u16, values: &[(u32, Option<&str>)]) -> StateUpdate {
    StateUpdate {
        state,
        keys: values.iter().map(|value| value.0).collect(),
        values: values.iter().map(|value| value.1.map(str::as_bytes)).collect(),
    }
}

fn text(value: Option<&[u8]>) -> Option<String> {
    value.map(|value| String::from_utf8_lossy(value).into_owned())
}

fn some(value: &str) -> Option<String> {
    Some(value.to_owned())
}

const PLENTY: usize = 1 << 20;

impl PartitionCache {
    /// What the account should say of uncommitted changes.
    pub(super) fn weighed_uncommitted(&self) -> usize {
        let changes = self.changes();
        let bytes = changes.keys.data.len() + changes.fields.data.len() + changes.values.data.len();
        bytes + changes.state.len() * writes::CHANGE
    }

    /// What the account should say.
    pub(super) fn weighed(&self) -> usize {
        (0..self.entries.turn() as Slot)
            .filter(|&slot| self.entries.is_live(slot))
            .map(|slot| {
                let maps =
                    (0..self.map_places()).map(|place| fields::weight(self.entries.fields(slot, place)));
                let values = (0..self.value_places()).map(|place| self.entries.value(slot, place).heap());
                self.entries.overhead()
                    + self.entries.key_heap(slot)
                    + maps.sum::<usize>()
                    + values.sum::<usize>()
            })
            .sum()
    }
}
