//! The registry as clients meet it: real requests over loopback to a store in a real folder.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub, reason = "these are tests")]

mod abuse;
mod artifact;
#[path = "../../../engine/tests/components/mod.rs"]
mod components;
mod discovery;
mod faults;
mod functions;
mod kill;
mod management;
mod manifests;
mod pull;
mod push;
mod registry;
mod table;
mod tokens;
