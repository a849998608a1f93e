//! The registry as a program of its own.

use std::io::IsTerminal;

use clap::Parser;
use invoker_registry::command::{self, CommandError, Verb};
use tracing_subscriber::EnvFilter;

#[derive(Parser)]
#[command(name = "invoker-registry", version, about = "Keeps functions and other OCI artifacts")]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

fn main() -> Result<(), CommandError> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let ansi = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(ansi).with_writer(std::io::stderr).init();
    command::run(Args::parse().verb)
}
