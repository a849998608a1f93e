//! The data directory: opened for a run or for a tool, and what goes wrong with it in words.
//! Owns the kind of error that a user gets; the directory itself is the business of `host::db`.

use std::path::Path;
use std::sync::Arc;

use invoker_host::db::{self, Database};
use invoker_host::log::{self, EmbeddedLog, Log};
use invoker_host::state::{EmbeddedState, StateStore};

use crate::error::{Error, Exit, chain};

/// The embedded log and state of one data directory, or of memory.
#[derive(Clone)]
pub struct Data {
    pub database: Database,
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
        let state = EmbeddedState::open(database.clone())
            .map_err(|error| Error::new(Exit::Data, "cannot open the state", chain(&error), MEND))?;
        Ok(Self { database, log: Arc::new(log), state: Arc::new(state) })
    }

    /// Opens or makes the data directory of a run.
    pub fn open(dir: &Path, durability: db::Durability) -> Result<Self, Error> {
        Self::over(Database::open(dir, durability).map_err(|error| database_failed(dir, &error))?)
    }

    /// Opens a data directory that a run has made.
    pub fn existing(dir: &Path) -> Result<Self, Error> {
        let what = format!("cannot open data directory {:?}", dir.display().to_string());
        if !dir.exists() {
            let help = "check the path; `invoker run topology.yaml --data DIR` makes one";
            return Err(Error::new(Exit::Data, what, "it does not exist", help));
        }
        if !Database::is_at(dir) {
            let help = "give the directory that was the --data of a run";
            return Err(Error::new(Exit::Data, what, "no run has kept its data there", help));
        }
        Self::open(dir, db::Durability::Commit)
    }
}

const MEND: &str = "start again; if it stays, use another --data directory";

fn database_failed(dir: &Path, error: &db::Error) -> Error {
    let what = format!("cannot open data directory {:?}", dir.display().to_string());
    match error {
        db::Error::InUse { pid, .. } => {
            let why = format!("process {pid} has it open, and only one may");
            Error::new(Exit::Data, what, why, "wait for that process or stop it, or use another --data directory")
        }
        db::Error::NewerFormat { found, known, .. } => {
            let why = format!("it has format {found}, and this version reads up to {known}");
            Error::new(Exit::Data, what, why, "use the newer invoker that wrote it, or another --data directory")
        }
        other => Error::new(Exit::Data, what, chain(other), "check the directory and the disk it is on"),
    }
}

/// The log could not do something: `what`, in the user's words.
pub fn log_failed(what: &str, error: &log::Error) -> Error {
    let help = match error {
        log::Error::UnknownTopic { .. } | log::Error::UnknownPartition { .. } => "`invoker topics` lists what is there",
        log::Error::RecordTooLarge { .. } => "make the record smaller",
        log::Error::OffsetOutOfRange { .. } => "start from an offset that the log still holds",
        _ => MEND,
    };
    Error::new(Exit::Data, what, chain(error), help)
}
