//! Node, npm and componentize-qjs, which turns a JavaScript file into a component.
//!
//! What `package-lock.json` beside an example pins is installed into the user's cache, so a checkout stays
//! clean and a second run needs no network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

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

/// componentize-qjs as the lock file in `folder` pins it.
pub(crate) fn componentize(project: &Project, folder: &Path) -> Result<PathBuf> {
    node()?;
    Ok(packages(project, folder)?.path.join("node_modules/.bin/componentize-qjs"))
}

/// `name` and `main` of the manifest in `folder`.
pub(crate) fn described(folder: &Path) -> Result<(String, PathBuf)> {
    let script = "const { name, main } = require('./package.json'); [name, main].join('\\n')";
    let answer = process::quiet(Command::new("node").args(["-p", script]).current_dir(folder))?;
    let mut lines = answer.lines().filter(|line| !line.is_empty());
    match (lines.next(), lines.next()) {
        (Some(name), Some(main)) => Ok((name.to_owned(), folder.join(main))),
        _ => bail!("'{}/package.json' has no name or no main", folder.display()),
    }
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
