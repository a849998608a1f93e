//! Where things are: the checkout, what is built in it, the user's cache, and whether there is a network.
//!
//! The only module that reads the environment. Paths follow CONTRIBUTING.md, which tests rely on.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::cache::Cache;
use crate::process;

/// The checkout that this xtask was built from, and the user's cache folder.
#[derive(Debug)]
pub(crate) struct Project {
    root: PathBuf,
    cargo: PathBuf,
    target: PathBuf,
    cargo_home: PathBuf,
    cache: Cache,
}

impl Project {
    pub(crate) fn open() -> Result<Self> {
        // `cargo run` says where it found us; two checkouts may share a target folder.
        let own = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&own).parent().context("find the folder above xtask")?.to_path_buf();
        let home = env::var_os("HOME").map(PathBuf::from);
        let user_cache = env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| home.as_ref().map(|home| home.join(".cache")));
        let cache = match env::var_os("INVOKER_CACHE") {
            Some(folder) => std::path::absolute(folder).context("resolve INVOKER_CACHE")?,
            None => user_cache.context("find a cache folder: set INVOKER_CACHE or HOME")?.join("invoker"),
        };
        let cargo_home = env::var_os("CARGO_HOME")
            .map(PathBuf::from)
            .or_else(|| home.map(|home| home.join(".cargo")))
            .context("find Cargo's folder: set CARGO_HOME or HOME")?;
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        Ok(Self {
            cargo: env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from),
            target: std::path::absolute(target).context("resolve CARGO_TARGET_DIR")?,
            cache: Cache::at(cache),
            cargo_home,
            root,
        })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Cargo's own folder, with the crates that it has downloaded.
    pub(crate) fn cargo_home(&self) -> &Path {
        &self.cargo_home
    }

    /// Cargo's target folder for native code.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The functions that tests and examples load. Always inside the checkout, whatever `CARGO_TARGET_DIR`
    /// says, because topology files name them by relative path.
    pub(crate) fn guests(&self) -> PathBuf {
        self.root.join("target/guests")
    }

    /// What tests start servers from. Always inside the checkout, where they look for it.
    pub(crate) fn servers(&self) -> PathBuf {
        self.root.join("target/servers")
    }

    /// Cargo's target folder for functions, where it would be by itself in `examples`: a topology that names
    /// the folder of a function runs its last build.
    pub(crate) fn guest_target(&self) -> PathBuf {
        self.root.join("examples/target")
    }

    /// Where programs are looked for.
    pub(crate) fn program_path(&self) -> OsString {
        env::var_os("PATH").unwrap_or_default()
    }

    /// Workspaces of functions, outside the main one because they compile for another target.
    pub(crate) fn guest_workspaces(&self) -> Vec<PathBuf> {
        let mut all = self.native_guests();
        all.extend(self.workspace("tests/guests"));
        all
    }

    /// Those of them that compile for this machine too, where their own tests run.
    pub(crate) fn native_guests(&self) -> Vec<PathBuf> {
        self.workspace("examples").into_iter().collect()
    }

    fn workspace(&self, folder: &str) -> Option<PathBuf> {
        Some(self.root.join(folder)).filter(|folder| folder.join("Cargo.toml").is_file())
    }

    /// Folders of functions in JavaScript: those below `examples` with a `package.json`.
    pub(crate) fn javascript_guests(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let mut open = vec![self.root.join("examples")];
        while let Some(folder) = open.pop().filter(|folder| folder.is_dir()) {
            if folder.join("package.json").is_file() {
                found.push(folder);
                continue;
            }
            for entry in fs::read_dir(&folder).with_context(|| format!("list '{}'", folder.display()))? {
                let entry = entry?;
                let generated = ["target", "node_modules"].iter().any(|name| entry.file_name() == *name);
                if entry.file_type()?.is_dir() && !generated {
                    open.push(entry.path());
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// The folder of the WIT contract.
    pub(crate) fn contract(&self) -> PathBuf {
        self.root.join("wit")
    }

    /// What functions in JavaScript are written with.
    pub(crate) fn javascript_sdk(&self) -> PathBuf {
        self.root.join("sdk/js")
    }

    /// The Cargo that runs us, in the checkout.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(&self.cargo);
        command.current_dir(&self.root);
        command
    }

    /// The compiler that belongs to [`Self::cargo`].
    pub(crate) fn rustc(&self) -> Command {
        let beside = self.cargo.with_file_name("rustc");
        Command::new(if beside.is_file() { beside } else { "rustc".into() })
    }

    /// Downloads every crate of every workspace, so that all later steps work alike with and without a
    /// network. Says so when there is none, and returns whether Cargo must be told to stay off-line.
    pub(crate) fn fetch(&self) -> Result<Network> {
        let mut network = Network::Reached;
        let main = std::iter::once(self.root.clone());
        for workspace in main.chain(self.guest_workspaces()) {
            let manifest = workspace.join("Cargo.toml");
            let fetch = |offline: bool| {
                let mut command = self.cargo();
                command.args(["fetch", "--quiet", "--manifest-path"]).arg(&manifest);
                if offline {
                    command.arg("--offline");
                }
                process::quiet(&mut command)
            };
            if network == Network::Reached {
                let Err(error) = fetch(false) else { continue };
                fetch(true).map_err(|_| error).context(
                    "crates are missing and cannot be downloaded: connect to the network once, then repeat",
                )?;
                network = Network::Unreachable;
            } else {
                fetch(true)?;
            }
        }
        if network == Network::Reached && self.update_fails() {
            network = Network::Unreachable;
        }
        Ok(network)
    }

    /// Asks the registry for something. A fetch of what is here already does not.
    fn update_fails(&self) -> bool {
        let mut command = self.cargo();
        command.args(["update", "--quiet", "--dry-run", "--package", "anyhow"]);
        process::quiet(&mut command).is_err()
    }
}

/// Whether Cargo reached its registry when it last needed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    Reached,
    Unreachable,
}
