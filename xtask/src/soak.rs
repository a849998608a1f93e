//! `cargo xtask soak`: the kill tests of the suite, on the embedded backends, on Kafka and Redis, and of the registry, as
//! long as one likes, with the command built for release.

use anyhow::Result;
use clap::Args;

use crate::project::Project;
use crate::{guests, process};

/// Options of the soak.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How often each of them kills
    #[arg(long, default_value_t = 1000)]
    kills: u32,
    /// Decides the input and the moments of the kills
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) fn run(project: &Project, options: &Options) -> Result<()> {
    guests::build(project)?;
    process::shown(project.cargo().args(["build", "--release", "--package", "invoker"]))?;
    let mut test = project.cargo();
    test.args(["test", "--release", "--package", "invoker-tests", "--test", "kill", "--test", "failures"]);
    test.args(["--package", "invoker-registry", "--test", "distribution"]);
    test.args(["--", "--nocapture", "killed_at_random"]);
    test.env("INVOKER_KILLS", options.kills.to_string()).env("INVOKER_SEED", options.seed.to_string());
    process::shown(&mut test)
}
