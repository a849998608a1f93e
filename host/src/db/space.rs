//! One named ordered map, and the bytes it holds.

use std::fmt;
use std::sync::Arc;

use super::Error;
use super::{disk, memory};

/// Bytes that are cheap to clone: short ones lie inside, long ones are shared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(pub(super) fjall::Slice);

/// Keys are in byte order.
pub type Key = Value;

impl std::ops::Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl std::borrow::Borrow<[u8]> for Value {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for Value {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self(fjall::Slice::new(bytes))
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self(fjall::Slice::from(bytes))
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.escape_ascii())
    }
}

/// A named ordered map of a database: cheap to clone.
#[derive(Clone, Debug)]
pub struct Space(pub(super) Kind);

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Memory(Arc<memory::Map>),
    Disk(Arc<disk::Map>),
}

impl Space {
    pub fn get(&self, key: &[u8]) -> Result<Option<Value>, Error> {
        match &self.0 {
            Kind::Memory(map) => Ok(map.get(key)),
            Kind::Disk(map) => map.get(key),
        }
    }

    /// Keys from `from` on and in front of `to`, rising.
    pub fn range(&self, from: &[u8], to: Option<&[u8]>) -> Range {
        self.walk(from, to, false)
    }

    /// The same keys, falling.
    pub fn range_rev(&self, from: &[u8], to: Option<&[u8]>) -> Range {
        self.walk(from, to, true)
    }

    fn walk(&self, from: &[u8], to: Option<&[u8]>, falling: bool) -> Range {
        match &self.0 {
            Kind::Memory(map) => Range(Walk::Memory(memory::Walk::new(Arc::clone(map), from, to, falling))),
            Kind::Disk(map) => Range(Walk::Disk(map.walk(from, to, falling))),
        }
    }
}

/// An iterator over keys and values in order; see the module's words on what it sees.
#[derive(Debug)]
pub struct Range(Walk);

#[derive(Debug)]
enum Walk {
    Memory(memory::Walk),
    Disk(disk::Walk),
}

impl Iterator for Range {
    type Item = Result<(Key, Value), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Walk::Memory(walk) => walk.next().map(Ok),
            Walk::Disk(walk) => walk.next(),
        }
    }
}
