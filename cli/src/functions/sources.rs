//! What a project is made of: its source files, and whether they are newer than its last build.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders that hold what was made or fetched.
const MADE: [&str; 5] = ["target", "node_modules", "dist", "vendor", ".git"];
const SOURCES: [&str; 7] = ["rs", "toml", "js", "ts", "mjs", "json", "wit"];
/// Deep enough for any project, and an end to links that go round.
const DEPTH: usize = 16;

/// Files and folders of a project, in the order in which they are met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    pub(crate) files: Vec<Source>,
    /// Those that hold files or may come to hold some.
    pub(crate) folders: Vec<PathBuf>,
}

/// A source file as it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Source {
    pub(crate) modified: SystemTime,
    pub(crate) path: PathBuf,
    pub(crate) size: u64,
}

impl Source {
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let data = path.metadata().ok()?;
        Some(Self { modified: data.modified().ok()?, path: path.to_owned(), size: data.len() })
    }
}

impl Sources {
    /// The sources of a project: no cases, nothing that was made or fetched, and none of the files and folders in
    /// `except`.
    pub(crate) fn of(project: &Path, except: &[PathBuf]) -> Self {
        let mut sources = Self::default();
        sources.collect(project, except, DEPTH);
        sources
    }

    fn collect(&mut self, folder: &Path, except: &[PathBuf], depth: usize) {
        let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let Ok(entries) = std::fs::read_dir(listed) else { return };
        self.folders.push(listed.to_owned());
        for entry in entries.flatten() {
            let name = entry.file_name();
            let path = folder.join(&name);
            let Ok(data) = entry.metadata() else { continue };
            if except.contains(&path) {
                continue;
            }
            if data.is_dir() && depth > 0 && !MADE.iter().any(|made| name == *made) && name != "cases" {
                self.collect(&path, except, depth - 1);
            } else if data.is_file()
                && is_source(&path)
                && let Ok(modified) = data.modified()
            {
                self.files.push(Source { modified, path, size: data.len() });
            }
        }
    }
}

fn is_source(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.extension().is_some_and(|kind| SOURCES.iter().any(|known| kind == *known))
        && !name.starts_with("cases.")
        && name != "package-lock.json"
}

/// Says that a project was changed since it was built.
pub(crate) fn stale(project: &Path, component: &Path) -> Option<String> {
    let built = component.metadata().and_then(|data| data.modified()).ok()?;
    let newest = Sources::of(project, &[]).files.into_iter().max()?;
    let shown = newest.path.strip_prefix(project).unwrap_or(&newest.path).display();
    (newest.modified > built)
        .then(|| format!("note: {shown} is newer than the last build; `invoker build` makes it anew"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_source_makes_a_build_stale_and_a_changed_case_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, seconds: u64| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let file = std::fs::File::create(&path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
            path
        };
        let built = file("target/f.wasm", 100);
        file("src/lib.rs", 50);
        file("cases.json", 200);
        file("target/x.rs", 200);
        assert_eq!(stale(dir.path(), &built), None);
        file("src/deep/a.rs", 101);
        assert!(stale(dir.path(), &built).unwrap().starts_with("note: src/deep/a.rs is newer"));
    }
}
