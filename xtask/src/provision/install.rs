//! Tools that cargo installs, each compiled once into the user's cache.
//!
//! Compiled without optimisation: each runs for a second, and optimising it costs minutes.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Provided, announce};
use crate::process;
use crate::project::Project;

/// The program of a crate of the same name.
pub(super) fn provide(
    project: &Project,
    name: &str,
    version: &str,
    takes: &str,
) -> Result<Provided<PathBuf>> {
    let entry = project.cache().entry(name, &[version], |folder| {
        announce(&format!("cargo install {name} {version} ({takes})"));
        let mut cargo = project.cargo();
        cargo
            .args(["install", "--locked", "--debug", "--version", version, name, "--root"])
            .arg(folder)
            .env("CARGO_TARGET_DIR", folder.join("build"))
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        process::quiet(&mut cargo)?;
        std::fs::remove_dir_all(folder.join("build")).context("remove what was left of the build")
    });
    let entry = entry.with_context(|| format!("compile {name}"))?;
    Ok(Provided {
        thing: entry.path.join("bin").join(name),
        what: format!("{name} {version}"),
        new: entry.made,
    })
}
