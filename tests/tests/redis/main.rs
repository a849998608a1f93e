//! Keyed state in a real Redis: the conformance suite on a single one and on a cluster of three, and what holds there
//! alone.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod server;

use std::sync::Arc;

use invoker_host::state::{Error, RedisOptions, RedisState, StateStore};

fn connect(url: &str) -> Result<RedisState, Error> {
    RedisState::connect(RedisOptions::new(vec![url.to_owned()]))
}

fn open(url: &str) -> Arc<dyn StateStore> {
    Arc::new(connect(url).unwrap())
}

invoker_host::state_conformance!(single, || open(&server::shared()));
invoker_host::state_conformance!(cluster_of_three, || open(&server::shared_cluster()));
