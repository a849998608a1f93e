//! `invoker run`: a whole topology in this process.
//!
//! Inputs ([`feed`]) write topics, the host runs the entities, outputs ([`sink`]) read topics. They are started, watched
//! until everything is drained or somebody ends the run, and ended in order. With `--watch`, what is saved meanwhile is
//! built and taken up (module `reload`).

pub mod display;
mod drain;
pub mod feed;
mod interrupt;
mod places;
mod reload;
mod running;
pub mod sink;
pub mod snapshot;
mod watch;

use std::time::Instant;

pub use display::Screen;

use self::display::Display;
use self::interrupt::Interrupt;
use self::reload::Reloader;
use self::running::{Running, Start};
use self::sink::OutputTarget;
use crate::args::{Format, RunArgs};
use crate::environment::Environment;
use crate::error::Error;
use crate::plan::Loaded;

/// Runs a topology until it is drained, or ended.
pub fn run(args: &RunArgs, format: Format, environment: &Environment, screen: &Screen) -> Result<(), Error> {
    let started = Instant::now();
    let environment = &environment.with_registry(args.registry.as_ref());
    let interrupt = Interrupt::listen()?;
    let (reloader, loaded) = if args.watch {
        let (reloader, loaded) = Reloader::prepare(args, environment, screen)?;
        (Some(reloader), loaded)
    } else {
        (None, Loaded::read(&args.topology, environment)?)
    };
    let inputs = places::inputs(args, &loaded)?;
    let outputs = places::outputs(args, &loaded, &inputs)?;
    let to_stdout = outputs.iter().any(|output| output.target == OutputTarget::Stdout);
    let live = format == Format::Text
        && rustix::termios::isatty(rustix::stdio::stderr())
        && !(to_stdout && rustix::termios::isatty(rustix::stdio::stdout()));
    let display = Display::new(screen.clone(), format, live);
    let mut running =
        Running::start(Start { args, loaded, reloader, inputs, outputs, interrupt, display, started })?;
    let ending = running.watch();
    running.end(ending)
}
