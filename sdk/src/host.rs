//! The way to the host: its imports in a component, and the in-memory context of [`crate::testing`] elsewhere.

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::invoker::udf::{
    host::{log, panicked},
    state::{get_many, map_get_many, map_scan, map_set_many},
};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::host::{get_many, log, map_get_many, map_scan, map_set_many};
