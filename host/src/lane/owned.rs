//! A partition that a lane owns: where it stands in its inputs, in its commits and in its state.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use invoker_core::commit::{CommitId, Token};
use invoker_engine::LogLine;

use super::view::StateView;
use crate::log::Slot;
use crate::program::Processor;
use crate::state::Scope;

/// One partition of the entity, while this session owns it.
pub(super) struct Owned {
    pub(super) partition: u32,
    pub(super) scope: Scope,
    pub(super) token: Token,
    /// Slot of the source, per input.
    pub(super) slots: Vec<Slot>,
    /// Position per input behind the records processed so far.
    pub(super) next: Vec<u64>,
    /// Position per input at the last commit known committed.
    pub(super) committed_next: Vec<u64>,
    /// The last commit known committed: what the state must stand at.
    pub(super) committed: Option<CommitId>,
    /// When it commits even if nothing has come.
    pub(super) renew_at: Instant,
    /// The last sequence used; none is used twice.
    pub(super) sequence: u64,
    /// There is something to commit.
    pub(super) touched: bool,
    /// Per input, what was found when the lane last looked whether it stands still.
    pub(super) idle: Vec<Idle>,
    /// The last commit is staged and not yet promoted.
    pub(super) unpromoted: bool,
    /// State of the keys, while it is not lent to a call.
    pub(super) view: Option<Box<StateView>>,
    pub(super) processor: Option<Box<dyn Processor>>,
    pub(super) retry: Option<Retrying>,
    pub(super) stopped: bool,
    pub(super) log: LogTail,
}

/// The record at the head of a partition that failed and is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Retrying {
    pub(super) input: usize,
    pub(super) offset: u64,
    /// Times it has been tried.
    pub(super) attempt: u32,
    /// When it is tried next; `None` = it may be polled.
    pub(super) until: Option<Instant>,
}

/// An input, when the lane last looked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Idle {
    pub(super) position: u64,
    /// It had not moved since the time before, although there was more to read.
    pub(super) stands: bool,
}

impl Owned {
    pub(super) fn runs(&self) -> bool {
        !self.stopped
    }

    /// The id for the next commit.
    pub(super) fn next_id(&mut self) -> CommitId {
        self.sequence += 1;
        CommitId { token: self.token, sequence: self.sequence }
    }

    /// Times the record at `offset` of `input` has been tried before.
    pub(super) fn attempt_of(&self, input: usize, offset: u64) -> u32 {
        match self.retry {
            Some(retry) if retry.input == input && retry.offset == offset => retry.attempt,
            _ => 0,
        }
    }

    /// Uncommitted state alone fills the cache.
    pub(super) fn wants_commit(&self) -> bool {
        self.view.as_ref().is_some_and(|view| view.cache().wants_commit())
    }

    pub(super) fn cached_keys(&self) -> u64 {
        self.view.as_ref().map_or(0, |view| view.cache().key_count() as u64)
    }

    /// Gives what an idle partition does not need to those that are busy.
    pub(super) fn relieve(&mut self) {
        if let Some(view) = &mut self.view {
            view.cache_mut().relieve();
        }
    }

    /// The store has made the last commit the state.
    pub(super) fn promoted(&mut self) {
        self.unpromoted = false;
        if let (Some(view), Some(id)) = (&mut self.view, self.committed) {
            view.cache_mut().unpin(id);
        }
    }

    /// Forgets everything since the last commit. The instance goes too: its memory may hold what was undone.
    pub(super) fn roll_back(&mut self) {
        self.next.clone_from(&self.committed_next);
        self.processor = None;
        self.touched = false;
        if let Some(view) = &mut self.view {
            view.cache_mut().abort();
        }
    }
}

/// The last lines that an instance logged, for dead letters and errors.
#[derive(Clone, Debug, Default)]
pub(super) struct LogTail(Arc<Mutex<VecDeque<String>>>);

/// Lines kept.
const TAIL: usize = 20;
/// Longest line kept, bytes.
const LINE: usize = 512;

impl LogTail {
    pub(super) fn push(&self, line: &LogLine) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == TAIL {
            lines.pop_front();
        }
        let cut = line.message.floor_char_boundary(LINE);
        lines.push_back(line.message.get(..cut).unwrap_or_default().to_owned());
    }

    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

impl fmt::Display for LogTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().enumerate().try_for_each(|(i, line)| {
            if i > 0 {
                f.write_str("\n")?;
            }
            f.write_str(line)
        })
    }
}
