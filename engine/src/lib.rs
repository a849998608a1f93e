//! Loads, checks and runs functions: WebAssembly components of the `invoker:udf` contract.
//!
//! An [`Engine`] loads a component into a [`Function`], which makes any number of [`Instance`]s. It knows nothing of
//! logs, partitions' owners or commits: it is handed a batch and gives back a checked result.

mod batch;
mod cache;
mod check;
mod compatibility;
mod contract;
mod deadline;
mod engine;
mod error;
mod function;
mod guest;
mod host;
mod instance;
mod lines;
mod load;
mod log;
mod options;
mod profile;
mod state;
mod trap;
mod wasi;

pub use batch::{BatchResult, Failure, FailureKind, InputBatch, OutputBatch, Reject, StateUpdate};
pub use check::ResultError;
pub use compatibility::{Incompatibility, StateIncompatibility, state_incompatibilities};
pub use engine::Engine;
pub use error::{CallError, EngineError, Frame};
pub use function::Function;
pub use instance::Instance;
pub use load::{DescribeError, DescriptionError, LoadError};
pub use log::{LogLevel, LogLine};
pub use options::{EngineOptions, InstanceOptions};
pub use profile::{Profiler, Sample};
pub use state::{NoState, ScanLimit, ScanPage, StateAccess, StateError};
