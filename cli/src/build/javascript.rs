//! Functions in JavaScript and TypeScript: the script `build` of their package.json, which calls componentize-qjs. What
//! is missing of their packages is installed into the project first, as cargo downloads crates.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::tools;
use crate::error::{Error, Exit};
use crate::functions;

pub(super) fn build(project: &Path) -> Result<PathBuf, Error> {
    tools::node()?;
    if !installed(project) {
        install(project)?;
    }
    if !npm(project, &["run", "--silent", "build"])? {
        return Err(super::failed(project, "`npm run build`"));
    }
    functions::last_build(project, None)
}

/// Whether what the lock file pins is there: npm notes in `node_modules` what it has installed.
fn installed(project: &Path) -> bool {
    let modified = |name: &str| project.join(name).metadata().and_then(|data| data.modified()).ok();
    let Some(noted) = modified("node_modules/.package-lock.json") else { return false };
    ["package.json", "package-lock.json"].iter().all(|name| modified(name).is_none_or(|file| file <= noted))
}

fn install(project: &Path) -> Result<(), Error> {
    let verb = if project.join("package-lock.json").is_file() { "ci" } else { "install" };
    if npm(
        project,
        &[verb, "--no-audit", "--no-fund", "--no-update-notifier", "--prefer-offline", "--loglevel", "error"],
    )? {
        return Ok(());
    }
    let what = format!("cannot install the packages of {:?}", project.display().to_string());
    let why = format!("`npm {verb}` says why above");
    Err(Error::new(Exit::Tool, what, why, "connect to the network once, or mend package.json"))
}

/// Runs npm; all that it prints goes to standard error.
fn npm(project: &Path, args: &[&str]) -> Result<bool, Error> {
    let mut npm = Command::new("npm");
    npm.args(args).current_dir(project).stdin(Stdio::null()).stdout(Stdio::from(std::io::stderr()));
    let status = npm.status().map_err(|error| {
        Error::new(Exit::Tool, "cannot run npm", error, "check that `npm --version` works")
    })?;
    Ok(status.success())
}
