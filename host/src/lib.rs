//! The data plane: a record log, keyed state, and lanes that run functions between them.
//!
//! [`Host::start`] takes a host document, the functions it names and the [`Backends`], and runs until [`Host::stop`].
//! [`control::run`] does so for a document in a folder, and follows its changes.

mod app;
#[cfg(feature = "command")]
pub mod command;
pub mod config;
pub mod control;
pub mod db;
mod lane;
pub mod log;
pub mod program;
mod report;
pub mod secrets;
pub mod services;
pub mod state;
mod stop;

pub use app::{Backends, Change, Host, Programs, StartError, StopError};
pub use report::{EntityStatus, HostStatus, PartitionState, PartitionStatus};
pub use stop::Stop;
