//! Packages of Debian and its kin, installed as root; anybody else is told the commands.

use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};

use super::{Missing, announce};
use crate::process;

/// Installs `packages`. Nothing that is installed is ever removed for them.
pub(super) fn install(packages: &[&str], why: &str) -> Result<()> {
    let list = packages.join(" ");
    let commands = ["sudo apt-get update", &format!("sudo apt-get install --no-remove {list}")];
    if process::version("apt-get").is_none() {
        let command = format!("(install what Debian calls: {list})");
        return Err(
            Missing::new(list, format!("{why}, and this is not Debian or its kin"), &[&command]).into()
        );
    }
    if !is_root() {
        return Err(Missing::new(list, format!("{why}, and only root can install it"), &commands).into());
    }
    update()?;
    announce(&format!("apt-get install {list} ({why})"));
    process::quiet(
        apt_get().args(["install", "-y", "--no-install-recommends", "--no-remove"]).args(packages),
    )
    .map_err(|error| error.context(Missing::new(list, why, &commands)))?;
    Ok(())
}

/// Whether the archive of this system offers `package`.
pub(super) fn offers(package: &str) -> bool {
    let known = || {
        let policy = process::quiet(Command::new("apt-cache").args(["policy", package])).unwrap_or_default();
        policy.contains("Candidate:") && !policy.contains("Candidate: (none)")
    };
    known() || (is_root() && update().is_ok() && known())
}

/// `name version` of each package, in the order given.
pub(super) fn versions(packages: &[&str]) -> Result<String> {
    process::quiet(Command::new("dpkg-query").args(["-W", "-f", "${Package} ${Version}\n"]).args(packages))
        .context("read the versions of installed packages")
}

/// Package lists are brought up to date once a run: a fresh machine has none, an old one has stale ones.
fn update() -> Result<()> {
    static DONE: OnceLock<()> = OnceLock::new();
    if DONE.get().is_none() {
        announce("apt-get update");
        process::quiet(apt_get().arg("update"))?;
        DONE.get_or_init(|| ());
    }
    Ok(())
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").arg("-q");
    command
}

fn is_root() -> bool {
    process::quiet(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
