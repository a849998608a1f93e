//! Real text for the demo: what Cargo unpacked of the crates that the `invoker` command is made of.
//!
//! The same on every machine with the same lock file and platform: crates by name and version, files by path,
//! bytes as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::project::Project;

const KINDS: [&str; 4] = ["md", "rs", "toml", "txt"];

/// With less than this, a rate says nothing.
const LEAST_LINES: u64 = 100_000;

/// One file of text, and what it was made from.
#[derive(Debug)]
pub(super) struct Text {
    pub(super) path: PathBuf,
    pub(super) lines: u64,
    pub(super) bytes: u64,
    pub(super) crates: usize,
}

/// Writes at most `most` lines of text to `path`.
pub(super) fn write(project: &Project, path: &Path, most: usize) -> Result<Text> {
    let unpacked = unpacked(project)?;
    let mut writer = Writer { file: BufWriter::new(File::create(path)?), left: most, bytes: 0 };
    let mut crates = 0;
    for name in crates_of_invoker(project)? {
        let Some(folder) = unpacked.get(&name).filter(|_| writer.left > 0) else { continue };
        crates += 1;
        for file in files(folder)? {
            writer.append(&fs::read(&file).with_context(|| format!("read '{}'", file.display()))?)?;
        }
    }
    writer.file.flush()?;
    let lines = (most - writer.left) as u64;
    let wanted = LEAST_LINES.min(most as u64);
    ensure!(
        lines >= wanted,
        "Cargo's registry cache holds {lines} lines of text, too few for the demo; `cargo fetch` fills it"
    );
    Ok(Text { path: path.to_path_buf(), lines, bytes: writer.bytes, crates })
}

#[derive(Debug)]
struct Writer {
    file: BufWriter<File>,
    left: usize,
    bytes: u64,
}

impl Writer {
    /// Every line ends with a newline, also the last one of a file that has none.
    fn append(&mut self, text: &[u8]) -> Result<()> {
        for line in text.split_inclusive(|byte| *byte == b'\n').take(self.left) {
            self.file.write_all(line)?;
            self.bytes += line.len() as u64;
            if !line.ends_with(b"\n") {
                self.file.write_all(b"\n")?;
                self.bytes += 1;
            }
            self.left -= 1;
        }
        Ok(())
    }
}

/// `name-version` of every crate that is compiled into the command on this platform, or for its build.
fn crates_of_invoker(project: &Project) -> Result<BTreeSet<String>> {
    let mut cargo = project.cargo();
    cargo.args([
        "tree",
        "--package",
        "invoker",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let listed = process::quiet(&mut cargo).context("list the crates of the invoker command")?;
    Ok(listed.lines().filter_map(crate_name).collect())
}

/// `name-version` from a line such as `anyhow v1.0.104 (*)`.
fn crate_name(line: &str) -> Option<String> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let version = words.next()?.strip_prefix('v')?;
    Some(format!("{name}-{version}"))
}

/// Every crate that Cargo has unpacked, by `name-version`.
fn unpacked(project: &Project) -> Result<BTreeMap<String, PathBuf>> {
    let sources = project.cargo_home().join("registry/src");
    let mut found = BTreeMap::new();
    for registry in children(&sources)? {
        for folder in children(&registry)? {
            let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
            found.entry(name.unwrap_or_default()).or_insert(folder);
        }
    }
    Ok(found)
}

/// Text files below `folder`, in the order of their paths.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for child in children(folder)? {
        if child.is_dir() {
            found.extend(files(&child)?);
        } else if child.extension().is_some_and(|kind| KINDS.iter().any(|known| kind == *known)) {
            found.push(child);
        }
    }
    Ok(found)
}

fn children(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("list '{}'", folder.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_named_as_their_folders() {
        assert_eq!(crate_name("zstd-sys v2.1.2+zstd.1.5.7").as_deref(), Some("zstd-sys-2.1.2+zstd.1.5.7"));
        assert_eq!(crate_name("serde v1.0.228 (*)").as_deref(), Some("serde-1.0.228"));
        assert_eq!(crate_name(""), None);
    }

    #[test]
    fn text_is_cut_after_the_last_line_wanted_and_files_do_not_run_together() {
        let path = std::env::temp_dir().join(format!("invoker-text-{}", std::process::id()));
        let mut writer =
            Writer { file: BufWriter::new(File::create(&path).expect("created")), left: 3, bytes: 0 };
        writer.append(b"a\n\xffb").expect("written");
        writer.append(b"c\nd\n").expect("written");
        writer.file.flush().expect("written");
        assert_eq!(
            (fs::read(&path).expect("there"), writer.left, writer.bytes),
            (b"a\n\xffb\nc\n".to_vec(), 0, 7)
        );
        fs::remove_file(path).expect("clean");
    }
}
