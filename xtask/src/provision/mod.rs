//! What building and testing Invoker needs of a machine, and how it gets there.
//!
//! Every need is a module with one function that finds the thing or provides it: in the user's cache folder,
//! through `rustup`, or, as root on Debian and its kin, through `apt-get`. Where none of these can, it answers
//! with a [`Missing`] that holds the commands to type. Whatever needs a thing asks for it; [`everything`]
//! asks for all of them beforehand.

pub(crate) mod component;
pub(crate) mod deny;
pub(crate) mod javascript;
pub(crate) mod peers;
pub(crate) mod wasm;

mod debian;
mod install;
mod kafka;
mod rust_tools;
mod services;
mod sysroot;
mod system;

use std::error::Error;
use std::fmt;

use anyhow::{Result, bail};

use crate::project::Project;

/// A thing that is there now.
#[derive(Debug)]
pub(crate) struct Provided<T> {
    pub(crate) thing: T,
    /// What it is, in a few words, for the user.
    pub(crate) what: String,
    /// Whether it had to be installed or built just now.
    pub(crate) new: bool,
}

/// A thing that this machine lacks and that we may not or cannot install.
#[derive(Debug)]
pub(crate) struct Missing {
    what: String,
    why: String,
    commands: Vec<String>,
}

impl Missing {
    pub(crate) fn new(what: impl Into<String>, why: impl Into<String>, commands: &[&str]) -> Self {
        let commands = commands.iter().map(ToString::to_string).collect();
        Self { what: what.into(), why: why.into(), commands }
    }
}

impl Error for Missing {}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} is missing: {}; type:", self.what, self.why)?;
        self.commands.iter().try_for_each(|command| write!(formatter, "\n    {command}"))
    }
}

/// Provides everything that `cargo xtask test` needs; one line for each, and one more before each that takes
/// long. Goes on after a failure, so that the user learns of all that is missing at once.
pub(crate) fn everything(project: &Project) -> Result<()> {
    println!(
        "provision: into '{}', and packages of this system where needed",
        project.cache().folder().display()
    );
    let needs = [
        report("compilers", "native code, the client of Kafka, checkout", system::provide()),
        report("rust tools", "the checks of formatting and lints", rust_tools::provide(project)),
        report("wasm target", "functions in Rust become components with it", wasm::provide(project)),
        report(
            "javascript",
            "functions in JavaScript become components with it",
            javascript::provide(project),
        ),
        report("services", "tests against a real Kafka and a real Redis", services::provide()),
        report("kafka", "tests against a real Kafka", kafka::provide(project)),
        report("cargo-deny", "the check of licences and sources", deny::provide(project)),
    ];
    let missing = needs.iter().filter(|present| !**present).count();
    if missing > 0 {
        bail!("{missing} of {} needs are not met: do what is printed above, then repeat", needs.len());
    }
    Ok(())
}

/// Provides what `cargo xtask servers` needs; silent where nothing is to be done.
pub(crate) fn servers(project: &Project) -> Result<()> {
    services::provide()?;
    kafka::provide(project).map(drop)
}

fn report<T>(name: &str, why: &str, provided: Result<Provided<T>>) -> bool {
    match provided {
        Ok(provided) => {
            let state = if provided.new { "installed" } else { "ok" };
            println!("  {name:<12} {state:<10} {}", provided.what);
            true
        }
        Err(error) => {
            println!("  {name:<12} {:<10} needed for {why}\n    {error:#}", "MISSING");
            false
        }
    }
}

/// Tells that something takes its time, before it does.
fn announce(what: &str) {
    println!("  … {what}");
}
