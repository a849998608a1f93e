//! What can go wrong: starting the engine, loading a function, calling one.

use std::fmt;
use std::time::Duration;

use crate::batch::Failure;
use crate::check::ResultError;
use crate::state::StateError;

/// The engine could not be started.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error("start the WebAssembly engine: {0}")]
    Start(String),
    #[error("open the code cache {path:?}: {cause}")]
    Cache { path: std::path::PathBuf, cause: std::io::Error },
    #[error("start the thread that ticks deadlines: {0}")]
    Ticker(std::io::Error),
}

/// A call did not return a result. The instance is unusable after any of these but [`CallError::Failed`].
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The function returned an error: nothing of the call counts.
    #[error("the function failed: {0}")]
    Failed(Failure),
    /// The function panicked and said so before it trapped. `record` is an index in the batch.
    #[error("the function panicked{}: {message}, at {file}:{line}", at_record(*record))]
    Panicked { record: Option<u32>, message: String, file: String, line: u32, frames: Vec<Frame> },
    #[error("the function trapped: {message}{}", Trace(frames))]
    Trapped { message: String, frames: Vec<Frame> },
    #[error("the function did not return within {after:?}{}", Trace(frames))]
    Deadline { after: Duration, frames: Vec<Frame> },
    #[error("the function asked for more than its {limit} bytes of memory{}", Trace(frames))]
    Memory { limit: usize, frames: Vec<Frame> },
    #[error("the function handed over more than {limit} bytes in one call")]
    OutputTooLarge { limit: usize },
    #[error("the function returned a result that cannot be used: {0}")]
    BadResult(#[from] ResultError),
    /// The function called the host with values that make no sense.
    #[error("the function called the host with a wrong argument: {0}")]
    BadArgument(String),
    /// The state store could not answer.
    #[error("state is not available: {0}")]
    State(#[from] StateError),
    /// No instance could be made: the pool is full, or the host is out of memory.
    #[error("make an instance: {0}")]
    Instantiate(String),
    /// An earlier call ended in such a way that this instance cannot be used again.
    #[error("this instance ended in an earlier call")]
    Unusable,
}

impl CallError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Failed(failure) => failure.kind == crate::batch::FailureKind::Transient,
            Self::State(error) => error.is_retryable(),
            Self::Instantiate(_) => true,
            _ => false,
        }
    }

    /// Where the function was, innermost first; empty where that is not known.
    pub fn frames(&self) -> &[Frame] {
        match self {
            Self::Panicked { frames, .. }
            | Self::Trapped { frames, .. }
            | Self::Deadline { frames, .. }
            | Self::Memory { frames, .. } => frames,
            _ => &[],
        }
    }
}

fn at_record(record: Option<u32>) -> String {
    record.map(|record| format!(" at record {record} of the batch")).unwrap_or_default()
}

/// One frame of a function's stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Demangled; an index where the component carries no names.
    pub function: String,
    /// Where the component carries debug information.
    pub file: Option<String>,
    pub line: Option<u32>,
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, " at {file}:{line}"),
            (Some(file), None) => write!(f, " at {file}"),
            _ => Ok(()),
        }
    }
}

/// The innermost frame, for one-line messages.
struct Trace<'a>(&'a [Frame]);

impl fmt::Display for Trace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.first() {
            Some(frame) => write!(f, ", in {frame}"),
            None => Ok(()),
        }
    }
}
