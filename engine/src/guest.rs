//! What belongs to one instance on the host's side: its limits, what it is lent for a call, what it said.

use std::sync::Arc;

use invoker_core::function::Description;
use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;

use crate::deadline::Clock;
use crate::error::CallError;
use crate::lines::Lines;
use crate::state::StateAccess;

/// Most elements of one table; engines of interpreted languages have the largest.
pub(crate) const TABLE_ELEMENTS: usize = 1 << 17;

/// What a store of wasmtime holds for its instance.
pub(crate) struct Guest {
    pub(crate) memory: MemoryLimit,
    pub(crate) phase: Phase,
    /// Records and keys of the batch in hand.
    pub(crate) records: usize,
    pub(crate) keys: usize,
    pub(crate) state: Option<Box<dyn StateAccess>>,
    /// Bytes that it may still write to map states within the present call.
    pub(crate) writable: usize,
    pub(crate) description: Arc<Description>,
    pub(crate) panicked: Option<Panic>,
    pub(crate) lines: Lines,
    /// Things that the function waits for.
    pub(crate) pollables: ResourceTable,
    pub(crate) clock: Clock,
    /// The tick at which the present call is over.
    pub(crate) until: u64,
    /// It stops at each epoch for a sample, so that its deadline is not the epoch's.
    pub(crate) profiled: bool,
}

/// What the function is being asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Describe,
    Init,
    Process,
}

/// What a panicking function said before it trapped.
pub(crate) struct Panic {
    pub(crate) record: Option<u32>,
    pub(crate) message: String,
    pub(crate) file: String,
    pub(crate) line: u32,
}

/// Why the host ended a call from inside a call of the function's.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    #[error(transparent)]
    State(crate::state::StateError),
    #[error("{0}")]
    Argument(String),
    #[error("it called `{0}`, which only `process` may call")]
    NotNow(&'static str),
    #[error("it ended itself with `wasi:cli/exit` ({0})")]
    Exit(&'static str),
    #[error("it waited past its deadline")]
    Deadline,
    #[error("it wrote more state than it may in one call")]
    OutputTooLarge,
    #[error("it asked for more state than its memory holds")]
    AnswerTooLarge,
}

impl HostError {
    /// What the store said.
    pub(crate) fn state(error: crate::state::StateError) -> Self {
        if error.is_too_large() { Self::AnswerTooLarge } else { Self::State(error) }
    }
}

impl From<HostError> for CallError {
    fn from(error: HostError) -> Self {
        match error {
            HostError::State(error) => Self::State(error),
            HostError::Argument(message) => Self::BadArgument(message),
            other => Self::Trapped { message: other.to_string(), frames: Vec::new() },
        }
    }
}

/// Linear memory of one instance.
pub(crate) struct MemoryLimit {
    pub(crate) limit: usize,
    pub(crate) used: usize,
    /// It asked for more than it may have, since the call began.
    pub(crate) refused: bool,
}

impl MemoryLimit {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, used: 0, refused: false }
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        self.refused |= used > self.limit;
        if used > self.limit {
            return Ok(false);
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }
}
