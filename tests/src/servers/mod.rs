//! Real servers for tests: Apache Kafka, Redis, Redis Cluster, on free ports of the loopback.
//!
//! Each has its data in a temporary folder, is waited for until it really answers, and ends when it is dropped or
//! when the test process ends, however that comes about. A test that does not break its server shares one with the
//! whole test binary: [`kafka()`], [`redis()`], [`redis_cluster()`]. A test that kills, freezes or configures one starts its
//! own. What is missing on this machine is an error that says `cargo xtask provision`, never a skip.

mod cluster;
mod kafka;
mod port;
mod process;
mod redis;
mod tls;

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tempfile::TempDir;

pub use self::cluster::RedisCluster;
pub use self::kafka::{ADMIN, Broker, GUEST, Kafka, KafkaOptions};
pub use self::process::Server;
pub use self::redis::{Redis, RedisOptions};
pub use self::tls::Certificate;

/// How long several servers may take to find each other. Generous: many tests may share two cores.
const BOUND: Duration = Duration::from_secs(90);

/// `host:port` of a Kafka that this test binary shares; `INVOKER_TEST_KAFKA` names a running one instead.
pub fn kafka() -> Result<String> {
    static SHARED: Shared<Kafka> = Shared::new();
    SHARED.address("INVOKER_TEST_KAFKA", || Kafka::start(&KafkaOptions::default()), Kafka::address)
}

/// `redis://…` of a Redis that this test binary shares; `INVOKER_TEST_REDIS` names a running one instead.
pub fn redis() -> Result<String> {
    static SHARED: Shared<Redis> = Shared::new();
    SHARED.address("INVOKER_TEST_REDIS", || Redis::start(&RedisOptions::default()), Redis::url)
}

/// `redis://…` of a node of a Redis Cluster that this test binary shares; `INVOKER_TEST_REDIS_CLUSTER` names one of a
/// running cluster instead.
pub fn redis_cluster() -> Result<String> {
    static SHARED: Shared<RedisCluster> = Shared::new();
    let start = || RedisCluster::start(&RedisOptions::default());
    SHARED.address("INVOKER_TEST_REDIS_CLUSTER", start, RedisCluster::url)
}

/// Started by whoever asks first. A static is never dropped: the guard of its process ends it with the test binary.
struct Shared<T>(OnceLock<Result<T, String>>);

impl<T> Shared<T> {
    const fn new() -> Self {
        Self(OnceLock::new())
    }

    fn address(
        &self,
        variable: &str,
        start: impl FnOnce() -> Result<T>,
        address: impl FnOnce(&T) -> String,
    ) -> Result<String> {
        if let Some(given) = std::env::var_os(variable) {
            return given.into_string().map_err(|_| anyhow!("{variable} is not text"));
        }
        let started = self.0.get_or_init(|| start().map_err(|error| format!("{error:#}")));
        started.as_ref().map(address).map_err(|error| anyhow!("{error}"))
    }
}

fn folder(name: &str) -> Result<TempDir> {
    let made = tempfile::Builder::new().prefix(&format!("invoker-{name}-")).tempdir();
    made.context("create a temporary folder for a server")
}
