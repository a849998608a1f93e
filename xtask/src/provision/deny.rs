//! cargo-deny, compiled once into the user's cache.
//!
//! Compiled without optimisation: it runs for a second, and optimising it costs minutes.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Provided, announce};
use crate::process;
use crate::project::Project;

const VERSION: &str = "0.20.2";

/// The program.
pub(crate) fn provide(project: &Project) -> Result<Provided<PathBuf>> {
    let entry = project.cache().entry("cargo-deny", &[VERSION], |folder| {
        announce(&format!("cargo install cargo-deny {VERSION} (about a minute)"));
        let mut cargo = project.cargo();
        cargo
            .args(["install", "--locked", "--debug", "--version", VERSION, "cargo-deny", "--root"])
            .arg(folder)
            .env("CARGO_TARGET_DIR", folder.join("build"))
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        process::quiet(&mut cargo)?;
        std::fs::remove_dir_all(folder.join("build")).context("remove what was left of the build")
    });
    let entry = entry.context("compile cargo-deny")?;
    let what = format!("cargo-deny {VERSION}");
    Ok(Provided { thing: entry.path.join("bin/cargo-deny"), what, new: entry.made })
}
