//! Keyed state: what a function remembers of the key of the record in hand. The host keeps it, and commits it together
//! with what was sent. Here is what its kinds have in common: declaration, versions, and the part of the batch's life.

mod map;
mod order;
mod overlay;
mod scan;
mod value;

pub use map::{Map, SortedMap};
pub use scan::Scan;
pub use value::Value;

use crate::bindings::invoker::udf::types::{Column, StateKind, StateSpec, StateUpdate};
use crate::call::Call;
use crate::codec::Codec;
use crate::error::{Error, Result};
use crate::function::Parts;

/// What a function declares about a state beyond its type.
#[doc(hidden)]
#[derive(Debug)]
pub struct Declared<C: Codec> {
    pub name: &'static str,
    pub prefetch: bool,
    /// Milliseconds.
    pub ttl: Option<u64>,
    pub version: u8,
    pub reads: &'static [u8],
    pub migrate: Option<Migrate<C::Item>>,
    pub doc: &'static str,
}

/// Reads what an older version wrote: its number, and the bytes behind it.
#[doc(hidden)]
pub type Migrate<T> = fn(u8, &[u8]) -> Result<T>;

/// A field's type that is a state.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no state",
    label = "use Value<..>, Map<..> or SortedMap<..>"
)]
pub trait State: Keyed + Sized {
    type Codec: Codec;
    const KIND: StateKind;

    fn new(parts: &Parts, index: u16, declared: &Declared<Self::Codec>) -> Self;
}

/// The part that a state has in the life of a batch.
#[doc(hidden)]
pub trait Keyed {
    /// A batch begins: it has so many keys, and these are their values if the state is prefetched.
    fn begin(&mut self, keys: usize, prefetched: Option<Column>);
    /// The record failed: what it changed is as it was before.
    fn undo(&mut self, record: u32);
    /// The batch ends: what is to be written.
    fn finish(&mut self) -> Result<Option<StateUpdate>>;
}

/// The answer of `describe` for one state.
#[doc(hidden)]
pub fn spec<S: State>(declared: &Declared<S::Codec>) -> StateSpec {
    StateSpec {
        name: declared.name.into(),
        kind: S::KIND,
        prefetch: declared.prefetch && S::KIND == StateKind::Value,
        ttl: declared.ttl,
        version: declared.version.into(),
        reads: declared.reads.iter().map(|&version| version.into()).collect(),
        doc: declared.doc.into(),
    }
}

/// How the values of one state are stored.
#[derive(Debug)]
struct Stored<T> {
    name: &'static str,
    version: u8,
    reads: &'static [u8],
    migrate: Option<Migrate<T>>,
}

impl<T> Stored<T> {
    fn new<C: Codec<Item = T>>(declared: &Declared<C>) -> Self {
        let Declared { name, version, reads, migrate, .. } = *declared;
        Self { name, version, reads, migrate }
    }

    #[inline]
    fn encode<C: Codec<Item = T>>(&self, item: &T, into: &mut Vec<u8>) -> Result {
        if C::VERSIONED {
            into.push(self.version);
        }
        C::encode(C::view(item), into)
    }

    #[inline]
    fn decode<C: Codec<Item = T>>(&self, bytes: &[u8]) -> Result<T> {
        let item = match bytes.split_first() {
            _ if !C::VERSIONED => C::decode(bytes),
            Some((&version, rest)) if version == self.version => C::decode(rest),
            Some((&version, rest)) if self.reads.contains(&version) => match self.migrate {
                Some(migrate) => migrate(version, rest),
                None => C::decode(rest),
            },
            other => return Err(self.unreadable(other.map(|(version, _)| *version))),
        };
        item.map_err(|error| self.broken(&error))
    }

    #[cold]
    fn unreadable(&self, version: Option<u8>) -> Error {
        let Self { name, version: written, reads, .. } = self;
        let found = version.map_or("no version".into(), |version| format!("version {version}"));
        Error::reject(
            "bad-state",
            format_args!(
                "state `{name}` holds {found}, but this function writes {written} and reads {reads:?}"
            ),
        )
    }

    #[cold]
    fn broken(&self, why: &Error) -> Error {
        Error::reject("bad-state", format_args!("state `{}` cannot be read: {}", self.name, why.message()))
    }
}

/// Index of the key of the record in hand.
#[inline]
fn key(call: &Call, name: &str) -> Result<u32> {
    u32::try_from(call.key.get()).map_err(|_| no_key(name))
}

#[cold]
fn no_key(name: &str) -> Error {
    Error::reject(
        "no-key",
        format_args!("state `{name}` belongs to a record's key, and this record has none"),
    )
}

/// The host's batch does not hang together: a key index beyond its keys.
#[cold]
fn gone<T>(name: &str) -> Result<T> {
    Err(Error::reject("bad-batch", format_args!("the batch holds no key for state `{name}`")))
}

/// What is known of one value: read or not, there or not, to be written or not.
#[derive(Clone)]
struct Slot<T> {
    value: Option<T>,
    read: bool,
    changed: bool,
}

impl<T> Slot<T> {
    const fn unread() -> Self {
        Self { value: None, read: false, changed: false }
    }
}
