//! Benches that compare with plain Rust in the same run, so that a noisy machine moves both sides. Each prints a table
//! with its goals and writes `<out>/<name>.json`. `cargo xtask bench` builds what they need and runs them.

mod contract;
mod instances;
mod native;
mod report;
mod start;
mod stateful;
mod wordcount;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, ValueEnum};

#[derive(Parser)]
struct Arguments {
    /// Which to run; all where none is named.
    benches: Vec<Bench>,
    /// Folder of the components that `cargo xtask guests` made.
    #[arg(long, default_value = "target/guests")]
    guests: PathBuf,
    /// The `invoker` binary, built for release.
    #[arg(long, default_value = "target/release/invoker")]
    invoker: PathBuf,
    /// Where the JSON goes.
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// Rounds of each comparison; medians are reported.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
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
    let wanted = |bench| arguments.benches.is_empty() || arguments.benches.contains(&bench);
    let mut reports = Vec::new();
    if wanted(Bench::Contract) {
        reports.push(contract::run(&arguments.guests, arguments.rounds)?);
    }
    if wanted(Bench::Instances) {
        reports.push(instances::run(&arguments.guests)?);
    }
    if wanted(Bench::Wordcount) {
        reports.push(wordcount::run(&arguments.guests, arguments.rounds)?);
    }
    if wanted(Bench::Start) {
        reports.push(start::run(&arguments.guests, &arguments.invoker, arguments.rounds)?);
    }
    std::fs::create_dir_all(&arguments.out)?;
    for report in &reports {
        report.print();
        report.write(&arguments.out)?;
    }
    Ok(())
}
