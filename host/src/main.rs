//! `invoker-host`: what a pod runs. Parse, init, build, run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use invoker_core::exit::Exit;
use invoker_core::message::Message;
use invoker_host::command::HostArgs;
use invoker_host::control;
use invoker_oci::Setup;
use tracing_subscriber::EnvFilter;

/// Runs the entities of a host document
#[derive(Debug, Parser)]
#[command(name = "invoker-host", version, max_term_width = 100)]
struct Command {
    #[command(flatten)]
    host: HostArgs,
    /// What is logged: a level, or levels by target as in `info,function=warn`
    #[arg(long, value_name = "FILTER", default_value = "info", env = "INVOKER_LOG")]
    log: EnvFilter,
}

fn main() -> ExitCode {
    let command = Command::parse();
    tracing_subscriber::fmt()
        .with_env_filter(command.log)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    let cache = std::env::var_os("INVOKER_CACHE").map(PathBuf::from);
    let code_cache = cache.as_ref().map(|cache| cache.join("code"));
    let registries = Setup::from_variables(|name| std::env::var_os(name), cache);
    let stop = match control::stop_on_signals() {
        Ok(stop) => stop,
        Err(error) => {
            return fail(Exit::Internal, &[Message::new("cannot listen to signals", error, "start again")]);
        }
    };
    match control::run(command.host.options(code_cache, registries), &stop) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(error.exit(), &error.messages()),
    }
}

#[expect(clippy::print_stderr, reason = "the last words of a process")]
fn fail(exit: Exit, messages: &[Message]) -> ExitCode {
    messages.iter().for_each(|message| eprintln!("{message}"));
    ExitCode::from(exit.code())
}
