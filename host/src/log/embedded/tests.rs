//! The embedded log passes the suite of all logs, in memory and on disk.

use super::*;
use crate::db::Durability;
use crate::log::conformance::Subject;

fn subject(db: Database) -> Subject {
    let options = EmbeddedOptions { stable_wait: Duration::from_millis(50), ..EmbeddedOptions::default() };
    Subject::new(Arc::new(EmbeddedLog::open(db, options).unwrap()), Duration::from_secs(20))
}

crate::log_conformance!(memory, ((), subject(Database::memory())));

crate::log_conformance!(disk, {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path(), Durability::Process).unwrap();
    (dir, subject(db))
});
