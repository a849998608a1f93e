//! A running instance of a function.

use std::time::Duration;

use crate::batch::{BatchResult, InputBatch};
use crate::error::CallError;
use crate::state::StateAccess;

/// One instance: linear memory and the state of a function's globals. It belongs to one thread at a time.
#[derive(Debug)]
pub struct Instance {
    usable: bool,
}

impl Instance {
    /// Hands a batch to the function. `state` is lent for the duration of the call and given back.
    pub fn process(
        &mut self,
        _batch: &InputBatch<'_>,
        state: Box<dyn StateAccess>,
        _deadline: Duration,
    ) -> (Result<BatchResult, CallError>, Box<dyn StateAccess>) {
        (Err(CallError::Unusable), state)
    }

    /// Whether it may be called again: false after any error but [`CallError::Failed`].
    pub fn usable(&self) -> bool {
        self.usable
    }

    /// Bytes of linear memory that it holds.
    pub fn memory_bytes(&self) -> usize {
        0
    }
}
