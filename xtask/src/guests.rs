//! Builds every function of the checkout into `target/guests/<name>.wasm`, where tests and topologies of the
//! examples find them.
//!
//! Rust: the workspaces `examples` and `tests/guests`; the name is the one Cargo gives the file. JavaScript:
//! every folder below `examples` with a `package.json`, by its script `build`. The folder of components holds exactly what was built: what is no longer made is removed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::process;
use crate::project::Project;
use crate::provision::wasm::TARGET;
use crate::provision::{javascript, wasm};

/// Builds all of them; returns their paths by file name.
pub(crate) fn build(project: &Project) -> Result<BTreeMap<OsString, PathBuf>> {
    let mut built = Vec::new();
    let toolchain = wasm::provide(project)?.thing;
    for workspace in project.guest_workspaces() {
        built.extend(rust(project, &toolchain, &workspace, &[])?);
    }
    for folder in project.javascript_guests()? {
        built.push(javascript(project, &folder)?);
    }
    let collected = collect(&project.guests(), built)?;
    for stale in fs::read_dir(project.guests())?.flatten() {
        if !collected.contains_key(&stale.file_name()) {
            fs::remove_file(stale.path()).context("remove a function that is no longer built")?;
        }
    }
    println!("guests: {} in '{}'", collected.len(), project.guests().display());
    Ok(collected)
}

/// Builds `packages` of a workspace, all if none is named; returns the components where Cargo left them.
pub(crate) fn rust(
    project: &Project,
    toolchain: &wasm::Toolchain,
    workspace: &Path,
    packages: &[&str],
) -> Result<Vec<PathBuf>> {
    let mut cargo = toolchain.cargo(project);
    cargo
        .args(["build", "--release", "--target", TARGET, "--message-format", "json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(workspace.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(project.guest_target());
    if packages.is_empty() {
        cargo.arg("--workspace");
    }
    for package in packages {
        cargo.args(["--package", package]);
    }
    let mut components = Vec::new();
    process::lines(&mut cargo, |message| components.extend(components_in(message)))?;
    components.sort();
    components.dedup();
    Ok(components)
}

/// The WebAssembly files that one of Cargo's JSON messages names as made.
fn components_in(message: &str) -> Vec<PathBuf> {
    if !message.contains(r#""reason":"compiler-artifact""#) {
        return Vec::new();
    }
    message.split('"').filter(|text| text.ends_with(".wasm")).map(PathBuf::from).collect()
}

/// Runs `npm run build` in the folder unless neither the function nor what it is built with has changed.
/// The component stays where the build puts it, as the folder itself can be named in a topology.
fn javascript(project: &Project, folder: &Path) -> Result<PathBuf> {
    let component = javascript::component(folder)?;
    let name = component.file_name().context("a component without file name")?;
    let mut folders = vec![folder.to_path_buf(), project.contract(), project.javascript_sdk()];
    folders.extend(Some(folder.join("src")).filter(|sources| sources.is_dir()));
    let sources = contents(&folders)?;
    let sources: Vec<_> = sources.iter().map(String::as_str).collect();
    let entry = project.cache().entry("guest-js", &sources, |into| {
        process::quiet(javascript::npm(project, folder)?.args(["run", "build"]))?;
        fs::copy(&component, into.join(name)).context("find what 'npm run build' makes")?;
        Ok(())
    });
    let kept = entry.with_context(|| format!("build '{}'", folder.display()))?.path.join(name);
    if fs::read(&component).ok() != Some(fs::read(&kept)?) {
        fs::copy(&kept, &component)?;
    }
    Ok(component)
}

/// The text files in `folders`, names and contents.
fn contents(folders: &[PathBuf]) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for folder in folders {
        let mut files: Vec<_> = fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
        files.sort();
        let source = |path: &&PathBuf| path.is_file() && path.extension().is_none_or(|kind| kind != "wasm");
        for file in files.iter().filter(source) {
            texts.push(file.display().to_string());
            texts.push(fs::read_to_string(file).with_context(|| format!("read '{}'", file.display()))?);
        }
    }
    Ok(texts)
}

/// Copies components into one folder, leaving those alone that have not changed.
pub(crate) fn collect(folder: &Path, components: Vec<PathBuf>) -> Result<BTreeMap<OsString, PathBuf>> {
    fs::create_dir_all(folder)?;
    let mut collected = BTreeMap::new();
    for component in components {
        let Some(name) = component.file_name().map(OsString::from) else {
            bail!("no file: '{}'", component.display());
        };
        let bytes = fs::read(&component).with_context(|| format!("read '{}'", component.display()))?;
        let path = folder.join(&name);
        if fs::read(&path).ok().as_deref() != Some(bytes.as_slice()) {
            let unfinished = folder.join(format!(".{}.unfinished", name.display()));
            fs::write(&unfinished, &bytes)?;
            fs::rename(&unfinished, &path)?;
        }
        let twice = collected.insert(name, path);
        ensure!(twice.is_none(), "two functions are named '{}'", component.display());
    }
    Ok(collected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_names_components_among_other_files() {
        let message = r#"{"reason":"compiler-artifact","filenames":["/a/x.wasm","/a/x.d"],"fresh":true}"#;
        assert_eq!(components_in(message), [PathBuf::from("/a/x.wasm")]);
        assert!(components_in(r#"{"reason":"build-finished","x":"y.wasm"}"#).is_empty());
    }

    #[test]
    fn an_unchanged_component_is_left_alone_and_a_changed_one_replaced() {
        let folder = std::env::temp_dir().join(format!("invoker-collect-{}", std::process::id()));
        let source = folder.join("from/a.wasm");
        fs::create_dir_all(folder.join("from")).expect("scratch");
        fs::write(&source, "one").expect("written");
        let into = folder.join("into");
        let path = collect(&into, vec![source.clone()]).expect("collected").remove(&OsString::from("a.wasm"));
        let path = path.expect("named as it was");
        let before = fs::metadata(&path).expect("there").modified().expect("dated");
        collect(&into, vec![source.clone()]).expect("collected");
        assert_eq!(fs::metadata(&path).expect("there").modified().expect("dated"), before);
        fs::write(&source, "two").expect("written");
        collect(&into, vec![source]).expect("collected");
        assert_eq!(fs::read(&path).expect("there"), b"two");
        fs::remove_dir_all(folder).expect("clean");
    }

    #[test]
    fn two_functions_of_one_name_are_refused() {
        let folder = std::env::temp_dir().join(format!("invoker-twice-{}", std::process::id()));
        for place in ["a", "b"] {
            fs::create_dir_all(folder.join(place)).expect("scratch");
            fs::write(folder.join(place).join("f.wasm"), place).expect("written");
        }
        let both = vec![folder.join("a/f.wasm"), folder.join("b/f.wasm")];
        let error = collect(&folder.join("into"), both).expect_err("refused");
        assert!(error.to_string().contains("two functions are named"), "{error}");
        fs::remove_dir_all(folder).expect("clean");
    }
}
