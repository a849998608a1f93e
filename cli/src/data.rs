//! What a command works on: log and state of a data directory, of memory, or of Kafka and Redis. Owns how they are
//! opened and what goes wrong with them in words; the backends themselves are the business of `host`.

use std::path::Path;
use std::sync::Arc;

use invoker_core::message::causes;
use invoker_host::Backends;
use invoker_host::db::{self, Database};
use invoker_host::log::{self, Log};
use invoker_host::services::{ServiceError, Services};
use invoker_host::state::StateStore;

use crate::error::{Error, Exit, chain};

/// Log and state, and the database of what is embedded of them.
#[derive(Clone)]
pub struct Data {
    /// In memory where nothing is embedded.
    pub database: Database,
    pub log: Arc<dyn Log>,
    pub state: Arc<dyn StateStore>,
    /// The log outlives this process.
    pub keeps: bool,
    /// The log is one that others can reach and that may be away for a while.
    pub is_service: bool,
}

impl std::fmt::Debug for Data {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Data").field("database", &self.database).finish_non_exhaustive()
    }
}

impl Data {
    /// Log and state over a database.
    pub fn over(database: Database) -> Result<Self, Error> {
        Self::on(&Services::default(), database)
    }

    /// Log and state on services; what is embedded of them over a database.
    pub fn on(services: &Services, database: Database) -> Result<Self, Error> {
        let Backends { log, state } = services.connect(&database)?;
        let is_service = services.kafka.is_some();
        Ok(Self { keeps: is_service || database.is_persistent(), database, log, state, is_service })
    }

    /// Says that a group will read a topic: a log in memory keeps records for it from the first one on.
    pub fn expect_reader(&self, group: &str, topic: &str) {
        self.log.expect_group(group, topic);
    }

    /// Log and state of a data directory, which is made where there is none.
    pub fn open(dir: &Path, durability: db::Durability) -> Result<Self, Error> {
        Self::over(open(dir, durability)?)
    }
}

/// Opens or makes the data directory of a run.
pub fn open(dir: &Path, durability: db::Durability) -> Result<Database, Error> {
    Database::open(dir, durability).map_err(|error| database_failed(dir, &error))
}

/// Opens a data directory that a run has made.
pub fn existing(dir: &Path) -> Result<Database, Error> {
    let what = format!("cannot open data directory {:?}", dir.display().to_string());
    let mut entries = dir.read_dir().map_err(|error| {
        let help = "check the path; `invoker run topology.yaml --data DIR` makes one";
        Error::new(Exit::Data, &what, error, help)
    })?;
    if entries.next().is_none() {
        let help = "give the directory that was the --data of a run";
        return Err(Error::new(Exit::Data, what, "it is empty: no run has kept its data there", help));
    }
    open(dir, db::Durability::Commit)
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
    let exit = exit_of(error, matches!(error, log::Error::TimedOut { .. } | log::Error::Backend { .. }));
    let help = match error {
        log::Error::UnknownTopic { .. } | log::Error::UnknownPartition { .. } => {
            "`invoker topics` lists what is there"
        }
        log::Error::RecordTooLarge { .. } => "make the record smaller",
        _ if is_disk_full(error) => {
            "make room on the disk and start again: nothing that was committed is lost"
        }
        log::Error::OffsetOutOfRange { .. } => "start from an offset that the log still holds",
        error => mend(exit, error.is_retryable()),
    };
    Error::new(exit, what, chain(error), help)
}

/// The state store could not do something: `what`, in the user's words.
pub fn state_failed(what: &str, error: &invoker_host::state::Error) -> Error {
    use invoker_host::state::Error as StateError;
    let exit = exit_of(error, matches!(error, StateError::TimedOut { .. } | StateError::Backend { .. }));
    Error::new(exit, what, chain(error), mend(exit, error.is_retryable()))
}

/// A service's failure is told from one of the data directory by what is at the bottom of it.
fn exit_of(error: &(dyn std::error::Error + 'static), may_be_service: bool) -> Exit {
    let embedded = causes(error).any(|cause| cause.is::<db::Error>());
    if may_be_service && !embedded { Exit::Service } else { Exit::Data }
}

fn mend(exit: Exit, retryable: bool) -> &'static str {
    match (exit, retryable) {
        (Exit::Service, true) => {
            "check that the service can be reached and start again: nothing that was committed is lost"
        }
        (Exit::Service, false) => "mend the cause in the service, or what the topology says of it",
        _ => MEND,
    }
}

/// Whether a full disk is at the bottom of it.
fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
    causes(error).any(|cause| matches!(cause.downcast_ref::<db::Error>(), Some(db::Error::DiskFull { .. })))
}

/// A transaction did not end well: what could not be done because of it.
pub fn not_committed(what: impl Into<String>, outcome: log::Commit) -> Error {
    let (why, help) = match outcome {
        log::Commit::Unknown => (
            "how its commit ended could not be learnt: the log stopped answering, or writing to the disk failed",
            "mend the cause (a line above may name it) and start again: nothing that was committed is lost",
        ),
        log::Commit::Fenced => {
            ("another producer took its place", "end the other run of this deployment, and start again")
        }
        log::Commit::Aborted | log::Commit::Committed => ("the transaction was aborted", "start again"),
    };
    Error::new(Exit::Data, what, why, help)
}

impl From<ServiceError> for Error {
    /// What is embedded is told in the command's own words; everything else as the host says it.
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Log(error) => log_failed("cannot open the log", &error),
            ServiceError::State(error) => state_failed("cannot open the state", &error),
            error => invoker_host::control::Error::from(error).into(),
        }
    }
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

    #[test]
    fn a_service_is_not_called_a_data_directory() {
        let error = log::Error::Backend { action: "commit", retryable: true, source: "broker away".into() };
        let told = log_failed("cannot write to topic \"lines\"", &error);
        assert_eq!(told.exit, Exit::Service);
        assert!(told.to_string().contains("help: check that the service can be reached"), "{told}");
    }
}
