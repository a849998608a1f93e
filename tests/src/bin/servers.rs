//! `cargo xtask servers`: the servers of the tests for a developer, until interrupted.
#![expect(clippy::print_stdout, reason = "a command line tool speaks on standard output")]

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use invoker_tests::servers::{Kafka, KafkaOptions, Redis, RedisCluster, RedisOptions};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// What runs, for as long as it is held.
#[expect(dead_code, reason = "held, not read: dropping one ends it")]
enum Running {
    Kafka(Kafka),
    Redis(Redis),
    RedisCluster(RedisCluster),
}

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(names: &[String]) -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("watch for an interrupt")?;
    let mut running = Vec::new();
    for name in names {
        // An interrupt while one of them starts is heeded before the next.
        if signals.pending().next().is_some() {
            return Ok(());
        }
        let (server, variable, address) = start(name).with_context(|| format!("start '{name}'"))?;
        println!("export {variable}={address}");
        running.push(server);
    }
    println!("# running until you type Ctrl-C; paste these lines where tests are to use them");
    signals.forever().next();
    drop(running);
    println!("# stopped");
    Ok(())
}

fn start(name: &str) -> Result<(Running, &'static str, String)> {
    let kafka = |brokers| {
        let kafka = Kafka::start(&KafkaOptions { brokers, ..KafkaOptions::default() })?;
        let address = kafka.address();
        Ok((Running::Kafka(kafka), "INVOKER_TEST_KAFKA", address))
    };
    match name {
        "kafka" => kafka(1),
        "kafka3" => kafka(3),
        "redis" => {
            let redis = Redis::start(&RedisOptions::default())?;
            let url = redis.url();
            Ok((Running::Redis(redis), "INVOKER_TEST_REDIS", url))
        }
        "redis-cluster" => {
            let cluster = RedisCluster::start(&RedisOptions::default())?;
            let url = cluster.url();
            Ok((Running::RedisCluster(cluster), "INVOKER_TEST_REDIS_CLUSTER", url))
        }
        _ => bail!("no such server: there are 'kafka', 'kafka3', 'redis' and 'redis-cluster'"),
    }
}
