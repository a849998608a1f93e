//! What the rest of the run sees of an input.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::Error;

/// What an input is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum InputState {
    #[default]
    Reading,
    /// Waits until the entities have caught up.
    HeldBack,
    /// At its end, waiting for more (`--follow`, or a pipe).
    Waiting,
    Ended,
    /// Told to end before its end.
    CutShort,
    Failed(Error),
}

/// Counts and state of one input, written by its thread.
#[derive(Debug)]
pub struct InputProgress {
    pub topic: String,
    pub source: String,
    /// Records committed by this run.
    pub(super) records: AtomicU64,
    pub(super) bytes: AtomicU64,
    state: Mutex<InputState>,
}

impl InputProgress {
    pub fn new(topic: &str, source: &str) -> Self {
        let (topic, source) = (topic.to_owned(), source.to_owned());
        Self { topic, source, records: AtomicU64::new(0), bytes: AtomicU64::new(0), state: Mutex::default() }
    }

    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Bytes of keys and values.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub fn state(&self) -> InputState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why it ended early.
    pub fn failure(&self) -> Option<Error> {
        match self.state() {
            InputState::Failed(error) => Some(error),
            _ => None,
        }
    }

    pub(super) fn set(&self, state: InputState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}
