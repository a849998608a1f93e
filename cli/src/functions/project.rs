//! The last build of a project folder: a Cargo package, or a JavaScript package.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::{Error, Exit};

/// The target that functions in Rust are built for.
const RUST_TARGET: &str = "wasm32-wasip2";
/// What `cargo component build` builds for.
const COMPONENT_TARGET: &str = "wasm32-wasip1";

/// The component that the last build of the project left.
/// `cargo_target` is where cargo was told to build, if it was.
pub(crate) fn last_build(folder: &Path, cargo_target: Option<&Path>) -> Result<PathBuf, Error> {
    let folder = folder.canonicalize().map_err(|error| unreadable(folder, error))?;
    let candidates = if folder.join("Cargo.toml").is_file() {
        rust_outputs(&folder, cargo_target)?
    } else if folder.join("package.json").is_file() {
        javascript_outputs(&folder)?
    } else {
        let what = format!("folder {:?} is not a function project", folder.display().to_string());
        let why = "it has neither a Cargo.toml nor a package.json";
        return Err(Error::new(Exit::Function, what, why, "name the folder of a project, or a .wasm file"));
    };
    // Two tools may have built it; the last one counts.
    let built = candidates.iter().filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)));
    if let Some((_, built)) = built.max_by_key(|(modified, _)| *modified) {
        return Ok(built.clone());
    }
    let what = format!("function {:?} is not built yet", folder.display().to_string());
    let first =
        candidates.first().map(|path| path.strip_prefix(&folder).unwrap_or(path).display().to_string());
    let others = match candidates.len().saturating_sub(1) {
        0 => String::new(),
        1 => ", nor in one other place where a build may put it".to_owned(),
        n => format!(", nor in {n} other places where a build may put it"),
    };
    let why = format!("there is no {} in it{others}", first.unwrap_or_default());
    Err(Error::new(Exit::Function, what, why, format!("run `invoker build {}`", folder.display())))
}

fn unreadable(path: &Path, error: impl std::fmt::Display) -> Error {
    let what = format!("cannot read function project {:?}", path.display().to_string());
    Error::new(Exit::Function, what, error, "mend the project, or name its .wasm file")
}

/// Where cargo puts the component: in the target folder named by the environment, else in that of the package or of
/// the workspace it belongs to, the nearest first.
fn rust_outputs(folder: &Path, cargo_target: Option<&Path>) -> Result<Vec<PathBuf>, Error> {
    let manifest = folder.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).map_err(|error| unreadable(&manifest, error))?;
    let Some(name) = library_name(&text) else {
        return Err(unreadable(&manifest, "its [package] has no name"));
    };
    let targets: Vec<PathBuf> = match cargo_target {
        // Cargo runs in the project's folder.
        Some(dir) => vec![folder.join(dir)],
        None => folder
            .ancestors()
            .filter(|dir| dir.join("Cargo.toml").is_file())
            .map(|dir| dir.join("target"))
            .collect(),
    };
    let file = format!("{}.wasm", name.replace('-', "_"));
    let of = |target: &PathBuf| {
        [RUST_TARGET, COMPONENT_TARGET].map(|built_for| target.join(built_for).join("release").join(&file))
    };
    Ok(targets.iter().flat_map(of).collect())
}

/// `name` of `[lib]`, else of `[package]`. Reads as much of a manifest as that takes.
fn library_name(manifest: &str) -> Option<String> {
    let name_in = |section: &str| {
        let mut lines = manifest.lines().map(str::trim).skip_while(|line| *line != section).skip(1);
        lines.by_ref().take_while(|line| !line.starts_with('[')).find_map(|line| {
            let (field, value) = line.split_once('=')?;
            let quoted = value.split(['"', '\'']).nth(1);
            (field.trim() == "name").then(|| quoted.unwrap_or(value.trim()).to_owned())
        })
    };
    name_in("[lib]").or_else(|| name_in("[package]"))
}

#[derive(Deserialize)]
struct PackageJson {
    name: Option<String>,
    invoker: Option<BuildOutput>,
}

#[derive(Deserialize)]
struct BuildOutput {
    /// Where the build puts the component, relative to the folder.
    component: PathBuf,
}

/// `invoker.component` of package.json, else `<folder>.wasm` and `<name>.wasm` in the folder and in `dist`.
fn javascript_outputs(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let manifest = folder.join("package.json");
    let text = std::fs::read(&manifest).map_err(|error| unreadable(&manifest, error))?;
    let package: PackageJson = serde_json::from_slice(&text).map_err(|error| unreadable(&manifest, error))?;
    if let Some(output) = package.invoker {
        return Ok(vec![folder.join(output.component)]);
    }
    let folder_name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
    let mut names: Vec<String> = folder_name.into_iter().collect();
    names.extend(package.name.and_then(|name| name.rsplit('/').next().map(str::to_owned)));
    names.dedup();
    let places = names.iter().flat_map(|name| {
        let file = format!("{name}.wasm");
        [folder.join(&file), folder.join("dist").join(file)]
    });
    Ok(places.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn the_library_of_a_manifest_is_found() {
        let package = "[package]\nname = \"word-split\"\n[dependencies]\nname = \"x\"\n";
        assert_eq!(library_name(package).as_deref(), Some("word-split"));
        let library = "[package]\nname = \"a\"\n\n[lib]\ncrate-type = [\"cdylib\"]\nname = 'b'\n";
        assert_eq!(library_name(library).as_deref(), Some("b"));
        assert_eq!(library_name("[workspace]\n"), None);
        assert_eq!(library_name("[package]\nname = \"a\" # of all\n").as_deref(), Some("a"));
    }

    #[test]
    fn a_javascript_build_is_found_by_name_or_where_the_package_says() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        write(&root, &[("split/package.json", r#"{"name": "@x/words"}"#), ("split/dist/words.wasm", "")]);
        assert_eq!(last_build(&root.join("split"), None).unwrap(), root.join("split/dist/words.wasm"));
        write(&root, &[("split/package.json", r#"{"invoker": {"component": "out/a.wasm"}}"#)]);
        let error = last_build(&root.join("split"), None).unwrap_err().to_string();
        assert!(error.contains("is not built yet") && error.contains("out/a.wasm"), "{error}");
        assert!(error.contains("help: run `invoker build /"), "{error}");
    }

    #[test]
    fn a_rust_build_is_found_in_the_named_target_folder_or_the_workspace() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        write(
            &root,
            &[("Cargo.toml", "[workspace]\n"), ("split/Cargo.toml", "[package]\nname = \"word-split\"\n")],
        );
        let (project, built) = (root.join("split"), "wasm32-wasip2/release/word_split.wasm");
        let error = last_build(&project, None).unwrap_err().to_string();
        assert!(error.contains("help: run `invoker build /"), "{error}");
        write(&root.join("target"), &[(built, "")]);
        assert_eq!(last_build(&project, None).unwrap(), root.join("target").join(built));
        // What `cargo component build` made later counts.
        let component = root.join("target/wasm32-wasip1/release/word_split.wasm");
        write(&root, &[("target/wasm32-wasip1/release/word_split.wasm", "")]);
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(9);
        std::fs::File::options().write(true).open(&component).unwrap().set_modified(later).unwrap();
        assert_eq!(last_build(&project, None).unwrap(), component);
        let other = root.join("elsewhere");
        assert!(last_build(&project, Some(&other)).is_err());
        write(&other, &[(built, "")]);
        assert_eq!(last_build(&project, Some(&other)).unwrap(), other.join(built));
    }

    #[test]
    fn a_folder_without_project_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(
            last_build(dir.path(), None)
                .unwrap_err()
                .to_string()
                .contains("neither a Cargo.toml nor a package.json")
        );
    }
}
