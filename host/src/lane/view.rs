//! stub
use super::{LaneSpec, Trouble};
use crate::state::{self, Changes, Scope};
use invoker_core::commit::CommitId;
use invoker_core::records::{Column, RecordBatch};
use invoker_engine::{ScanPage, StateAccess, StateError, StateUpdate};
#[derive(Default)]
pub(super) struct CallColumns {
    pub(super) keys: Column,
    pub(super) key_of: Vec<i32>,
    pub(super) states: Vec<Column>,
}
pub(super) struct Cache;
impl Cache {
    pub(super) fn wants_commit(&self) -> bool {
        false
    }
    pub(super) fn key_count(&self) -> usize {
        0
    }
    pub(super) fn abort(&mut self) {}
    pub(super) fn drop_call(&mut self) {}
    pub(super) fn committed(&mut self, _: CommitId) {}
    pub(super) fn unpin(&mut self, _: CommitId) {}
    pub(super) fn changes(&self) -> &Changes {
        loop {}
    }
}
pub(super) struct StateView(Cache);
impl StateView {
    pub(super) fn of(_: &LaneSpec, _: &Scope) -> Option<Box<Self>> {
        None
    }
    pub(super) fn cache(&self) -> &Cache {
        &self.0
    }
    pub(super) fn cache_mut(&mut self) -> &mut Cache {
        &mut self.0
    }
    pub(super) fn begin(&mut self, _: &RecordBatch, _: i64) -> Result<CallColumns, state::Error> {
        loop {}
    }
    pub(super) fn back(_: Box<dyn StateAccess>) -> Result<Box<Self>, Trouble> {
        loop {}
    }
    pub(super) fn reuse(&mut self, _: CallColumns) {}
    pub(super) fn keep(&mut self, _: &[StateUpdate]) {}
}
impl StateAccess for StateView {
    fn get_many(&mut self, _: u16, _: &[u32]) -> Result<Column, StateError> {
        loop {}
    }
    fn map_get_many(&mut self, _: u16, _: &[u32], _: &Column) -> Result<Column, StateError> {
        loop {}
    }
    fn map_set_many(&mut self, _: u16, _: &[u32], _: &Column, _: &Column) -> Result<(), StateError> {
        loop {}
    }
    fn map_scan(
        &mut self,
        _: u16,
        _: u32,
        _: &[u8],
        _: Option<&[u8]>,
        _: u32,
    ) -> Result<ScanPage, StateError> {
        loop {}
    }
}
