//! A project of `invoker new`, built with cargo-component instead of the command, then tested and run.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::project::Project;
use crate::provision::component;

const NAME: &str = "with-cargo-component";

/// `cargo` builds the command.
pub(super) fn check(project: &Project, mut cargo: Command) -> Result<()> {
    let tool = component::provide(project)?;
    process::shown(cargo.args(["build", "--quiet", "--package", "invoker", "--bin", "invoker"]))?;
    let folder = project.target().join("tmp").join("cargo-component");
    if folder.exists() {
        fs::remove_dir_all(&folder).context("remove the project of the last time")?;
    }
    fs::create_dir_all(&folder)?;
    let built = project.target().join("cargo-component");
    let invoker = |folder: &Path, arguments: &[&str]| {
        let mut command = Command::new(project.target().join("debug/invoker"));
        command.args(arguments).current_dir(folder).env("CARGO_TARGET_DIR", &built);
        process::quiet(&mut command)
    };
    invoker(&folder, &["new", NAME])?;
    let folder = folder.join(NAME);
    process::shown(tool.build(&folder).env("CARGO_TARGET_DIR", &built))?;
    ensure!(!built.join("wasm32-wasip2").exists(), "another tool has built it");
    let tested = invoker(&folder, &["test"])?;
    println!("{}", tested.trim_end());
    ensure!(tested.contains("3 cases: 3 passed, 0 failed"), "the cases did not pass");
    let ran = invoker(&folder, &["run", "topology.yaml", "--input", "in=README.md", "--output", "out=-"])?;
    ensure!(ran.contains(r#""words":"#), "the run sent nothing");
    Ok(())
}
