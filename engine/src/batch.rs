//! What goes into one call of a function and what comes out of it, in the host's own columns.

use invoker_core::records::{Column, HeaderColumns};

/// Records of one partition of one input, in offset order, lent to a function for one call.
///
/// The lists that exist once per record (`offset_deltas`, `event_times`, `key_of`, `values`, `headers`) are of equal
/// length; every entry of `key_of` is -1 or an index into `keys`; each of `states` is aligned with `keys`.
#[derive(Clone, Copy, Debug)]
pub struct InputBatch<'a> {
    /// Index into the function's inputs; 0 when it declares none.
    pub input: u16,
    pub partition: u32,
    pub first_offset: u64,
    /// Offsets, counted from `first_offset`.
    pub offset_deltas: &'a [u32],
    /// Milliseconds since the Unix epoch; -1 where the log gives none.
    pub event_times: &'a [i64],
    /// No earlier event time is expected; `None` = not tracked.
    pub watermark: Option<i64>,
    /// Wall clock of the host, milliseconds since the Unix epoch.
    pub now: i64,
    /// 0, or the number of times that the first record was tried before.
    pub attempt: u32,
    /// Keys of the batch; distinct when the function declares states.
    pub keys: &'a Column,
    /// Per record an index into `keys`; -1 for a record without key.
    pub key_of: &'a [i32],
    /// Absent = tombstone.
    pub values: &'a Column,
    /// Given to functions that read headers, and to no others.
    pub headers: Option<&'a HeaderColumns>,
    /// One per prefetched state, in the order of declaration, aligned with `keys`.
    pub states: &'a [Column],
}

impl InputBatch<'_> {
    /// Number of records.
    pub fn len(&self) -> usize {
        self.offset_deltas.len()
    }

    pub fn is_empty(&self) -> bool {
        self.offset_deltas.is_empty()
    }
}

/// The answer of one call, checked against the batch and the function's description: every index in it can be used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BatchResult {
    /// Records from the front that this result accounts for; the rest comes again.
    pub consumed: u32,
    /// Why record `consumed` could not be done; `None` with records left over = call again.
    pub stopped: Option<Failure>,
    pub outputs: OutputBatch,
    pub states: Vec<StateUpdate>,
    pub rejects: Vec<Reject>,
}

/// Output records in the order in which they are to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputBatch {
    /// Per output: index of the input record that it comes from, never falling.
    pub sources: Vec<u32>,
    /// Per output: index into the function's outputs; empty = all to output 0.
    pub ports: Vec<u16>,
    /// `None` = each keeps the key of its source.
    pub keys: Option<Column>,
    pub values: Column,
    /// Milliseconds since the Unix epoch, -1 = that of the source; empty = those of the sources.
    pub event_times: Vec<i64>,
    /// Empty = by key; else per output, -1 = by key.
    pub partitions: Vec<i32>,
    /// `None` = as the function's header use says.
    pub headers: Option<HeaderColumns>,
}

impl OutputBatch {
    /// Number of output records.
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }
}

/// New values of one value state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateUpdate {
    /// Index into the function's states.
    pub state: u16,
    /// Indices into the batch's keys, each at most once.
    pub keys: Vec<u32>,
    /// Aligned with `keys`; absent = delete.
    pub values: Column,
}

/// A record that is done but failed for good; it has no outputs and changed no state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    pub record: u32,
    pub failure: Failure,
}

/// Why a record, a batch or an instance could not be done, in the function's own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    pub kind: FailureKind,
    /// Short and stable, for counting: `bad-json`.
    pub code: String,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Trying again will not help.
    Rejected,
    /// May succeed later.
    Transient,
}
