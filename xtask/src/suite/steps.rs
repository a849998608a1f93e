//! What each step runs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};

use super::count::Count;
use super::{Step, component, targets};
use crate::project::{Network, Project};
use crate::provision::{deny, javascript};
use crate::{guests, process, provision};

/// The steps of one run, and the tests they have run so far.
#[derive(Debug)]
pub(super) struct Checks<'a> {
    project: &'a Project,
    network: Network,
    count: Count,
}

impl<'a> Checks<'a> {
    pub(super) fn new(project: &'a Project, network: Network) -> Self {
        Self { project, network, count: Count::default() }
    }

    pub(super) fn count(&self) -> Count {
        self.count
    }

    pub(super) fn run(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Format => each(&self.workspaces(), |folder| {
                process::shown(self.cargo(folder).args(["fmt", "--all", "--check"]))
            }),
            Step::Provision => provision::everything(self.project),
            Step::Guests => guests::build(self.project).map(drop),
            Step::Clippy => each(&self.native_workspaces(), |folder| {
                let arguments = ["test", "--quiet", "--workspace", "--all-targets", "--no-run"];
                process::shown(self.linted(folder).args(arguments))
            }),
            Step::Tests => self.main_tests(),
            Step::GuestTests => {
                let mut runners: Vec<_> =
                    self.project.native_guests().iter().map(|folder| self.cargo_test(folder)).collect();
                for folder in self.project.javascript_guests()? {
                    let mut npm = javascript::npm(self.project, &folder)?;
                    npm.args(["run", "test", "--if-present"]);
                    runners.push(npm);
                }
                self.tests(runners)
            }
            Step::Component => component::check(self.project, self.cargo(self.project.root())),
            Step::Docs => process::shown(
                self.cargo(self.project.root())
                    .args(["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"])
                    .env("RUSTDOCFLAGS", "-Dwarnings"),
            ),
            Step::Deny => self.deny(),
        }
    }

    /// Runs the tests of the main workspace; those that wait most of the time run beside all others.
    fn main_tests(&mut self) -> Result<()> {
        let (waiting, others) = targets::of(self.project.root())?;
        let test = |kinds: &[&str], names: &[String]| {
            let mut cargo = self.cargo_test(self.project.root());
            cargo.args(kinds).args(names.iter().flat_map(|name| ["--test", name]));
            cargo
        };
        let mut beside = test(&[], &waiting);
        beside.env("RUST_TEST_THREADS", "4");
        let runners = vec![test(&["--lib", "--bins"], &others), test(&["--doc"], &[])];
        thread::scope(|scope| {
            let beside = scope.spawn(move || counted(&mut beside, "beside | "));
            let others = self.tests(runners);
            let (count, outcome) =
                beside.join().map_err(|_| anyhow!("the thread of a test runner panicked"))?;
            self.count += count;
            others.and(outcome)
        })
    }

    /// Runs test runners and counts their tests; that none of them ran a test is a failure too.
    fn tests(&mut self, runners: Vec<Command>) -> Result<()> {
        let before = self.count;
        for mut runner in runners {
            let (count, outcome) = counted(&mut runner, "");
            self.count += count;
            outcome?;
        }
        ensure!(self.count != before, "no test ran");
        Ok(())
    }

    fn cargo_test(&self, workspace: &Path) -> Command {
        let mut cargo = self.linted(workspace);
        cargo.args(["test", "--workspace", "--no-fail-fast"]);
        cargo
    }

    /// Cargo that compiles our crates with clippy, every warning an error: so that lints and tests share one build, where
    /// `cargo clippy` would compile all dependencies a second time.
    fn linted(&self, workspace: &Path) -> Command {
        let mut cargo = self.cargo(workspace);
        // Not by the environment, which builds that tests start would inherit.
        cargo.args(["--config", "build.rustc-workspace-wrapper='clippy-driver'"]);
        // Arguments as `cargo clippy` hands them over.
        cargo.env("CLIPPY_ARGS", "-Dwarnings__CLIPPY_HACKERY__");
        cargo
    }

    fn deny(&self) -> Result<()> {
        let program = deny::provide(self.project)?.thing;
        let configuration = self.project.root().join("deny.toml");
        each(&self.workspaces(), |workspace| {
            let mut command = Command::new(&program);
            command.current_dir(workspace).args(["--locked", "--workspace", "--config"]).arg(&configuration);
            if self.network == Network::Unreachable {
                command.arg("--offline");
            }
            // What is known to be there twice in one workspace need not be in another.
            command.args(["check", "--hide-inclusion-graph"]);
            ["unmatched-skip", "unmatched-skip-root", "unnecessary-skip"].iter().for_each(|code| {
                command.args(["--allow", code]);
            });
            process::shown(command.args(["licenses", "bans", "sources"]))
        })
    }

    /// Workspaces that compile for this machine.
    fn native_workspaces(&self) -> Vec<PathBuf> {
        let mut native = vec![self.project.root().to_path_buf()];
        native.extend(self.project.native_guests());
        native
    }

    fn workspaces(&self) -> Vec<PathBuf> {
        let mut all = vec![self.project.root().to_path_buf()];
        all.extend(self.project.guest_workspaces());
        all
    }

    /// Cargo in `workspace`. All share one target folder: what two of them depend on is compiled once.
    fn cargo(&self, workspace: &Path) -> Command {
        let mut cargo = self.project.cargo();
        cargo.current_dir(workspace).env("CARGO_TARGET_DIR", self.project.target());
        if self.network == Network::Unreachable {
            cargo.env("CARGO_NET_OFFLINE", "true");
        }
        cargo
    }
}

/// Runs a test runner, shows its lines behind `mark`, and counts its tests.
fn counted(runner: &mut Command, mark: &str) -> (Count, Result<()>) {
    let mut count = Count::default();
    let outcome = process::lines(runner, |line| {
        println!("{mark}{line}");
        count += Count::of(line);
    });
    (count, outcome)
}

/// Does the same in several workspaces, and names the one in which it fails.
fn each(workspaces: &[PathBuf], run: impl Fn(&Path) -> Result<()>) -> Result<()> {
    workspaces.iter().try_for_each(|folder| run(folder).with_context(|| format!("in '{}'", folder.display())))
}
