//! What can go wrong in the database, in words that say which directory and what to do.

use std::path::PathBuf;

/// Why the database could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "data directory {dir:?} is in use by process {pid}: only one process at a time can have it; \
         stop that process or choose another directory"
    )]
    InUse { dir: PathBuf, pid: String },
    #[error(
        "data directory {dir:?} has format {found}, this version reads up to {known}: \
         it was written by a newer version; run that one or choose another directory"
    )]
    NewerFormat { dir: PathBuf, found: String, known: u32 },
    #[error("{action} in data directory {path:?} failed")]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{action} in data directory {path:?} failed: it is damaged or not a data directory of ours")]
    Damaged {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(
        "data directory {path:?} takes no more writes: an earlier one failed, and what followed it might be lost; \
         mend the cause and start again"
    )]
    Poisoned { path: PathBuf },
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        false
    }
}
