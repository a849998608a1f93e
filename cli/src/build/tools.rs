//! Tools that building needs: whether this machine has them, and the line that installs one that it has not.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Error, Exit};

/// The target that functions in Rust are built for.
pub(crate) const TARGET: &str = "wasm32-wasip2";
/// A toolchain with that target, made where rustup's downloads cannot be reached.
const LOCAL: &str = "rust-wasip2-";
/// The oldest Node that componentize-qjs runs on.
const OLDEST_NODE: u32 = 18;

/// Which Rust compiles functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rust {
    /// The one that `cargo` is.
    Active,
    /// One in this folder, laid out as rustup does.
    Local(PathBuf),
}

impl Rust {
    /// Finds one for a project, whose folder may choose the toolchain; `cache` may hold one of our own.
    pub(crate) fn find(project: &Path, cache: Option<&Path>) -> Result<Self, Error> {
        let help = "install Rust from https://rustup.rs";
        version("cargo", project).ok_or_else(|| missing("cargo", "it builds functions in Rust", help))?;
        let rustc = version("rustc", project)
            .ok_or_else(|| missing("rustc", "it compiles functions in Rust", help))?;
        if has_target(project) {
            return Ok(Self::Active);
        }
        if let Some(folder) = cache.and_then(local) {
            return Ok(Self::Local(folder));
        }
        let why = format!("{rustc}, which is active here, has no standard library for it");
        let install = if version("rustup", project).is_some() {
            format!("install it: rustup target add {TARGET}")
        } else {
            format!("install Rust from https://rustup.rs, then: rustup target add {TARGET}")
        };
        Err(missing(&format!("Rust target {TARGET}"), &why, &install))
    }

    pub(crate) fn cargo(&self) -> Command {
        match self {
            Self::Active => Command::new("cargo"),
            Self::Local(folder) => {
                let mut command = Command::new(folder.join("bin/cargo"));
                command.env("RUSTC", folder.join("bin/rustc")).env("RUSTUP_TOOLCHAIN", folder);
                command
            }
        }
    }
}

/// Node with npm, as new as functions in JavaScript need it.
pub(crate) fn node() -> Result<String, Error> {
    let help =
        "install Node.js 18 or newer from https://nodejs.org, or the packages nodejs and npm of your system";
    let here = Path::new(".");
    let why = "functions in JavaScript and TypeScript are built with it";
    let node = version("node", here).ok_or_else(|| missing("node", why, help))?;
    version("npm", here).ok_or_else(|| missing("npm", why, help))?;
    let major = node.trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < OLDEST_NODE) {
        let why = format!("functions in JavaScript need {OLDEST_NODE} or newer");
        return Err(Error::new(Exit::Tool, format!("node {node} is too old"), why, help));
    }
    Ok(node)
}

fn missing(tool: &str, why: &str, help: &str) -> Error {
    Error::new(Exit::Tool, format!("{tool} is missing"), why, help)
}

/// The first line that a tool prints about its version, if it is there and works.
pub(crate) fn version(tool: &str, folder: &Path) -> Option<String> {
    let mut command = Command::new(tool);
    command.arg("--version").current_dir(folder).stdin(Stdio::null()).stderr(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned())
}

/// rustc names the folder of a target even when nothing is in it.
fn has_target(project: &Path) -> bool {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(project).stdin(Stdio::null());
    let output = rustc.output().ok().filter(|output| output.status.success());
    output.is_some_and(|output| has_core(Path::new(String::from_utf8_lossy(&output.stdout).trim())))
}

fn has_core(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.starts_with("libcore-") && name.ends_with(".rlib")
        })
    })
}

/// The newest toolchain of our own in the cache.
fn local(cache: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(cache).ok()?.flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(LOCAL));
    let whole = ours.filter(|entry| has_core(&entry.path().join("lib/rustlib").join(TARGET).join("lib")));
    whole.max_by_key(|entry| entry.metadata().and_then(|data| data.modified()).ok()).map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_toolchain_is_found_when_whole() {
        let cache = tempfile::tempdir().unwrap();
        let library = cache.path().join("rust-wasip2-1").join("lib/rustlib").join(TARGET).join("lib");
        std::fs::create_dir_all(&library).unwrap();
        assert_eq!(local(cache.path()), None);
        std::fs::write(library.join("libcore-1.rlib"), "").unwrap();
        assert_eq!(local(cache.path()), Some(cache.path().join("rust-wasip2-1")));
    }
}
