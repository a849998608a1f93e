//! Node, npm and componentize-qjs, which turns a JavaScript file into a component.
//!
//! What `package-lock.json` beside an example pins is installed into the user's cache, so a checkout stays
//! clean and a second run needs no network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Missing, Provided, announce, debian};
use crate::cache::Entry;
use crate::process;
use crate::project::Project;

/// The oldest Node that componentize-qjs runs on.
const OLDEST_NODE: u32 = 18;

/// Node alone, and the packages of every JavaScript function in the checkout.
pub(crate) fn provide(project: &Project) -> Result<Provided<()>> {
    let folders = project.javascript_guests()?;
    if folders.is_empty() {
        return Ok(Provided { thing: (), what: "no function in JavaScript here".into(), new: false });
    }
    let node = node()?;
    let mut new = node.new;
    for folder in &folders {
        new |= packages(project, folder)?.made;
    }
    Ok(Provided { thing: (), what: format!("{}, componentize-qjs", node.what), new })
}

/// npm in `folder`, with the programs that its lock file pins.
pub(crate) fn npm(project: &Project, folder: &Path) -> Result<Command> {
    node()?;
    let programs = packages(project, folder)?.path.join("node_modules/.bin");
    let mut path = vec![programs];
    path.extend(std::env::split_paths(&project.program_path()));
    let mut npm = Command::new("npm");
    npm.current_dir(folder).env("PATH", std::env::join_paths(path)?);
    Ok(npm)
}

/// Where the build of `folder` puts the component: what `invoker.component` in the manifest says, else the name
/// of the package.
pub(crate) fn component(folder: &Path) -> Result<PathBuf> {
    let script = "const p = require('./package.json'); p.invoker?.component ?? p.name + '.wasm'";
    let file = process::quiet(Command::new("node").args(["-p", script]).current_dir(folder));
    Ok(folder.join(file.context("read package.json")?.trim()))
}

/// Node and npm, installed from the system's packages if need be.
fn node() -> Result<Provided<()>> {
    if let Some(version) = usable() {
        return Ok(Provided { thing: (), what: format!("node {version}"), new: false });
    }
    let found = process::version("node");
    if found.is_none() || process::version("npm").is_none() {
        debian::install(&["nodejs", "npm"], "functions in JavaScript")?;
    }
    let version = usable().ok_or_else(|| {
        let found = process::version("node").unwrap_or_else(|| "none".into());
        let why = format!("functions in JavaScript need it, and this is '{found}'");
        Missing::new(format!("Node {OLDEST_NODE} or newer"), why, &["(install a current Node.js, with npm)"])
    })?;
    Ok(Provided { thing: (), what: format!("node {version}"), new: true })
}

fn usable() -> Option<String> {
    process::version("npm")?;
    let version = process::version("node")?;
    let major = version.trim_start_matches('v').split('.').next()?.parse::<u32>().ok()?;
    (major >= OLDEST_NODE).then_some(version)
}

fn packages(project: &Project, folder: &Path) -> Result<Entry> {
    let files = ["package.json", "package-lock.json"];
    let texts = files.map(|name| fs::read_to_string(folder.join(name)));
    let [manifest, lock] = texts;
    let shown = folder.display();
    let manifest = manifest.with_context(|| format!("read '{shown}/package.json'"))?;
    let lock = lock.with_context(|| format!("read '{shown}/package-lock.json' (npm install makes it)"))?;
    let entry = project.cache().entry("node", &[&manifest, &lock], |into| {
        announce("npm ci (componentize-qjs)");
        files.iter().try_for_each(|name| fs::copy(folder.join(name), into.join(name)).map(drop))?;
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--prefer-offline", "--no-update-notifier"])
            .current_dir(into);
        process::quiet(&mut npm).map(drop)
    });
    entry.with_context(|| format!("install what '{shown}/package-lock.json' pins"))
}
