//! The data plane: a record log, keyed state, and lanes that run functions between them.
//!
//! [`Host::start`] takes a host document, the functions it names and the [`Backends`], and runs until [`Host::stop`].

mod app;
pub mod db;
mod lane;
pub mod log;
pub mod program;
mod report;
pub mod state;
mod stop;

pub use app::{Backends, Host, StartError, StopError};
pub use report::{EntityStatus, HostStatus, PartitionState, PartitionStatus};
