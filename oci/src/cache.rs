//! What was pulled, by digest, and what names led to. Owns the folder that it is in; any number of processes share it.
//!
//! ```text
//! functions/sha256/DIGEST    manifests and components
//! functions/names/HASH       what a tag or a range led to the last time
//! functions/signed/HASH      signatures of a manifest
//! functions/uploads/HASH     where an upload that was cut off goes on
//! ```
//!
//! A file is there when it is whole: it is written under another name first. What is read is verified, and what is
//! damaged is as if it were not there. The folder may be deleted at any time.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use invoker_core::function_name::is_digest;
use serde::{Deserialize, Serialize};

use crate::artifact::sha256;
use crate::signature::Signature;

/// What a name led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// The name, for readers.
    pub(crate) name: String,
    pub(crate) digest: String,
    pub(crate) tag: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

impl Cache {
    pub(crate) fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The bytes of a digest.
    pub(crate) fn get(&self, digest: &str) -> Option<Vec<u8>> {
        let path = self.blob(digest)?;
        let bytes = fs::read(&path).ok()?;
        if sha256(&bytes) == digest {
            return Some(bytes);
        }
        tracing::warn!(path = %path.display(), "a function in the cache is damaged, pulling it again");
        None
    }

    /// Keeps bytes that were verified. A failure costs only time later, so it is logged and nothing more.
    pub(crate) fn put(&self, digest: &str, bytes: &[u8]) {
        if let Some(path) = self.blob(digest) {
            write(&path, bytes);
        }
    }

    /// What a name led to the last time.
    pub(crate) fn recall(&self, key: &str) -> Option<Remembered> {
        serde_json::from_slice(&fs::read(self.note("names", key)).ok()?).ok()
    }

    pub(crate) fn remember(&self, key: &str, remembered: &Remembered) {
        let path = self.note("names", key);
        let text = serde_json::to_vec(remembered).unwrap_or_default();
        // Most of the time nothing has moved.
        if fs::read(&path).ok().as_ref() != Some(&text) {
            write(&path, &text);
        }
    }

    /// The signatures of a digest as they were the last time. They are to be checked.
    pub(crate) fn signatures(&self, digest: &str) -> Option<Vec<Signature>> {
        serde_json::from_slice(&fs::read(self.note("signed", digest)).ok()?).ok()
    }

    pub(crate) fn keep_signatures(&self, digest: &str, signatures: &[Signature]) {
        write(&self.note("signed", digest), &serde_json::to_vec(signatures).unwrap_or_default());
    }

    /// Where an upload goes on.
    pub(crate) fn upload(&self, key: &str) -> Option<String> {
        fs::read_to_string(self.note("uploads", key)).ok()
    }

    /// Keeps where an upload goes on; `None` = it is over.
    pub(crate) fn keep_upload(&self, key: &str, location: Option<&str>) {
        let path = self.note("uploads", key);
        match location {
            Some(location) => write(&path, location.as_bytes()),
            // It may never have been there.
            None => drop(fs::remove_file(path)),
        }
    }

    fn blob(&self, digest: &str) -> Option<PathBuf> {
        // A digest comes from a registry and must not be a path.
        let digest = Some(digest).filter(|digest| is_digest(digest))?;
        Some(self.folder.join("sha256").join(digest.strip_prefix("sha256:")?))
    }

    fn note(&self, kind: &str, key: &str) -> PathBuf {
        let name = sha256(key.as_bytes());
        self.folder.join(kind).join(name.trim_start_matches("sha256:"))
    }
}

fn write(path: &Path, bytes: &[u8]) {
    if let Err(error) = try_to_write(path, bytes) {
        tracing::warn!(path = %path.display(), %error, "cannot keep what was pulled");
    }
}

fn try_to_write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!(".{}-{count}.tmp", std::process::id()));
    let written = fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_data()))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        drop(fs::remove_file(&temporary));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_damaged_is_as_if_it_were_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(dir.path().to_owned());
        let digest = sha256(b"component");
        assert_eq!(cache.get(&digest), None);
        cache.put(&digest, b"component");
        assert_eq!(cache.get(&digest).as_deref(), Some(&b"component"[..]));
        fs::write(cache.blob(&digest).unwrap(), b"componenu").unwrap();
        assert_eq!(cache.get(&digest), None);
        cache.put(&digest, b"component");
        assert!(cache.get(&digest).is_some());
        assert_eq!(fs::read_dir(dir.path().join("sha256")).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_written_costs_nothing_but_time() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, b"").unwrap();
        let cache = Cache::in_folder(file);
        cache.put(&sha256(b"x"), b"x");
        assert_eq!(cache.get(&sha256(b"x")), None);
    }
}
