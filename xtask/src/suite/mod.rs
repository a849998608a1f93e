//! `cargo xtask test`: every check of the project, the quick ones first, as CI runs them.
//!
//! Stops at the first step that fails. No step is skipped: a tool that is missing and cannot be provided is a
//! failure that names the line to type.

mod component;
mod count;
mod steps;
mod targets;

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::ValueEnum;

use self::count::Count;
use self::steps::Checks;
use crate::project::{Network, Project};

/// A step, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// Formatting of every workspace
    Format,
    /// Tools that the other steps need
    Provision,
    /// Functions for tests and examples
    Guests,
    /// The build that the tests run, with lints
    Clippy,
    /// Tests of the main workspace
    Tests,
    /// Tests of the functions, outside WebAssembly
    GuestTests,
    /// A project of `invoker new` with cargo-component, which takes minutes to install: runs when it is named
    Component,
    /// API documentation
    Docs,
    /// Licences, banned crates and sources
    Deny,
}

impl Step {
    /// Runs when no step is named.
    fn is_usual(self) -> bool {
        self != Self::Component
    }
}

/// Runs the whole suite, or the steps in `only`.
pub(crate) fn run(project: &Project, only: &[Step]) -> Result<()> {
    let network = project.fetch()?;
    if network == Network::Unreachable {
        println!("test: the crates registry is unreachable; all that is needed is here, going on off-line");
    }
    let mut checks = Checks::new(project, network);
    let mut report = Report::default();
    let chosen = |step: &&Step| if only.is_empty() { step.is_usual() } else { only.contains(step) };
    for step in Step::value_variants().iter().filter(chosen) {
        let name = name(*step);
        println!("\ntest: {name}");
        let started = Instant::now();
        let outcome = checks.run(*step);
        report.steps.push((name, started.elapsed()));
        if let Err(error) = outcome {
            report.print(checks.count(), Some(&error));
            bail!(
                "step '{}' failed; repeat it alone: cargo xtask test --only {}",
                report.last(),
                report.last()
            );
        }
    }
    report.print(checks.count(), None);
    Ok(())
}

fn name(step: Step) -> String {
    step.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

#[derive(Debug, Default)]
struct Report {
    steps: Vec<(String, Duration)>,
}

impl Report {
    fn last(&self) -> &str {
        self.steps.last().map_or("", |(name, _)| name)
    }

    /// The time of each step, the failure if there is one, and the count of tests as the last line.
    fn print(&self, count: Count, failure: Option<&anyhow::Error>) {
        println!("\ntest: seconds per step");
        for (name, took) in &self.steps {
            println!("  {name:<12} {:>8.1}", took.as_secs_f64());
        }
        let total: Duration = self.steps.iter().map(|(_, took)| *took).sum();
        println!("  {:<12} {:>8.1}", "total", total.as_secs_f64());
        if let Some(error) = failure {
            println!("\n{}: {error:#}", self.last());
        }
        println!("\n{count}");
    }
}
