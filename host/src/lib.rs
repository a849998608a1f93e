//! The data plane: a record log, keyed state, and lanes that run functions between them.

pub mod db;
pub mod log;
pub mod state;
