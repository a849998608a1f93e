//! Compiled code on disk, so that a function is compiled once per machine and release.
//!
//! One file per component and engine: its name is the component's digest and the engine's compatibility hash, its
//! first bytes are a digest of the rest. A file that is damaged or of another format is a miss and is written anew.

use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, process};

use invoker_core::function::Description;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use crate::error::EngineError;
use crate::load::{Facts, hex};

/// Changes with every change of what follows it, so that a file of another release is a miss.
const FORMAT: &[u8] = b"invoker code 1\n";
const DIGEST: usize = 32;

#[derive(Debug)]
pub(crate) struct CodeCache {
    dir: PathBuf,
    compatibility: String,
}

/// What is kept beside the code, so that a hit neither parses nor describes.
#[derive(Serialize, Deserialize)]
struct Head {
    digest: String,
    facts: Facts,
    description: Description,
    code_bytes: u64,
}

pub(crate) struct Entry {
    pub(crate) component: Component,
    pub(crate) facts: Facts,
    pub(crate) description: Description,
}

impl CodeCache {
    /// Opens the folder, making it if need be. It must be this user's own: what lies there is executed.
    pub(crate) fn open(dir: &Path, engine: &wasmtime::Engine) -> Result<Self, EngineError> {
        own_folder(dir).map_err(|cause| EngineError::Cache { path: dir.to_owned(), cause })?;
        let mut hasher = StableHasher(Sha256::new());
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let compatibility = hex(hasher.0.finalize().get(..8).unwrap_or_default());
        Ok(Self { dir: dir.to_owned(), compatibility })
    }

    /// The entry of a component; `None` where there is none that can be used.
    pub(crate) fn get(&self, engine: &wasmtime::Engine, digest: &str) -> Option<Entry> {
        let path = self.path(digest);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "cannot read compiled code, compiling again");
                return None;
            }
        };
        let Some((head, code)) = open_entry(&bytes, digest) else {
            tracing::warn!(path = %path.display(), "compiled code is damaged, compiling again");
            return None;
        };
        #[expect(unsafe_code, reason = "loading compiled code is what the cache is for")]
        // SAFETY: `deserialize` asks that the bytes were made by `Component::serialize` and not changed since. The
        // folder and the file in it belong to this user and nobody else may write there (`own_folder`), so only
        // this engine put the file there. The digest over all of it has just been checked on the very bytes in
        // memory that are handed over, which rules out damage by a full or failing disk and a change after the
        // check. The engine's compatibility hash is part of the name, and wasmtime checks its own version,
        // target and settings again.
        let component = unsafe { Component::deserialize(engine, code) };
        match component {
            Ok(component) => Some(Entry { component, facts: head.facts, description: head.description }),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled code does not fit, compiling again");
                None
            }
        }
    }

    /// Keeps compiled code. A failure costs only time later, so it is logged and nothing more.
    pub(crate) fn put(&self, digest: &str, component: &Component, facts: &Facts, description: &Description) {
        let path = self.path(digest);
        let written =
            self.entry(digest, component, facts, description).and_then(|entry| self.write(&path, &entry));
        if let Err(error) = written {
            tracing::warn!(path = %path.display(), %error, "cannot keep compiled code");
        }
    }

    fn entry(
        &self,
        digest: &str,
        component: &Component,
        facts: &Facts,
        description: &Description,
    ) -> io::Result<Vec<u8>> {
        let code = component.serialize().map_err(|error| io::Error::other(error.to_string()))?;
        let (digest, code_bytes) = (digest.to_owned(), code.len() as u64);
        let head = Head { digest, facts: facts.clone(), description: description.clone(), code_bytes };
        let head = postcard::to_stdvec(&head).map_err(io::Error::other)?;
        let mut body = head;
        body.extend_from_slice(&code);
        let mut entry = Vec::with_capacity(FORMAT.len() + DIGEST + body.len());
        entry.extend_from_slice(FORMAT);
        entry.extend_from_slice(&Sha256::digest(&body));
        entry.extend_from_slice(&body);
        Ok(entry)
    }

    /// Readers see the old file or the new one, never a part: it is renamed into its place when it is whole.
    fn write(&self, path: &Path, entry: &[u8]) -> io::Result<()> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = self.dir.join(format!(".{}-{count}.tmp", process::id()));
        let written = private_file(&temporary)
            .and_then(|mut file| file.write_all(entry))
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.dir.join(format!("{digest}-{}.code", self.compatibility))
    }
}

fn open_entry<'a>(bytes: &'a [u8], digest: &str) -> Option<(Head, &'a [u8])> {
    let rest = bytes.strip_prefix(FORMAT)?;
    let (stored, body) = rest.split_at_checked(DIGEST)?;
    if Sha256::digest(body).as_slice() != stored {
        return None;
    }
    let (head, code) = postcard::take_from_bytes::<Head>(body).ok()?;
    (head.digest == digest && head.code_bytes == code.len() as u64).then_some((head, code))
}

fn own_folder(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let found = fs::metadata(dir)?;
    let user = rustix::process::geteuid().as_raw();
    if found.uid() != user {
        let message =
            format!("it belongs to user {}, not to {user}: what lies there is executed", found.uid());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    if found.mode() & 0o022 != 0 {
        let message = "others may write to it, and what lies there is executed: chmod 700 it";
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    Ok(())
}

fn private_file(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// The standard hasher may change between releases of Rust; file names must not.
struct StableHasher(Sha256);

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finalize();
        digest.iter().take(8).fold(0, |value, &byte| value << 8 | u64::from(byte))
    }
}
