//! Redis as the store of state: the facts that hold for every store.

use std::sync::Arc;

use invoker_host::state::{RedisOptions, RedisState, StateStore};
use invoker_host::state_conformance;

fn open(variable: &str) -> Arc<dyn StateStore> {
    let url = std::env::var(variable).expect("an address");
    Arc::new(RedisState::connect(RedisOptions { urls: vec![url], ..RedisOptions::default() }).unwrap())
}

state_conformance!(single, || open("INVOKER_TEST_REDIS"));
state_conformance!(cluster, || open("INVOKER_TEST_REDIS_CLUSTER"));
