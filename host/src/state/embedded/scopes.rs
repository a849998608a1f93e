//! The scopes of the database, each under its lock.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::control::{Control, FORMAT};
use super::layout::{self, Number};
use super::{Open, damaged, failed};
use crate::db::Space;
use crate::state::{Error, Scope};

#[derive(Debug)]
pub(super) struct Scopes {
    open: Mutex<HashMap<Scope, Arc<Mutex<Open>>>>,
    /// The highest number given out.
    last: AtomicU32,
}

/// A panic under the lock leaves the scope as it was: it is changed only after what it stands for was written.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Scopes {
    pub(super) fn load(space: &Space) -> Result<Self, Error> {
        let mut open = HashMap::new();
        let mut last = 0;
        for entry in space.range(b"", None) {
            let (key, record) = entry.map_err(failed("read the scopes of the state"))?;
            let Some(scope) = layout::scope_of(&key) else {
                return Err(Error::Damaged {
                    scope: format!("{key:?}"),
                    what: "this is not the name of a partition".into(),
                });
            };
            let control = decode(&scope, &record)?;
            last = last.max(control.number);
            open.insert(scope, Arc::new(Mutex::new(Open { control, ..Open::default() })));
        }
        Ok(Self { open: Mutex::new(open), last: AtomicU32::new(last) })
    }

    pub(super) fn get(&self, scope: &Scope) -> Arc<Mutex<Open>> {
        let mut open = lock(&self.open);
        match open.get(scope) {
            Some(known) => Arc::clone(known),
            None => Arc::clone(open.entry(scope.clone()).or_default()),
        }
    }

    pub(super) fn next_number(&self) -> Number {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Scopes that were ever taken, in order.
    pub(super) fn taken(&self) -> Vec<Scope> {
        // Copied first: the lock of a scope may be held by a step that waits for the disk.
        let all: Vec<_> =
            lock(&self.open).iter().map(|(scope, open)| (scope.clone(), open.clone())).collect();
        let mut taken: Vec<_> = all
            .into_iter()
            .filter(|(_, open)| lock(open).control.number != 0)
            .map(|(scope, _)| scope)
            .collect();
        taken.sort_unstable();
        taken
    }
}

fn decode(scope: &Scope, record: &[u8]) -> Result<Control, Error> {
    let unread = |error| damaged(scope, format!("its record cannot be read: {error}"));
    match record.split_first() {
        Some((&FORMAT, record)) => postcard::from_bytes(record).map_err(unread),
        // It ends in front of the inputs of `Meta`, of which there are none.
        Some((1, record)) => postcard::from_bytes(&[record, &[0]].concat()).map_err(unread),
        Some((&found, _)) if found > FORMAT => {
            Err(Error::NewerFormat { scope: scope.to_string(), found: found.into(), known: FORMAT.into() })
        }
        _ => Err(damaged(scope, "its record does not begin with a format version")),
    }
}
