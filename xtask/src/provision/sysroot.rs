//! A local Rust toolchain with a target of WASI, `wasm32-wasip2` or `wasm32-wasip1`, for machines that reach package registries but not
//! rustup's downloads.
//!
//! Debian ships a current compiler with the sources of the standard library (`rustc-web`, `rust-web-src`) and
//! a libc for WASI; the linkers come with every toolchain of rustup. The standard library is compiled for the
//! target once, and a folder laid out like a rustup toolchain ties it all together.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::{Missing, announce, debian};
use crate::cache::Entry;
use crate::process;
use crate::project::Project;

const PACKAGES: [&str; 4] = ["cargo-web", "rust-web-src", "rustc-web", "wasi-libc"];
const RUSTLIB: &str = "/usr/lib/rustlib";
const WASI_LIBC: &str = "/usr/lib/wasm32-wasi";
const LINKERS: [&str; 2] = ["rust-lld", "wasm-component-ld"];

/// Raised whenever [`fill`] makes something else.
const RECIPE: &str = "1";

/// The toolchain, if an earlier run made it from what is installed now.
pub(super) fn find(project: &Project, target: &str) -> Result<Option<PathBuf>> {
    let Some(linkers) = linkers(project)? else { return Ok(None) };
    let Ok(versions) = debian::versions(&PACKAGES) else { return Ok(None) };
    Ok(project.cache().find(&name(target), &key(&linkers, &versions)))
}

/// The toolchain, made now unless it is there, from packages that are installed if need be.
pub(super) fn make(project: &Project, target: &str) -> Result<Entry> {
    let linkers = linkers(project)?.filter(|_| debian::offers("rustc-web")).ok_or_else(|| {
        let why = "functions in Rust become components with it";
        Missing::new(format!("the target {target}"), why, &[&format!("rustup target add {target}")])
    })?;
    if debian::versions(&PACKAGES).is_err() {
        debian::install(&PACKAGES, "a Rust that compiles to WebAssembly")?;
    }
    let versions = debian::versions(&PACKAGES)?;
    let entry = project.cache().entry(&name(target), &key(&linkers, &versions), |folder| {
        announce(&format!("compile Rust's standard library for {target} (about a minute)"));
        fill(folder, &linkers, target)
    });
    entry.context("make a Rust toolchain for WebAssembly")
}

/// `invoker build` looks for that of wasm32-wasip2 by this name, too.
fn name(target: &str) -> String {
    target.replace("wasm32-", "rust-")
}

fn key<'a>(linkers: &'a Path, versions: &'a str) -> [&'a str; 3] {
    [RECIPE, linkers.to_str().unwrap_or_default(), versions]
}

/// The folder of the active toolchain that holds the linkers, if it is one of rustup's.
fn linkers(project: &Project) -> Result<Option<PathBuf>> {
    let sysroot = process::quiet(project.rustc().args(["--print", "sysroot"]))?;
    let folder = Path::new(sysroot.trim()).join("lib/rustlib").join(host()?).join("bin");
    let complete = LINKERS.iter().all(|name| folder.join(name).is_file());
    Ok(complete.then_some(folder))
}

/// The platform as Rust names it. Debian's compiler and rustup's agree on it wherever both exist.
fn host() -> Result<String> {
    let architecture = std::env::consts::ARCH;
    Ok(format!("{architecture}-unknown-linux-gnu"))
}

fn fill(folder: &Path, linkers: &Path, target: &str) -> Result<()> {
    lay_out(folder, linkers)?;
    let library = folder.join("lib/rustlib").join(target).join("lib");
    let start = library.join("self-contained");
    fs::create_dir_all(&start)?;
    for name in ["libc.a", "crt1-command.o", "crt1-reactor.o"] {
        fs::copy(Path::new(WASI_LIBC).join(name), start.join(name)).context("copy the libc of WASI")?;
    }
    let build = folder.join("build");
    let compiled = compile_library(&build, target)?;
    for file in fs::read_dir(&compiled)? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libempty-") {
            fs::copy(file.path(), library.join(&name))?;
        }
    }
    fs::remove_dir_all(&build).context("remove what was left of the build")
}

fn lay_out(folder: &Path, linkers: &Path) -> Result<()> {
    let native = folder.join("lib/rustlib").join(host()?);
    fs::create_dir_all(folder.join("bin"))?;
    fs::create_dir_all(&native)?;
    for part in ["src", "etc"] {
        symlink(Path::new(RUSTLIB).join(part), folder.join("lib/rustlib").join(part))?;
    }
    symlink(Path::new(RUSTLIB).join(host()?).join("lib"), native.join("lib"))?;
    // Linked, not copied: the linker finds its own libraries relative to its real place.
    symlink(linkers, native.join("bin"))?;
    symlink("/usr/bin/cargo", folder.join("bin/cargo"))?;
    for name in ["rustc", "rustdoc"] {
        // The folder gets its final name only when whole, so the script finds it from its own place.
        let script = format!("#!/bin/sh\nexec /usr/bin/{name} --sysroot=\"${{0%/bin/*}}\" \"$@\"\n");
        let path = folder.join("bin").join(name);
        fs::write(&path, script)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Compiles the standard library as a dependency of an empty crate; returns the folder of its rlibs.
fn compile_library(build: &Path, target: &str) -> Result<PathBuf> {
    fs::create_dir_all(build.join("src"))?;
    let manifest = "[package]\nname = \"empty\"\nedition = \"2021\"\n[workspace]\n\
                    [profile.release]\npanic = \"unwind\"\nopt-level = 3\ndebug = false\n";
    fs::write(build.join("Cargo.toml"), manifest)?;
    fs::write(build.join("src/lib.rs"), "#![no_std]\n")?;
    let mut cargo = Command::new("/usr/bin/cargo");
    cargo
        .args(["build", "--release", "--target", target, "-Zbuild-std=std,panic_abort"])
        .current_dir(build)
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", "target")
        .env("RUSTFLAGS", format!("-L native={WASI_LIBC} -Cembed-bitcode=yes"))
        .env_remove("RUSTUP_TOOLCHAIN");
    process::quiet(&mut cargo)?;
    Ok(build.join("target").join(target).join("release/deps"))
}
