//! `cargo xtask dist`: what is given to users. Builds the command for this machine, and packs it with its licence, manual
//! pages and completions; looks whether what was packed runs. Owns what is in the archive.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::process;
use crate::project::Project;

/// Each shell, and what its completions are called where it looks for them.
const COMPLETIONS: [(&str, &str); 3] = [("bash", "invoker"), ("zsh", "_invoker"), ("fish", "invoker.fish")];

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where the archive goes; dist-archives in the target folder if it is not given
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Try the steps alone: a debug build, with the system's OpenSSL
    #[arg(long)]
    trial: bool,
}

pub(crate) fn run(project: &Project, options: &Options) -> Result<()> {
    let out = options.out.clone().unwrap_or_else(|| project.target().join("dist-archives"));
    let command = build(project, options.trial)?;
    let version = process::quiet(Command::new(&command).arg("--version"))?;
    let version = version.trim().replace("invoker ", "invoker-");
    let name = format!("{version}-{}{}", host(project)?, if options.trial { "-trial" } else { "" });
    let folder = fresh(&out.join(&name))?;
    fill(project, &command, &folder)?;
    let archive = format!("{name}.tar.gz");
    process::quiet(Command::new("tar").current_dir(&out).arg("-czf").args([&archive, &name]))?;
    fs::remove_dir_all(&folder).context("remove what was packed")?;
    let sum = sha256(&out, &archive)?;
    fs::write(out.join("SHA256SUMS"), &sum).context("write the sums")?;
    check(&out, &archive, &name)?;
    let size = out.join(&archive).metadata()?.len() as f64 / f64::from(1 << 20);
    println!("dist: {} ({size:.1} MiB)\n{}", out.join(&archive).display(), sum.trim_end());
    Ok(())
}

/// The command: optimised, with all that a machine may lack compiled in.
fn build(project: &Project, trial: bool) -> Result<PathBuf> {
    let mut cargo = project.cargo();
    cargo.args(["build", "--locked", "--package", "invoker", "--bin", "invoker"]);
    if !trial {
        cargo.args(["--profile", "dist", "--features", "vendored-openssl"]);
    }
    process::shown(cargo.env("CARGO_TARGET_DIR", project.target()))?;
    Ok(project.target().join(if trial { "debug" } else { "dist" }).join("invoker"))
}

/// The platform as Rust names it.
fn host(project: &Project) -> Result<String> {
    let told = process::quiet(project.rustc().args(["--version", "--verbose"]))?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc does not say what it runs on")
}

/// An empty folder.
fn fresh(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("empty '{}'", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("make '{}'", folder.display()))?;
    Ok(folder.to_owned())
}

fn fill(project: &Project, command: &Path, folder: &Path) -> Result<()> {
    fs::copy(command, folder.join("invoker")).context("copy the command")?;
    for name in ["LICENSE", "README.md"] {
        fs::copy(project.root().join(name), folder.join(name)).with_context(|| format!("copy {name}"))?;
    }
    process::quiet(Command::new(command).arg("man").arg(folder.join("man/man1")))?;
    let completions = fresh(&folder.join("completions"))?;
    for (shell, name) in COMPLETIONS {
        let script = process::quiet(Command::new(command).args(["completion", shell]))?;
        fs::write(completions.join(name), script)?;
    }
    Ok(())
}

/// A line as `sha256sum` writes it: Linux has that program, macOS the other.
fn sha256(folder: &Path, file: &str) -> Result<String> {
    for (program, arguments) in [("sha256sum", &[][..]), ("shasum", &["-a", "256"][..])] {
        let mut command = Command::new(program);
        command.current_dir(folder).args(arguments).arg(file);
        if let Ok(line) = process::quiet(&mut command) {
            return Ok(line);
        }
    }
    bail!("neither sha256sum nor shasum is there")
}

/// Unpacks the archive elsewhere, and has what is in it do something.
fn check(out: &Path, archive: &str, name: &str) -> Result<()> {
    let elsewhere = fresh(&out.join("unpacked"))?;
    process::quiet(Command::new("tar").current_dir(&elsewhere).arg("-xzf").arg(out.join(archive)))?;
    let command = elsewhere.join(name).join("invoker");
    process::quiet(Command::new(&command).args(["new", "f"]).current_dir(&elsewhere))?;
    ensure!(elsewhere.join("f/vendor/invoker/wit").is_dir(), "the command does not carry its SDK");
    for file in ["LICENSE", "README.md", "man/man1/invoker-run.1", "completions/_invoker"] {
        let file = elsewhere.join(name).join(file);
        ensure!(file.metadata().is_ok_and(|data| data.len() > 0), "'{}' is missing", file.display());
    }
    fs::remove_dir_all(&elsewhere).context("remove what was unpacked")
}
