//! cargo-component, and a Rust with the target that it builds for. One step of the suite alone needs them: a project of
//! `invoker new` builds with it, too.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::install;
use super::wasm::{self, Toolchain};
use crate::project::Project;

const VERSION: &str = "0.21.1";
/// What cargo-component compiles for, before it makes a component of it.
const TARGET: &str = "wasm32-wasip1";

/// The program, and the Rust that it works with.
#[derive(Debug)]
pub(crate) struct CargoComponent {
    program: PathBuf,
    toolchain: Toolchain,
}

/// Both of them.
pub(crate) fn provide(project: &Project) -> Result<CargoComponent> {
    let toolchain = wasm::provide_target(project, TARGET)?.thing;
    let program = install::provide(project, "cargo-component", VERSION, "ten minutes on two cores")?.thing;
    Ok(CargoComponent { program, toolchain })
}

impl CargoComponent {
    /// `cargo component build --release` in a folder.
    pub(crate) fn build(&self, folder: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["component", "build", "--release"]).current_dir(folder);
        if let Toolchain::Local(toolchain) = &self.toolchain {
            command
                .env("CARGO", toolchain.join("bin/cargo"))
                .env("RUSTC", toolchain.join("bin/rustc"))
                .env("RUSTUP_TOOLCHAIN", toolchain);
        }
        // It would add a target to the toolchain by itself.
        command.env("RUSTUP_DIST_SERVER", "http://127.0.0.1:9");
        command
    }
}
