//! A data directory: whose it is, who has it open, and what format it is in.
//!
//! ```text
//! lock      held while a process has the directory open; its text is that process's id
//! format    the format version, written last: without it the directory was never finished
//! db/       the engine's files
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::Error;

/// The format that this version writes, and the newest that it reads.
pub(super) const FORMAT: u32 = 1;

/// Holds the directory for this process until it is dropped.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    _lock: File,
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |source| Error::io(action, path, source)
}

impl Directory {
    /// Makes the directory where there is none, locks it, and checks its format.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        fs::create_dir_all(path).map_err(failed("create", path))?;
        let _lock = lock(path)?;
        let directory = Self { path: path.to_owned(), _lock };
        match fs::read_to_string(path.join("format")) {
            Ok(text) => directory.check(&text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => directory.clear()?,
            Err(error) => return Err(Error::io("read the format", path, error)),
        }
        Ok(directory)
    }

    /// Where the engine's files are.
    pub(super) fn engine(&self) -> PathBuf {
        self.path.join("db")
    }

    fn check(&self, text: &str) -> Result<(), Error> {
        let found = text.trim();
        match found.parse() {
            Ok(1..=FORMAT) => Ok(()),
            _ => Err(Error::NewerFormat { dir: self.path.clone(), found: found.to_owned(), known: FORMAT }),
        }
    }

    /// Removes what an interrupted first start left behind; refuses a directory that holds anything else.
    fn clear(&self) -> Result<(), Error> {
        for entry in fs::read_dir(&self.path).map_err(failed("list", &self.path))? {
            let name = entry.map_err(failed("list", &self.path))?.file_name();
            if !["lock", "db", "format.new"].iter().any(|ours| name == *ours) {
                return Err(Error::NotOurs {
                    dir: self.path.clone(),
                    name: name.to_string_lossy().into_owned(),
                });
            }
        }
        match fs::remove_dir_all(self.engine()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove an unfinished database", &self.engine(), error))
            }
            _ => Ok(()),
        }
    }

    /// Says that the engine's files are there.
    pub(super) fn finish(&self) -> Result<(), Error> {
        let (path, new) = (self.path.join("format"), self.path.join("format.new"));
        if path.exists() {
            return Ok(());
        }
        let write = || {
            let mut file = File::create(&new)?;
            writeln!(file, "{FORMAT}")?;
            file.sync_all()?;
            fs::rename(&new, &path)?;
            File::open(&self.path)?.sync_all()
        };
        write().map_err(failed("write the format", &self.path))
    }
}

fn lock(dir: &Path) -> Result<File, Error> {
    let path = dir.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed("open the lock", dir))?;
    match file.try_lock() {
        Ok(()) => {
            let id = std::process::id();
            let write = |file: &mut File| {
                file.set_len(0)?;
                file.rewind()?;
                writeln!(file, "{id}")
            };
            write(&mut file).map_err(failed("write the lock", dir))?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            // Between taking and writing the lock there is no id in it yet.
            let _ = file.read_to_string(&mut pid);
            let pid = if pid.trim().is_empty() { "(not known yet)" } else { pid.trim() };
            Err(Error::InUse { dir: dir.to_owned(), pid: pid.to_owned() })
        }
        Err(TryLockError::Error(error)) => Err(Error::io("lock", dir, error)),
    }
}
