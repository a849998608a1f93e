//! The embedded database under the embedded log and the embedded state: named ordered byte maps, atomic batches
//! across them, one journal. On disk or in memory; the two differ in nothing but durability.
//!
//! Owns: opening, locking and versioning a data directory. Knows nothing of records or state.
//!
//! * **Atomic**: a [`Batch`] takes effect as a whole, across spaces, and after a crash is there as a whole or not at all.
//! * **Order**: batches take effect in one order for all spaces. What a crash takes away is a tail of that order.
//! * **Visible** is not yet durable: a batch can be read as soon as `write` has taken it, before it is synced.
//!   A caller that must not show what may be lost waits for `write` to return.
//! * **Sync**: [`Sync::Now`] returns when the batch and everything written before it is on disk; calls at the same
//!   time share one sync. [`Sync::Later`] returns at once, and is durable with the next `Now`. After a failed sync the
//!   database refuses to write: nothing may be built on what may be lost.
//! * **Iterators** are no snapshots: a key written or removed while one is under way may or may not be seen.

mod batch;
mod directory;
mod disk;
mod error;
mod memory;
mod repair;
mod space;

use std::path::Path;
use std::sync::Arc;

pub use batch::Batch;
pub use error::Error;
pub use space::{Key, Range, Space, Value};

/// When a batch must be on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Before `write` returns.
    Now,
    /// With the next `Now`, whoever calls it.
    Later,
}

/// What `Sync::Now` outlives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A crash of the machine: the disk is synced.
    #[default]
    Commit,
    /// A crash of the process only.
    Process,
}

/// A database: cheap to clone, all clones are the same one. A directory is given up with the last clone, space and
/// iterator.
#[derive(Clone, Debug)]
pub struct Database(Engine);

#[derive(Clone, Debug)]
enum Engine {
    Memory(Arc<memory::Memory>),
    Disk(Arc<disk::Disk>),
}

impl Database {
    /// A database that ends with its last clone.
    pub fn memory() -> Self {
        Self(Engine::Memory(Arc::default()))
    }

    /// Another database in memory that holds the same.
    #[cfg(test)]
    pub(crate) fn copy(&self) -> Self {
        match &self.0 {
            Engine::Memory(memory) => Self(Engine::Memory(Arc::new(memory.copy()))),
            Engine::Disk(_) => Self::memory(),
        }
    }

    /// Opens the data directory, or makes it. One process at a time can have it.
    pub fn open(dir: &Path, durability: Durability) -> Result<Self, Error> {
        Ok(Self(Engine::Disk(disk::Disk::open(dir, durability)?)))
    }

    /// The space of this name, made where there is none. A name is 1 to 255 bytes.
    pub fn space(&self, name: &str) -> Result<Space, Error> {
        self.make(name, false)
    }

    /// As `space`, laid out for values of many kilobytes: they are written once and not moved about with the keys.
    pub fn space_of_large(&self, name: &str) -> Result<Space, Error> {
        self.make(name, true)
    }

    fn make(&self, name: &str, large: bool) -> Result<Space, Error> {
        Ok(Space(match &self.0 {
            Engine::Memory(memory) => space::Kind::Memory(memory.space(name)),
            Engine::Disk(disk) => space::Kind::Disk(disk.space(name, large)?),
        }))
    }

    /// Whether what is written outlives the process.
    pub fn is_persistent(&self) -> bool {
        matches!(self.0, Engine::Disk(_))
    }

    /// Takes a batch whose spaces are all of this database.
    pub fn write(&self, batch: Batch, sync: Sync) -> Result<(), Error> {
        for change in &batch.changes {
            if !(1..=usize::from(u16::MAX)).contains(&change.key.len()) {
                return Err(Error::KeySize { bytes: change.key.len() });
            }
        }
        match &self.0 {
            Engine::Memory(memory) => memory.write(batch),
            Engine::Disk(disk) => disk.write(batch, sync)?,
        }
        Ok(())
    }

    /// Returns when everything written before is on disk: what `Sync::Now` does after its write. For callers that
    /// keep an order among writes but not while syncing.
    pub fn sync(&self) -> Result<(), Error> {
        match &self.0 {
            Engine::Memory(_) => Ok(()),
            Engine::Disk(disk) => disk.sync(),
        }
    }
}

#[cfg(test)]
mod tests;
