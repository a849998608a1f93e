//! The user's cache folder: things that take long to get or make, each named by what it is made from.
//!
//! An entry is made under a temporary name and renamed when whole, so an interrupted run leaves nothing half
//! made and whatever has its final name can be used. Entries are never changed; a new key makes a new entry.
//! Nobody deletes old ones: the whole folder may be removed at any time.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A folder of entries.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

/// An entry, and whether this call made it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) path: PathBuf,
    pub(crate) made: bool,
}

impl Cache {
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder `name` made from `parts`, if it is there.
    pub(crate) fn find(&self, name: &str, parts: &[&str]) -> Option<PathBuf> {
        let path = self.folder.join(entry_name(name, parts));
        path.is_dir().then_some(path)
    }

    /// The folder `name` made from `parts`. Where it is missing, `make` fills an empty one. Only one process
    /// makes an entry at a time; the others wait for it.
    pub(crate) fn entry(
        &self,
        name: &str,
        parts: &[&str],
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<Entry> {
        if let Some(path) = self.find(name, parts) {
            return Ok(Entry { path, made: false });
        }
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("create cache folder '{}'", self.folder.display()))?;
        let entry = entry_name(name, parts);
        let lock = File::create(self.folder.join(format!(".{entry}.lock"))).context("open a cache lock")?;
        lock.lock().context("wait for another run that makes the same cache entry")?;
        if let Some(path) = self.find(name, parts) {
            return Ok(Entry { path, made: false });
        }
        let unfinished = self.folder.join(format!(".{entry}.unfinished"));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).context("remove what an interrupted run left")?;
        }
        fs::create_dir(&unfinished)?;
        make(&unfinished)?;
        let path = self.folder.join(entry);
        fs::rename(&unfinished, &path).with_context(|| format!("keep cache entry '{}'", path.display()))?;
        Ok(Entry { path, made: true })
    }
}

/// The hash is stable for one build of this program, which is enough: another one merely makes it again.
fn entry_name(name: &str, parts: &[&str]) -> String {
    let mut hasher = DefaultHasher::new();
    parts.hash(&mut hasher);
    format!("{name}-{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(test: &str) -> Cache {
        let folder = std::env::temp_dir().join(format!("invoker-cache-{}-{test}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        Cache::at(folder)
    }

    #[test]
    fn an_entry_is_made_once_and_found_afterwards() {
        let cache = scratch("once");
        let made = cache.entry("tool", &["1"], |folder| Ok(fs::write(folder.join("f"), "x")?)).expect("made");
        let found = cache.entry("tool", &["1"], |_| panic!("made twice")).expect("found");
        assert!(made.made && !found.made);
        assert_eq!(fs::read(found.path.join("f")).expect("kept"), b"x");
        fs::remove_dir_all(cache.folder()).expect("clean");
    }

    #[test]
    fn another_key_is_another_entry() {
        let cache = scratch("keys");
        let one = cache.entry("tool", &["1"], |_| Ok(())).expect("made");
        let two = cache.entry("tool", &["2"], |_| Ok(())).expect("made");
        assert_ne!(one.path, two.path);
        assert!(two.made);
        fs::remove_dir_all(cache.folder()).expect("clean");
    }

    #[test]
    fn a_failed_make_leaves_no_entry_and_the_next_one_starts_empty() {
        let cache = scratch("failed");
        let failed = cache.entry("tool", &["1"], |folder| {
            fs::write(folder.join("half"), "")?;
            anyhow::bail!("interrupted")
        });
        assert!(failed.is_err());
        assert_eq!(cache.find("tool", &["1"]), None);
        let entry = cache.entry("tool", &["1"], |_| Ok(())).expect("made");
        assert!(!entry.path.join("half").exists());
        fs::remove_dir_all(cache.folder()).expect("clean");
    }
}
