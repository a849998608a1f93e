//! What can go wrong in the database, in words that say which directory and what to do.

use std::io;
use std::path::{Path, PathBuf};

/// Why the database could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "data directory {dir:?} is in use by process {pid}: only one process at a time can have it; \
         stop that process or choose another directory"
    )]
    InUse { dir: PathBuf, pid: String },
    #[error(
        "data directory {dir:?} has format {found:?}, this version knows 1 to {known}: \
         it was written by a newer version; run that one or choose another directory"
    )]
    NewerFormat { dir: PathBuf, found: String, known: u32 },
    #[error("{dir:?} is not a data directory: it holds {name:?}; choose an empty or a new directory")]
    NotOurs { dir: PathBuf, name: String },
    #[error(
        "cannot {action} in data directory {path:?}: the disk is full; \
         free space there and start again, nothing acknowledged is lost"
    )]
    DiskFull { action: &'static str, path: PathBuf },
    #[error("cannot {action} in data directory {path:?}")]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "cannot {action} in data directory {path:?}: it is damaged; restore it or choose another directory"
    )]
    Damaged {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(
        "data directory {path:?} takes no more writes: an earlier one failed, and what followed it might be lost; \
         mend the cause (see the log) and start again"
    )]
    Poisoned { path: PathBuf },
    #[error("a key has {bytes} bytes, it must have 1 to 65535")]
    KeySize { bytes: usize },
}

impl Error {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { action, path },
            _ => Self::Io { action, path, source },
        }
    }

    pub(super) fn engine(action: &'static str, path: &Path, error: fjall::Error) -> Self {
        match error {
            fjall::Error::Io(source) | fjall::Error::Storage(fjall::LsmError::Io(source)) => {
                Self::io(action, path, source)
            }
            // The engine's background failed and does not say why; a full disk is the usual reason.
            fjall::Error::Poisoned if is_full(path) => Self::DiskFull { action, path: path.to_owned() },
            fjall::Error::Poisoned => Self::Poisoned { path: path.to_owned() },
            other => Self::Damaged { action, path: path.to_owned(), source: Box::new(other) },
        }
    }

    /// Whether the same call may succeed later without anybody changing anything. Another process may end; all else
    /// needs somebody.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::InUse { .. })
    }
}

/// Whether there is no room for another journal.
fn is_full(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < 64 << 20)
}
