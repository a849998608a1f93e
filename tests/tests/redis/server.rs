//! Servers as these tests want them, seen with plain `redis-cli`.

use std::time::{Duration, Instant};

use invoker_tests::servers::{Redis, RedisCluster, RedisOptions};

/// A Redis of its own with these settings.
pub(crate) fn start(settings: &[(&str, &str)]) -> Redis {
    Redis::start(&with(settings)).unwrap()
}

/// A cluster of its own, each node with these settings.
pub(crate) fn start_cluster(settings: &[(&str, &str)]) -> RedisCluster {
    RedisCluster::start(&with(settings)).unwrap()
}

fn with(settings: &[(&str, &str)]) -> RedisOptions {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    RedisOptions { settings, ..RedisOptions::default() }
}

/// What `redis-cli` prints.
#[track_caller]
pub(crate) fn cli(server: &Redis, words: &[&str]) -> String {
    server.cli(words).unwrap()
}

pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(30), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
