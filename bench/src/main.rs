//! Benches that compare with plain Rust in the same run, so that a noisy machine moves both sides. Each prints a table
//! with its goals and writes `<out>/<name>.json`. `cargo xtask bench` builds what they need and runs them.

mod contract;
mod instances;
mod kafka;
mod native;
mod report;
mod start;
mod stateful;
mod wordcount;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use report::Report;

#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    local: Local,
}

#[derive(Subcommand)]
enum Command {
    /// Beside other ways to process what lies in Kafka
    Kafka {
        #[command(flatten)]
        options: kafka::Options,
        #[command(flatten)]
        places: Places,
    },
    /// A contender: copies a topic by hand
    Copy(kafka::Copy),
}

#[derive(clap::Args)]
struct Local {
    /// Which to run; all where none is named.
    benches: Vec<Bench>,
    /// Rounds of each comparison; medians are reported.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    #[command(flatten)]
    places: Places,
}

#[derive(clap::Args)]
struct Places {
    /// Folder of the components that `cargo xtask guests` made.
    #[arg(long, default_value = "target/guests")]
    guests: PathBuf,
    /// The `invoker` binary, built for release.
    #[arg(long, default_value = "target/release/invoker")]
    invoker: PathBuf,
    /// Where the JSON goes.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Bench {
    /// Nanoseconds per record over the component boundary
    Contract,
    /// The embedded word count beside the same job in plain Rust on the same log
    Wordcount,
    /// From the start of `invoker run` to its first committed record
    Start,
    /// Memory of 1000 instances
    Instances,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match &arguments.command {
        Some(Command::Copy(copy)) => kafka::run_copy(copy),
        Some(Command::Kafka { options, places }) => {
            kept(&kafka::run(options, &places.guests, &places.invoker)?, &places.out)
        }
        None => kept(&local(&arguments.local)?, &arguments.local.places.out),
    }
}

fn local(arguments: &Local) -> Result<Vec<Report>> {
    let Places { guests, invoker, .. } = &arguments.places;
    let wanted = |bench| arguments.benches.is_empty() || arguments.benches.contains(&bench);
    let mut reports = Vec::new();
    if wanted(Bench::Contract) {
        reports.push(contract::run(guests, arguments.rounds)?);
    }
    if wanted(Bench::Instances) {
        reports.push(instances::run(guests)?);
    }
    if wanted(Bench::Wordcount) {
        reports.push(wordcount::run(guests, arguments.rounds)?);
    }
    if wanted(Bench::Start) {
        reports.push(start::run(guests, invoker, arguments.rounds)?);
    }
    Ok(reports)
}

fn kept(reports: &[Report], out: &Path) -> Result<()> {
    std::fs::create_dir_all(out)?;
    for report in reports {
        report.print();
        report.write(out)?;
    }
    Ok(())
}
