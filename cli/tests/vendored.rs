//! The copy of the SDKs and the contract that travels in the command is that of this checkout.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a manifest that is not as expected fails the test"
)]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, InlineTable, Item, TableLike, Value};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn the_copy_that_travels_in_the_command_is_that_of_the_checkout() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/new/sdk.txtar");
    let made = archive();
    if std::env::var_os("INVOKER_BLESS").is_some() {
        fs::write(&path, &made).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let differs = made.lines().zip(kept.lines()).find(|(made, kept)| made != kept);
    assert!(
        made == kept,
        "sdk/ or wit/ has changed ({differs:?}): `INVOKER_BLESS=1 cargo test -p invoker --test vendored` writes the copy anew"
    );
}

/// Every file, each behind a line with its path.
fn archive() -> String {
    let mut text = String::new();
    let mut add = |path: &str, contents: &str| {
        assert!(!contents.contains("\n-- ") && contents.ends_with('\n'), "{path} cannot travel");
        write!(text, "-- {path} --\n{contents}").unwrap();
    };
    for package in ["sdk", "sdk/macros"] {
        add(&format!("{package}/Cargo.toml"), &manifest(package));
        for file in files(&root().join(package).join("src")) {
            let path = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            add(&path, &fs::read_to_string(&file).unwrap());
        }
    }
    for (folder, name) in [("sdk/js", "js"), ("wit", "wit")] {
        for file in files(&root().join(folder)) {
            let inside = file.strip_prefix(root().join(folder)).unwrap();
            add(&format!("{name}/{}", inside.display()), &fs::read_to_string(&file).unwrap());
        }
    }
    text
}

/// All files below a folder, in a fixed order, without what is kept of older versions.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true if path.ends_with("history") => {}
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// The manifest of a package, with what it takes from the workspace in place, and without what only its own tests need.
fn manifest(package: &str) -> String {
    let read = |path: PathBuf| fs::read_to_string(path).unwrap().parse::<DocumentMut>().unwrap();
    let workspace = read(root().join("Cargo.toml"));
    let workspace = workspace["workspace"].as_table().unwrap();
    let mut manifest = read(root().join(package).join("Cargo.toml"));
    manifest.remove("dev-dependencies");
    for (name, value) in manifest["package"].as_table_mut().unwrap().iter_mut() {
        if inherits(value) {
            *value = workspace["package"][name.get()].clone();
        }
    }
    for (name, value) in manifest["dependencies"].as_table_mut().unwrap().iter_mut() {
        if inherits(value) {
            *value = Item::Value(dependency(&workspace["dependencies"][name.get()], value));
        }
    }
    let mut lints = workspace["lints"].as_table().unwrap().clone();
    lints.set_implicit(true);
    // What clippy says of the SDK is nothing to its users.
    lints.remove("clippy");
    manifest["lints"] = Item::Table(lints);
    manifest.to_string()
}

fn inherits(value: &Item) -> bool {
    value.as_table_like().is_some_and(|table| table.get("workspace").and_then(Item::as_bool) == Some(true))
}

/// What the workspace says of a dependency, with what the package adds.
fn dependency(shared: &Item, own: &Item) -> Value {
    let mut table = match shared {
        Item::Value(Value::InlineTable(table)) => table.clone(),
        Item::Value(version) => InlineTable::from_iter([("version", version.clone())]),
        other => panic!("{other:?} is no dependency"),
    };
    // The only path is that of the macros, which lie in the SDK.
    if table.contains_key("path") {
        table.insert("path", "macros".into());
    }
    let own: &dyn TableLike = own.as_table_like().unwrap();
    for (name, value) in own.iter().filter(|(name, _)| *name != "workspace") {
        table.insert(name, value.as_value().unwrap().clone());
    }
    table.fmt();
    Value::InlineTable(table)
}
