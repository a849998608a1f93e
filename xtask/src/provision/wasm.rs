//! A Rust compiler for WebAssembly components, the target `wasm32-wasip2`.
//!
//! The active toolchain if it has the target; else `rustup` adds it; else, where its downloads cannot be
//! reached, the local toolchain of [`sysroot`].

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use super::{Provided, announce, sysroot};
use crate::process;
use crate::project::Project;

pub(crate) const TARGET: &str = "wasm32-wasip2";

/// A download of 30 MB; a host that cannot be reached may answer nothing for long.
const RUSTUP_BOUND: Duration = Duration::from_secs(60);

/// Which Rust compiles functions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The one that compiles everything else.
    Active,
    /// One in this folder, laid out as rustup does.
    Local(PathBuf),
}

impl Toolchain {
    /// A Cargo of this toolchain, in the checkout.
    pub(crate) fn cargo(&self, project: &Project) -> Command {
        let Self::Local(folder) = self else { return project.cargo() };
        let mut command = Command::new(folder.join("bin/cargo"));
        command
            .current_dir(project.root())
            .env("RUSTC", folder.join("bin/rustc"))
            .env("RUSTUP_TOOLCHAIN", folder);
        command
    }
}

pub(crate) fn provide(project: &Project) -> Result<Provided<Toolchain>> {
    provide_target(project, TARGET)
}

/// A Rust compiler for another target of WASI.
pub(super) fn provide_target(project: &Project, target: &str) -> Result<Provided<Toolchain>> {
    let active =
        |new| Provided { thing: Toolchain::Active, what: format!("{target} of the active toolchain"), new };
    let local = |folder: PathBuf, new| {
        let what = format!("{target} built from Debian's packages in '{}'", folder.display());
        Provided { thing: Toolchain::Local(folder), what, new }
    };
    if has_target(project, target) {
        return Ok(active(false));
    }
    if let Some(folder) = sysroot::find(project, target)? {
        return Ok(local(folder, false));
    }
    if rustup_adds(target) && has_target(project, target) {
        return Ok(active(true));
    }
    let made = sysroot::make(project, target)?;
    Ok(local(made.path, made.made))
}

/// rustc names the folder of a target even when nothing is in it.
fn has_target(project: &Project, target: &str) -> bool {
    let ask = ["--print", "target-libdir", "--target", target];
    let rustc = process::quiet(project.rustc().args(ask));
    rustc.is_ok_and(|folder| has_core(Path::new(folder.trim())))
}

fn has_core(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libcore-") && name.ends_with(".rlib")
        })
    })
}

fn rustup_adds(target: &str) -> bool {
    if process::version("rustup").is_none() {
        return false;
    }
    announce(&format!("rustup target add {target}"));
    // A failure is no news here: what could be done about it is said by whoever comes last.
    process::quiet_within(Command::new("rustup").args(["target", "add", target]), RUSTUP_BOUND).is_ok()
}
