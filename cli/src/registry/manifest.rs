//! What the manifest of a project says of its name and version, for a push that says neither.

use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Exit};

/// Name and version of a project, where its manifest has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Project {
    /// `namespace/name` or `name`.
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
}

#[derive(Deserialize)]
struct PackageJson {
    name: Option<String>,
    version: Option<String>,
    invoker: Option<OwnName>,
}

#[derive(Deserialize)]
struct OwnName {
    name: Option<String>,
}

impl Project {
    /// Of the project in a folder.
    pub(super) fn of(folder: &Path) -> Result<Self, Error> {
        if folder.join("Cargo.toml").is_file() {
            return Self::cargo(folder);
        }
        let path = folder.join("package.json");
        let package: PackageJson =
            serde_json::from_str(&read(&path)?).map_err(|error| unreadable(&path, error))?;
        let own = package.invoker.and_then(|own| own.name);
        // A scope is a namespace.
        let name = own.or_else(|| package.name.map(|name| name.trim_start_matches('@').to_owned()));
        Ok(Self { name, version: package.version })
    }

    fn cargo(folder: &Path) -> Result<Self, Error> {
        let manifest = table(&folder.join("Cargo.toml"))?;
        let text = |path: &[&str]| text(&manifest, path);
        let name = text(&["package", "metadata", "invoker", "name"]).or_else(|| text(&["package", "name"]));
        let version = match text(&["package", "version"]) {
            Some(version) => Some(version),
            None => workspace_version(folder)?,
        };
        Ok(Self { name, version })
    }
}

/// The version that packages of a workspace share, of the nearest one above.
fn workspace_version(folder: &Path) -> Result<Option<String>, Error> {
    let folder = folder.canonicalize().map_err(|error| unreadable(folder, error))?;
    for manifest in folder.ancestors().map(|folder| folder.join("Cargo.toml")) {
        if manifest.is_file()
            && let Some(version) = text(&table(&manifest)?, &["workspace", "package", "version"])
        {
            return Ok(Some(version));
        }
    }
    Ok(None)
}

fn table(path: &Path) -> Result<toml::Table, Error> {
    read(path)?.parse().map_err(|error: toml::de::Error| unreadable(path, error.message()))
}

fn text(table: &toml::Table, path: &[&str]) -> Option<String> {
    let (last, tables) = path.split_last()?;
    let table = tables.iter().try_fold(table, |table, name| table.get(*name)?.as_table())?;
    table.get(*last)?.as_str().map(str::to_owned)
}

fn read(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &Path, error: impl std::fmt::Display) -> Error {
    let what = format!("cannot read {:?}", path.display().to_string());
    Error::new(Exit::Function, what, error, "mend the project, or name it: `invoker push team/split:1.0.0`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)], folder: &str) -> Project {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Project::of(&dir.path().join(folder)).unwrap()
    }

    fn known(name: &str, version: &str) -> Project {
        Project { name: Some(name.to_owned()), version: Some(version.to_owned()) }
    }

    #[test]
    fn a_cargo_package_says_its_name_and_version() {
        let package = "[package]\nname = \"split\"\nversion = \"1.2.0\"\n";
        assert_eq!(project(&[("a/Cargo.toml", package)], "a"), known("split", "1.2.0"));
        let own = format!("{package}[package.metadata.invoker]\nname = \"team/words\"\n");
        assert_eq!(project(&[("a/Cargo.toml", &own)], "a"), known("team/words", "1.2.0"));
    }

    #[test]
    fn a_version_of_the_workspace_is_found() {
        let package = "[package]\nname = \"split\"\nversion.workspace = true\n";
        let root = "[workspace]\nmembers = [\"a\"]\n[workspace.package]\nversion = \"0.3.0\"\n";
        assert_eq!(project(&[("Cargo.toml", root), ("a/Cargo.toml", package)], "a"), known("split", "0.3.0"));
    }

    #[test]
    fn the_scope_of_a_javascript_package_is_its_namespace() {
        let package = r#"{"name": "@team/split", "version": "1.0.0"}"#;
        assert_eq!(project(&[("a/package.json", package)], "a"), known("team/split", "1.0.0"));
        let own =
            r#"{"name": "x", "version": "1.0.0", "invoker": {"name": "team/words", "component": "a.wasm"}}"#;
        assert_eq!(project(&[("a/package.json", own)], "a"), known("team/words", "1.0.0"));
    }
}
