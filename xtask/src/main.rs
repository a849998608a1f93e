//! Developer automation: what a person or CI types as `cargo xtask …`.
//!
//! Owns the command line and nothing else; each command has its module. It is the first thing that a cold
//! machine builds, so it depends on little and does its work through the tools that it provides.
#![expect(clippy::print_stdout, reason = "a command line tool speaks on standard output")]

mod bench;
mod cache;
mod demo;
mod dist;
mod guests;
mod process;
mod project;
mod provision;
mod servers;
mod soak;
mod suite;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::project::Project;

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "Developer automation for Invoker", max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Count the words of real text with the command, and check every count
    Demo(demo::Options),
    /// Install what building and testing need, one line each; print the commands where it cannot
    Provision,
    /// Build every example and test function into target/guests
    Guests,
    /// Measure, beside plain Rust in the same run, and hold the figures against their goals
    Bench(bench::Options),
    /// Kill a running topology at random moments, many times, and check that every record counted once
    Soak(soak::Options),
    /// Start a Kafka, a Redis or a Redis Cluster to work with, and end them at Ctrl-C
    Servers(servers::Options),
    /// Pack the command for users: optimised, with its licence, manual pages, completions and sums
    Dist(dist::Options),
    /// Run the whole suite, as CI does
    Test {
        /// Run this step alone; may be given several times
        #[arg(long, value_name = "STEP", value_enum)]
        only: Vec<suite::Step>,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let project = Project::open()?;
    match command {
        Command::Demo(options) => demo::run(&project, &options),
        Command::Bench(options) => bench::run(&project, &options),
        Command::Soak(options) => soak::run(&project, &options),
        Command::Provision => provision::everything(&project),
        Command::Guests => guests::build(&project).map(drop),
        Command::Servers(options) => servers::run(&project, &options),
        Command::Dist(options) => dist::run(&project, &options),
        Command::Test { only } => suite::run(&project, &only),
    }
}
