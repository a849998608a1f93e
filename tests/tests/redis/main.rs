//! Keyed state in a real Redis: the conformance suite on a single one and on a cluster of three, and what holds there
//! alone.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "these are tests")]

mod faults;
mod layout;
mod owner;
mod refusals;
mod server;

use std::sync::Arc;

use invoker_host::state::{Error, RedisOptions, RedisState, StateStore};
use invoker_tests::servers;

fn options(url: &str) -> RedisOptions {
    RedisOptions::new(vec![url.to_owned()])
}

fn connect(url: &str) -> Result<RedisState, Error> {
    RedisState::connect(options(url))
}

/// An error with its causes, in one line.
fn text(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

fn open(url: &str) -> Arc<dyn StateStore> {
    Arc::new(connect(url).unwrap())
}

invoker_host::state_conformance!(single, || open(&servers::redis().unwrap()));
invoker_host::state_conformance!(cluster_of_three, || open(&servers::redis_cluster().unwrap()));
