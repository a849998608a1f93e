//! What each step runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Step;
use super::count::Count;
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
            Step::Format => self.each_workspace(|cargo| cargo.args(["fmt", "--all", "--check"])),
            Step::Provision => provision::everything(self.project),
            Step::Guests => guests::build(self.project).map(drop),
            Step::Clippy => self.each_workspace(|cargo| {
                cargo.args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-Dwarnings"])
            }),
            Step::Tests => {
                let cargo = self.cargo_test(self.project.root());
                self.tests(vec![cargo])
            }
            Step::GuestTests => {
                let workspaces = self.project.guest_workspaces();
                let mut runners: Vec<_> = workspaces.iter().map(|folder| self.cargo_test(folder)).collect();
                for folder in self.project.javascript_guests()? {
                    let mut npm = javascript::npm(self.project, &folder)?;
                    npm.args(["run", "test", "--if-present"]);
                    runners.push(npm);
                }
                self.tests(runners)
            }
            Step::Docs => process::shown(
                self.cargo(self.project.root())
                    .args(["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"])
                    .env("RUSTDOCFLAGS", "-Dwarnings"),
            ),
            Step::Deny => self.deny(),
        }
    }

    /// Runs test runners and counts their tests; that none of them ran a test is a failure too.
    fn tests(&mut self, runners: Vec<Command>) -> Result<()> {
        let before = self.count;
        for mut runner in runners {
            process::lines(&mut runner, |line| {
                println!("{line}");
                self.count += Count::of(line);
            })?;
        }
        ensure!(self.count != before, "no test ran");
        Ok(())
    }

    fn cargo_test(&self, workspace: &Path) -> Command {
        let mut cargo = self.cargo(workspace);
        cargo.args(["test", "--workspace", "--no-fail-fast"]);
        cargo
    }

    fn deny(&self) -> Result<()> {
        let program = deny::provide(self.project)?.thing;
        let configuration = self.project.root().join("deny.toml");
        for workspace in self.workspaces() {
            let mut command = Command::new(&program);
            command.current_dir(&workspace).arg("--locked").arg("--config").arg(&configuration);
            if self.network == Network::Unreachable {
                command.arg("--offline");
            }
            command.args(["check", "licenses", "bans", "sources"]);
            process::shown(&mut command)?;
        }
        Ok(())
    }

    fn workspaces(&self) -> Vec<PathBuf> {
        let mut all = vec![self.project.root().to_path_buf()];
        all.extend(self.project.guest_workspaces());
        all
    }

    fn each_workspace(&self, arguments: impl Fn(&mut Command) -> &mut Command) -> Result<()> {
        self.workspaces().iter().try_for_each(|workspace| {
            process::shown(arguments(&mut self.cargo(workspace)))
                .with_context(|| format!("in '{}'", workspace.display()))
        })
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
