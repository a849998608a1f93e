//! The `invoker` command: reads the command line, carries it out, says what went wrong.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use invoker::args::{Cli, Format, RegistryVerb, Verb};
use invoker::dispatch;
use invoker::environment::Environment;
use invoker::error::{Error, Exit};
use invoker::run::Screen;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let screen = if cli.output_format == Format::Json { Screen::for_scripts() } else { Screen::default() };
    let (format, verbose) = (cli.output_format, cli.verbose);
    log_to(&screen, verbose, serves(&cli.verb));
    quiet_panics(&screen, verbose);
    match dispatch(cli, &Environment::read(), &screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&screen, &error, format),
    }
}

/// Whether it has nothing but its log to say what it does.
fn serves(verb: &Verb) -> bool {
    matches!(verb, Verb::Host(_) | Verb::Registry(RegistryVerb::Serve(_) | RegistryVerb::Gc(_)))
}

fn fail(screen: &Screen, error: &Error, format: Format) -> ExitCode {
    match format {
        Format::Text => screen.line(&error.to_string()),
        Format::Json => screen.line(&error.to_json().to_string()),
    }
    ExitCode::from(error.exit.code())
}

/// Log lines on standard error: what needs attention, and what functions say. With --verbose everything of ours. What
/// serves has nothing but its log, which says when and what it does.
fn log_to(screen: &Screen, verbose: bool, serves: bool) {
    let level = match (verbose, serves) {
        (true, _) => LevelFilter::DEBUG,
        (false, true) => LevelFilter::INFO,
        (false, false) => LevelFilter::WARN,
    };
    let function = if verbose { LevelFilter::TRACE } else { LevelFilter::INFO };
    let targets = Targets::new().with_default(level).with_target("function", function);
    let lines = fmt::layer().with_ansi(false).with_writer(screen.clone());
    let lines =
        if verbose || serves { lines.boxed() } else { lines.without_time().with_target(false).boxed() };
    tracing_subscriber::registry().with(lines.with_filter(targets)).init();
}

/// A panic is a defect: without --verbose it is one line, not a trace.
fn quiet_panics(screen: &Screen, verbose: bool) {
    if verbose {
        return;
    }
    let screen = screen.clone();
    std::panic::set_hook(Box::new(move |panic| {
        screen.line(&Error::internal("invoker has a defect", panic).to_string());
    }));
}

/// Help and version go to standard output; anything else is an error in the three lines that all errors have.
fn usage(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        drop(error.print());
        return ExitCode::SUCCESS;
    }
    let rendered = error.render().to_string();
    let mut parts = rendered.split("\n\n").map(str::trim);
    let what = parts.next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let why = parts.next().filter(|part| part.starts_with("tip:")).unwrap_or_default();
    let usage = rendered.lines().skip_while(|line| !line.starts_with("Usage:")).collect::<Vec<_>>().join(" ");
    let usage = usage.split("For more information").next().unwrap_or_default().trim().to_owned();
    let what =
        if what.starts_with("Usage:") || what.len() > 400 { "a verb is missing".to_owned() } else { what };
    let help = if usage.is_empty() { "`invoker --help` lists what there is".to_owned() } else { usage };
    let error = Error::new(Exit::Usage, what, why.trim_start_matches("tip: "), help);
    let json = std::env::args_os().any(|arg| arg == "--output-format=json")
        || std::env::args_os()
            .zip(std::env::args_os().skip(1))
            .any(|(a, b)| a == "--output-format" && b == "json");
    fail(&Screen::default(), &error, if json { Format::Json } else { Format::Text })
}
