//! The data directory: opened for a run or for a tool, and what goes wrong with it in words.
//! Owns the kind of error that a user gets; the directory itself is the business of `host::db`.

use std::path::Path;
use std::sync::Arc;

use invoker_host::db::{self, Database};
use invoker_host::log::{self, EmbeddedLog, Log};
use invoker_host::state::{EmbeddedState, Journal, StateStore};

use crate::error::{Error, Exit, chain};

/// The embedded log and state of one data directory, or of memory.
#[derive(Clone)]
pub struct Data {
    pub database: Database,
    embedded: EmbeddedLog,
    pub log: Arc<dyn Log>,
    pub state: Arc<dyn StateStore>,
}

impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Data").field("database", &self.database).finish_non_exhaustive()
    }
}

impl Data {
    /// Log and state over a database.
    pub fn over(database: Database) -> Result<Self, Error> {
        let log = EmbeddedLog::open(database.clone(), log::EmbeddedOptions::default())
            .map_err(|error| log_failed("cannot open the log", &error))?;
        let state = EmbeddedState::open(database.clone(), Journal::Shared)
            .map_err(|error| Error::new(Exit::Data, "cannot open the state", chain(&error), MEND))?;
        Ok(Self { database, log: Arc::new(log.clone()), embedded: log, state: Arc::new(state) })
    }

    /// Says that a group will read a topic: a log in memory keeps records for it from the first one on.
    pub fn expect_reader(&self, group: &str, topic: &str) {
        self.embedded.expect_group(group, topic);
    }

    /// Opens or makes the data directory of a run.
    pub fn open(dir: &Path, durability: db::Durability) -> Result<Self, Error> {
        Self::over(Database::open(dir, durability).map_err(|error| database_failed(dir, &error))?)
    }

    /// Opens a data directory that a run has made.
    pub fn existing(dir: &Path) -> Result<Self, Error> {
        let what = format!("cannot open data directory {:?}", dir.display().to_string());
        let mut entries = dir.read_dir().map_err(|error| {
            let help = "check the path; `invoker run topology.yaml --data DIR` makes one";
            Error::new(Exit::Data, &what, error, help)
        })?;
        if entries.next().is_none() {
            let help = "give the directory that was the --data of a run";
            return Err(Error::new(Exit::Data, what, "it is empty: no run has kept its data there", help));
        }
        Self::open(dir, db::Durability::Commit)
    }
}

const MEND: &str = "start again; if it stays, use another --data directory";

fn database_failed(dir: &Path, error: &db::Error) -> Error {
    let (why, help) = match error {
        db::Error::InUse { pid, .. } => (
            format!("process {pid} has it open, and only one may"),
            "wait for that process or end it, or use another --data directory",
        ),
        db::Error::NewerFormat { found, known, .. } => (
            format!("it has format {found:?}, and this version reads up to {known}"),
            "use the newer invoker that wrote it, or another --data directory",
        ),
        db::Error::NotOurs { name, .. } => {
            (format!("it holds {name:?}, which no run has put there"), "give an empty or a new directory")
        }
        db::Error::DiskFull { .. } => {
            ("the disk is full".to_owned(), "make room and start again; nothing that was committed is lost")
        }
        other => (chain(other), "check the directory and the disk it is on"),
    };
    Error::new(Exit::Data, format!("cannot open data directory {:?}", dir.display().to_string()), why, help)
}

/// The log could not do something: `what`, in the user's words.
pub fn log_failed(what: &str, error: &log::Error) -> Error {
    let help = match error {
        log::Error::UnknownTopic { .. } | log::Error::UnknownPartition { .. } => {
            "`invoker topics` lists what is there"
        }
        log::Error::RecordTooLarge { .. } => "make the record smaller",
        _ if is_disk_full(error) => {
            "make room on the disk and start again: nothing that was committed is lost"
        }
        log::Error::OffsetOutOfRange { .. } => "start from an offset that the log still holds",
        _ => MEND,
    };
    Error::new(Exit::Data, what, chain(error), help)
}

/// Whether a full disk is at the bottom of it.
fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if matches!(error.downcast_ref::<db::Error>(), Some(db::Error::DiskFull { .. })) {
            return true;
        }
        next = error.source();
    }
    false
}

/// A transaction did not end well: what could not be done because of it.
pub fn not_committed(what: impl Into<String>, outcome: log::Commit) -> Error {
    let (why, help) = match outcome {
        log::Commit::Unknown => (
            "writing to the disk failed, and the log takes nothing more",
            "mend the cause (the line above names it) and start again: nothing that was committed is lost",
        ),
        log::Commit::Fenced => ("another producer took its place", "start again"),
        log::Commit::Aborted | log::Commit::Committed => ("the transaction was aborted", "start again"),
    };
    Error::new(Exit::Data, what, why, help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_seen_below_other_errors() {
        let full = db::Error::DiskFull { action: "write", path: "data".into() };
        let error = log::Error::Backend { action: "commit", retryable: false, source: Box::new(full) };
        let told = log_failed("cannot write to topic \"lines\"", &error);
        assert_eq!(told.exit, Exit::Data);
        assert!(told.to_string().contains("help: make room on the disk and start again"), "{told}");
    }
}
