//! Functions in Rust: `cargo build` for the target of components. What the compiler says passes through untouched.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;

use super::tools::{Rust, TARGET};
use crate::environment::Environment;
use crate::error::{Error, Exit};

/// What cargo tells of a file that it made, as far as it matters here.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    manifest_path: PathBuf,
    #[serde(default)]
    filenames: Vec<PathBuf>,
}

pub(super) fn build(project: &Path, environment: &Environment) -> Result<PathBuf, Error> {
    let manifest = project.join("Cargo.toml");
    let manifest = manifest.canonicalize().unwrap_or(manifest);
    let rust = Rust::find(project, environment.cache.as_deref())?;
    let mut cargo = rust.cargo();
    cargo
        .args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"])
        .current_dir(project)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let cannot =
        |error| Error::new(Exit::Tool, "cannot run cargo", error, "check that `cargo --version` works");
    let mut child = cargo.spawn().map_err(cannot)?;
    let mut components = Vec::new();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            components.extend(component_in(&line, &manifest));
        }
    }
    if !child.wait().map_err(cannot)?.success() {
        return Err(super::failed(project, "cargo"));
    }
    components.pop().ok_or_else(|| {
        let what = format!("project {:?} makes no component", project.display().to_string());
        let why = "its library is no cdylib, which is what becomes one";
        Error::new(
            Exit::Function,
            what,
            why,
            "write `[lib]` and `crate-type = [\"cdylib\"]` into its Cargo.toml",
        )
    })
}

/// The component that one of cargo's messages names, if it is that of the package.
fn component_in(line: &str, manifest: &Path) -> Option<PathBuf> {
    let message: Message = serde_json::from_str(line).ok()?;
    if message.reason != "compiler-artifact" || message.manifest_path != manifest {
        return None;
    }
    message.filenames.into_iter().find(|file| file.extension().is_some_and(|kind| kind == "wasm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_package_itself_makes_the_component() {
        let line = r#"{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml","filenames":["/p/f.d","/p/f.wasm"]}"#;
        assert_eq!(component_in(line, Path::new("/p/Cargo.toml")), Some("/p/f.wasm".into()));
        assert_eq!(component_in(line, Path::new("/q/Cargo.toml")), None);
        assert_eq!(component_in("warning: x", Path::new("/p/Cargo.toml")), None);
        assert_eq!(component_in(r#"{"reason":"build-finished","success":true}"#, Path::new("/p")), None);
    }
}
