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
mod error;
mod memory;
mod space;

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

/// A database: cheap to clone, all clones are the same one.
#[derive(Clone, Debug)]
pub struct Database(Engine);

#[derive(Clone, Debug)]
enum Engine {
    Memory(Arc<memory::Memory>),
}

impl Database {
    /// A database that ends with its last clone.
    pub fn memory() -> Self {
        Self(Engine::Memory(Arc::default()))
    }

    /// The space of this name, made where there is none.
    pub fn space(&self, name: &str) -> Result<Space, Error> {
        match &self.0 {
            Engine::Memory(memory) => Ok(Space(space::Kind::Memory(memory.space(name)))),
        }
    }

    /// Whether what is written outlives the process.
    pub fn is_persistent(&self) -> bool {
        match &self.0 {
            Engine::Memory(_) => false,
        }
    }

    /// Takes a batch whose spaces are all of this database.
    pub fn write(&self, batch: Batch, sync: Sync) -> Result<(), Error> {
        let _ = sync;
        match &self.0 {
            Engine::Memory(memory) => memory.write(batch),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
