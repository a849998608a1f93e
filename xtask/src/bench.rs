//! `cargo xtask bench`: builds the functions, the command and the benches, optimised, and runs them. Figures are ratios
//! against plain Rust in the same run; they are printed with their goals and kept as JSON in `target/bench/`.

use anyhow::Result;
use clap::Args;

use crate::project::Project;
use crate::provision::peers;
use crate::{guests, process};

/// Options of the benches.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Which to run, of contract, instances, wordcount, start; all of these where none is named. `kafka`, alone or with its
    /// tables behind it, compares on a real broker
    benches: Vec<String>,
    /// Rounds of each comparison; medians are reported (9, or 3 on Kafka)
    #[arg(long)]
    rounds: Option<usize>,
    /// On Kafka: records that each contender gets
    #[arg(long)]
    records: Option<u64>,
    /// On Kafka: lines that each contender gets to count the words of
    #[arg(long)]
    lines: Option<u64>,
}

pub(crate) fn run(project: &Project, options: &Options) -> Result<()> {
    guests::build(project)?;
    let on_kafka = options.benches.first().is_some_and(|first| first == "kafka");
    if on_kafka {
        peers::build(project)?;
    }
    let packages = ["--package", "invoker", "--package", "invoker-bench"];
    process::shown(project.cargo().args(["build", "--release"]).args(packages))?;
    let release = project.target().join("release");
    let mut command = std::process::Command::new(release.join("invoker-bench"));
    command.args(&options.benches);
    if let Some(rounds) = options.rounds {
        command.arg("--rounds").arg(rounds.to_string());
    }
    if let Some(records) = options.records {
        command.arg("--records").arg(records.to_string());
    }
    if let Some(lines) = options.lines {
        command.arg("--lines").arg(lines.to_string());
    }
    command.arg("--guests").arg(project.guests());
    command.arg("--invoker").arg(release.join("invoker"));
    if on_kafka {
        command.arg("--peers").arg(project.target().join("peers"));
    }
    command.arg("--out").arg(project.target().join("bench"));
    process::shown(&mut command)
}
