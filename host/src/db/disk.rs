//! The database on disk: fjall, with syncs shared among those who wait for one.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fjall::{KeyspaceCreateOptions, KvSeparationOptions, PersistMode};

use super::batch::Batch;
use super::directory::Directory;
use super::space::{Key, Kind, Value};
use super::{Durability, Error, Sync, repair};

/// Blocks and small values read from disk, bytes.
const CACHE: u64 = 64 << 20;
/// A space's latest changes are kept in memory up to this, bytes. Bounds memory, and with `JOURNALS` the time to open.
const MEMTABLE: u64 = 16 << 20;
/// Journals are replayed on open: this bounds how long that takes, bytes.
const JOURNALS: u64 = 128 << 20;

pub(super) struct Disk {
    // Dropped first: the directory is unlocked when the engine is closed.
    engine: fjall::Database,
    path: PathBuf,
    durability: Durability,
    /// Batches that wait for a sync or had it.
    written: AtomicU64,
    /// How many of `written` are on disk. Held while syncing, so that those who come meanwhile share the next one.
    synced: Mutex<u64>,
    _directory: Directory,
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disk").field("path", &self.path).field("durability", &self.durability).finish()
    }
}

impl Disk {
    pub(super) fn open(path: &Path, durability: Durability) -> Result<Arc<Self>, Error> {
        let directory = Directory::open(path)?;
        let engine = match open_engine(&directory) {
            Err(fjall::Error::JournalRecovery(_)) => mend(&directory, path).and_then(|()| {
                open_engine(&directory).map_err(|error| Error::engine("open the database", path, error))
            }),
            other => other.map_err(|error| Error::engine("open the database", path, error)),
        }?;
        directory.finish()?;
        let path = path.to_owned();
        let (written, synced) = (AtomicU64::new(0), Mutex::new(0));
        Ok(Arc::new(Self { engine, path, durability, written, synced, _directory: directory }))
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(fjall::Error) -> Error {
        move |error| Error::engine(action, &self.path, error)
    }

    pub(super) fn space(self: &Arc<Self>, name: &str, large: bool) -> Result<Arc<Map>, Error> {
        let options = move || {
            let options = KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE);
            options.with_kv_separation(large.then(KvSeparationOptions::default))
        };
        let keyspace = self.engine.keyspace(name, options).map_err(self.failed("open a space"))?;
        Ok(Arc::new(Map { keyspace, disk: Arc::clone(self) }))
    }

    pub(super) fn write(&self, batch: Batch, sync: Sync) -> Result<(), Error> {
        let mut writes = fjall::OwnedWriteBatch::with_capacity(self.engine.clone(), batch.changes.len());
        for change in batch.changes {
            let Kind::Disk(map) = &change.space.0 else { continue };
            match change.value {
                Some(value) => writes.insert(&map.keyspace, change.key.0, value.0),
                None => writes.remove(&map.keyspace, change.key.0),
            }
        }
        writes.commit().map_err(self.failed("write a batch"))?;
        match sync {
            Sync::Now => self.sync(),
            Sync::Later => Ok(()),
        }
    }

    /// Returns when everything written before the call is as durable as was asked for.
    pub(super) fn sync(&self) -> Result<(), Error> {
        let mine = self.written.fetch_add(1, Ordering::AcqRel) + 1;
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced >= mine {
            return Ok(());
        }
        let all = self.written.load(Ordering::Acquire);
        let mode = match self.durability {
            Durability::Commit => PersistMode::SyncData,
            Durability::Process => PersistMode::Buffer,
        };
        self.engine.persist(mode).map_err(self.failed("sync the journal"))?;
        *synced = all;
        Ok(())
    }
}

fn open_engine(directory: &Directory) -> Result<fjall::Database, fjall::Error> {
    fjall::Database::builder(directory.engine())
        .cache_size(CACHE)
        .max_journaling_size(JOURNALS)
        .worker_threads(2)
        .manual_journal_persist(true)
        .open()
}

fn mend(directory: &Directory, path: &Path) -> Result<(), Error> {
    let cut = repair::cut_torn_end(&directory.engine())
        .map_err(|error| Error::io("mend the journal", path, error))?;
    if let Some(repair::Cut { copy, at }) = cut {
        tracing::warn!(
            copy = %copy.display(),
            at,
            "the journal ended in a torn batch, as after a power failure: cut there, what was acknowledged is in front"
        );
    }
    Ok(())
}

#[derive(Clone)]
pub(super) struct Map {
    keyspace: fjall::Keyspace,
    disk: Arc<Disk>,
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("name", self.keyspace.name()).finish_non_exhaustive()
    }
}

impl Map {
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Value>, Error> {
        Ok(self.keyspace.get(key).map_err(self.disk.failed("read a value"))?.map(Value))
    }

    pub(super) fn walk(&self, from: &[u8], to: Option<&[u8]>, falling: bool) -> Walk {
        let entries = match to {
            Some(to) if to <= from => None,
            Some(to) => Some(self.keyspace.range(from..to)),
            None => Some(self.keyspace.range(from..)),
        };
        Walk { entries, falling, disk: Arc::clone(&self.disk) }
    }
}

pub(super) struct Walk {
    entries: Option<fjall::Iter>,
    falling: bool,
    disk: Arc<Disk>,
}

impl fmt::Debug for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").field("falling", &self.falling).finish_non_exhaustive()
    }
}

impl Iterator for Walk {
    type Item = Result<(Key, Value), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let entries = self.entries.as_mut()?;
        let entry = if self.falling { entries.next_back() } else { entries.next() }?;
        let entry = entry.into_inner().map_err(self.disk.failed("read a value"));
        Some(entry.map(|(key, value)| (Value(key), Value(value))))
    }
}
