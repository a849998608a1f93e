//! `cargo xtask servers`: the servers of the tests, for a developer.
//!
//! How they are started is the business of the tests' crate, whose program this becomes once all is there.

use std::os::unix::process::CommandExt;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::project::Project;
use crate::provision;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Which to start
    #[arg(value_name = "SERVER", value_enum, default_values = ["kafka", "redis"])]
    servers: Vec<Server>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Server {
    /// One broker of Apache Kafka
    Kafka,
    /// Three brokers; topics have three replicas, two of them in sync before a record is acknowledged
    Kafka3,
    /// A Redis that appends each write to a file
    Redis,
    /// A Redis Cluster of three nodes
    RedisCluster,
}

/// Returns only where it fails: an interrupt is for the program that took this one's place.
pub(crate) fn run(project: &Project, options: &Options) -> Result<()> {
    provision::servers(project)?;
    let values = options.servers.iter().filter_map(ValueEnum::to_possible_value);
    let mut cargo = project.cargo();
    cargo.args(["run", "--quiet", "--package", "invoker-tests", "--bin", "servers", "--"]);
    cargo.args(values.map(|value| value.get_name().to_owned()));
    Err(cargo.exec()).context("run cargo")
}
