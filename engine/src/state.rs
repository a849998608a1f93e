//! Keyed state as a call sees it: what the host lends to an instance for the duration of one call.

use std::any::Any;
use std::error::Error;
use std::fmt;

use invoker_core::records::Column;

/// Keyed state of the keys of the batch in hand.
///
/// Keys are indices into [`InputBatch::keys`](crate::InputBatch::keys). The engine has checked every index, kind and
/// length against the batch and the description before it asks; `state` is an index into the function's states.
/// Writes must be seen by later reads of the same call. Whether they last is decided by the host after the call.
///
/// `most` is how many bytes of values an answer may have, since an instance can hold no more: what would be longer is
/// [`StateError::too_large`], before it is put together. Keys may repeat.
pub trait StateAccess: Any + Send {
    /// Values of a value state, aligned with `keys`.
    fn get_many(&mut self, state: u16, keys: &[u32], most: usize) -> Result<Column, StateError>;
    /// Values of a map state; `keys` and `fields` run in parallel.
    fn map_get_many(
        &mut self,
        state: u16,
        keys: &[u32],
        fields: &Column,
        most: usize,
    ) -> Result<Column, StateError>;
    /// Writes a map state; an absent value deletes.
    fn map_set_many(
        &mut self,
        state: u16,
        keys: &[u32],
        fields: &Column,
        values: &Column,
    ) -> Result<(), StateError>;
    /// Fields of one key that begin with `prefix`, from `start` on, at most `limit.fields` of them.
    fn map_scan(
        &mut self,
        state: u16,
        key: u32,
        prefix: &[u8],
        start: Option<&[u8]>,
        limit: ScanLimit,
    ) -> Result<ScanPage, StateError>;
}

/// How long a page may be.
#[derive(Clone, Copy, Debug)]
pub struct ScanLimit {
    pub fields: u32,
    /// Of names and values together. A page ends early rather than be longer, unless it has one field alone.
    pub bytes: usize,
}

/// Fields of one key; `fields` and `values` run in parallel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanPage {
    pub fields: Column,
    pub values: Column,
    /// Where to go on; `None` = the end.
    pub next: Option<Vec<u8>>,
}

/// The store could not answer. It ends the call; nothing of it is told to the function.
#[derive(Debug)]
pub struct StateError {
    cause: Box<dyn Error + Send + Sync>,
    retryable: bool,
    too_large: bool,
}

impl StateError {
    /// The answer would be longer than it may be.
    pub fn too_large(most: usize) -> Self {
        let cause = format!("the answer would have more than {most} bytes").into();
        Self { cause, retryable: false, too_large: true }
    }

    pub fn is_too_large(&self) -> bool {
        self.too_large
    }

    /// `retryable`: the same call may succeed later.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>, retryable: bool) -> Self {
        Self { cause: cause.into(), retryable, too_large: false }
    }

    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// What the store said.
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.cause
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)
    }
}

impl Error for StateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.source()
    }
}

/// For functions without state: every access fails.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoState;

impl NoState {
    fn refuse<T>() -> Result<T, StateError> {
        Err(StateError::new("this function was given no state", false))
    }
}

impl StateAccess for NoState {
    fn get_many(&mut self, _: u16, _: &[u32], _: usize) -> Result<Column, StateError> {
        Self::refuse()
    }

    fn map_get_many(&mut self, _: u16, _: &[u32], _: &Column, _: usize) -> Result<Column, StateError> {
        Self::refuse()
    }

    fn map_set_many(&mut self, _: u16, _: &[u32], _: &Column, _: &Column) -> Result<(), StateError> {
        Self::refuse()
    }

    fn map_scan(
        &mut self,
        _: u16,
        _: u32,
        _: &[u8],
        _: Option<&[u8]>,
        _: ScanLimit,
    ) -> Result<ScanPage, StateError> {
        Self::refuse()
    }
}
