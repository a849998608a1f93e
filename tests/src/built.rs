//! Where the things under test are found. What is missing is an error that says how to make it, never a skip.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Root of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// The `invoker` binary beside the running test.
pub fn invoker() -> Result<PathBuf> {
    let test = std::env::current_exe().context("find the running test")?;
    let folder = test.ancestors().nth(2).context("find the folder of the build")?;
    let binary = folder.join("invoker");
    ensure!(binary.exists(), "{} is missing: run `cargo build -p invoker`", binary.display());
    Ok(binary)
}

/// A component that `cargo xtask guests` made.
pub fn guest(name: &str) -> Result<PathBuf> {
    let folder =
        std::env::var_os("INVOKER_GUESTS").map_or_else(|| root().join("target/guests"), PathBuf::from);
    let component = folder.join(format!("{name}.wasm"));
    ensure!(component.exists(), "{} is missing: run `cargo xtask guests`", component.display());
    Ok(component)
}
