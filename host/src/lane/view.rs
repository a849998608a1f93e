//! The state that one call sees: the cache of its partition over the store. It is lent to the call and comes back.

use std::any::Any;
use std::sync::Arc;

use invoker_core::records::{Column, RecordBatch};
use invoker_engine::{ScanLimit, ScanPage, StateAccess, StateError, StateUpdate};

use super::Trouble;
use crate::state::cache::{Budget, CallColumns, PartitionCache};
use crate::state::{self, Scope, StateStore};
use invoker_core::function::StateSpec;

/// See the module's words.
pub(super) struct StateView {
    cache: PartitionCache,
    store: Arc<dyn StateStore>,
}

impl StateView {
    /// `None` for a function without state.
    pub(super) fn of(
        store: &Arc<dyn StateStore>,
        states: &[StateSpec],
        scope: &Scope,
        budget: &Arc<Budget>,
    ) -> Option<Box<Self>> {
        if states.is_empty() {
            return None;
        }
        let cache = PartitionCache::new(scope.clone(), states, budget.clone());
        Some(Box::new(Self { cache, store: store.clone() }))
    }

    pub(super) fn cache(&self) -> &PartitionCache {
        &self.cache
    }

    pub(super) fn cache_mut(&mut self) -> &mut PartitionCache {
        &mut self.cache
    }

    /// Finds the distinct keys of a batch and reads what is not cached of their prefetched state.
    pub(super) fn begin(&mut self, batch: &RecordBatch, now: i64) -> Result<CallColumns, state::Error> {
        self.cache.begin(&batch.keys, now);
        self.cache.load(self.store.as_ref())?;
        Ok(self.cache.take_columns())
    }

    /// Gives the memory of a batch back.
    pub(super) fn reuse(&mut self, columns: CallColumns) {
        self.cache.reuse(columns);
    }

    /// What the call changed counts from here on.
    pub(super) fn keep(&mut self, updates: &[StateUpdate]) {
        self.cache.keep(updates);
    }

    /// Back from the call it was lent to.
    pub(super) fn back(lent: Box<dyn StateAccess>) -> Result<Box<Self>, Trouble> {
        let lent: Box<dyn Any> = lent;
        lent.downcast().map_err(|_| Trouble::recover("call the function", "its state did not come back"))
    }
}

fn failed(error: state::Error) -> StateError {
    if let state::Error::TooLarge { most } = error {
        return StateError::too_large(most);
    }
    let retryable = error.is_retryable();
    StateError::new(error, retryable)
}

impl StateAccess for StateView {
    fn get_many(&mut self, state: u16, keys: &[u32], most: usize) -> Result<Column, StateError> {
        self.cache.get_many(self.store.as_ref(), state, keys, most).map_err(failed)
    }

    fn map_get_many(
        &mut self,
        state: u16,
        keys: &[u32],
        fields: &Column,
        most: usize,
    ) -> Result<Column, StateError> {
        self.cache.map_get_many(self.store.as_ref(), state, keys, fields, most).map_err(failed)
    }

    fn map_set_many(
        &mut self,
        state: u16,
        keys: &[u32],
        fields: &Column,
        values: &Column,
    ) -> Result<(), StateError> {
        self.cache.map_set_many(state, keys, fields, values);
        Ok(())
    }

    fn map_scan(
        &mut self,
        state: u16,
        key: u32,
        prefix: &[u8],
        start: Option<&[u8]>,
        limit: ScanLimit,
    ) -> Result<ScanPage, StateError> {
        let page = self.cache.map_scan(self.store.as_ref(), state, key, prefix, start, limit);
        let page = page.map_err(failed)?;
        Ok(ScanPage { fields: page.fields, values: page.values, next: page.next })
    }
}
