//! Keyed state: what the lane needs of Redis, in words first.
//!
//! State belongs to a [`Scope`]: one partition of one entity. Per scope there is one owner, known by its [`Token`];
//! every operation that writes names the token and answers `Refused` when somebody else has taken the scope.
//!
//! A change travels in two steps, because the log's transaction is the commit point: `stage` keeps it beside the
//! state under its commit id, and once that id is known committed, `promote` (or the next `stage`) makes it the
//! state. Reads see promoted state only.
//!
//! * **Order**: calls on one scope take effect one after another. `stage` and `promote` of several scopes in one call
//!   are independent of each other: each has its own answer.
//! * **Idempotence**: the same `take` (by nonce), `stage` (by id) and `promote` (by id) may be sent again and answer as
//!   before.
//! * **Durability**: a `stage` that answered `Ok` outlives the process at least as long as a later commit of the log
//!   that relies on it. A store that may lose acknowledged writes must show it: `applied` then names an older id.
//! * **Clock**: the store never looks at one. Expiry times are compared with the `now` that the caller gives.

pub mod cache;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod embedded;
#[cfg(feature = "redis")]
mod redis;

#[cfg(feature = "redis")]
pub use self::redis::{RedisOptions, RedisState};
pub use embedded::{EmbeddedState, Journal};

use std::fmt;
use std::ops::ControlFlow;

use invoker_core::commit::{CommitId, Token};
use invoker_core::records::Column;

pub use invoker_core::function::StateKind;

/// One partition of one entity: the unit of ownership. Its parts are any UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope {
    pub deployment: String,
    pub entity: String,
    pub partition: u32,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}[{}]", self.deployment, self.entity, self.partition)
    }
}

/// Changes of one commit, in columns; row i is one change. Within one `Changes` an address occurs once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Name and kind of the states that `state` points at.
    pub states: Vec<(String, StateKind)>,
    /// Per row: index into `states`.
    pub state: Vec<u16>,
    /// Per row: the record key; never absent.
    pub keys: Column,
    /// Per row: the field; absent for value states.
    pub fields: Column,
    /// Per row: absent = delete.
    pub values: Column,
    /// Per row: expiry, milliseconds since the Unix epoch; -1 = never.
    pub expires: Vec<i64>,
}

/// Positions of the inputs after a commit, opaque to the store (it gives them back in [`Applied`]).
pub type Next = Vec<u64>;

/// What the state stands at: the last promoted commit and the input positions that belong to it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Applied {
    pub id: CommitId,
    pub next: Next,
}

/// Answer of `take`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Take {
    Taken {
        token: Token,
        /// Transactional ids that owners before may still write with; each must be fenced before `finish`.
        old_ids: Vec<String>,
        pending: Vec<CommitId>,
        applied: Option<Applied>,
    },
    /// The owner is no longer the one that was seen: read it again.
    Moved,
}

/// Answer of an operation that names the owner's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Ok,
    /// Somebody else owns the scope.
    Refused,
    /// `stage` with a sequence used before.
    RefusedOld,
    /// State and commits disagree: acknowledged writes were lost, or offsets were set by hand.
    StateLost {
        applied: Option<Applied>,
    },
}

/// One `stage`.
#[derive(Clone, Debug)]
pub struct Stage<'a> {
    pub scope: &'a Scope,
    pub token: Token,
    pub id: CommitId,
    pub next: &'a [u64],
    pub changes: &'a Changes,
    /// The last id known committed; `None` before the first.
    pub committed: Option<CommitId>,
    /// The id staged just before, not yet known committed (pipelining); else equal to `committed`.
    pub previous: Option<CommitId>,
    /// Whether an answer of the store has said that `committed` is promoted. Then what was read since relies on it, and
    /// a store that has it pending again has gone back: state lost, even though promoting it once more would do.
    pub promoted: bool,
}

/// One `apply`: at-least-once, state written at once.
#[derive(Clone, Debug)]
pub struct Apply<'a> {
    pub scope: &'a Scope,
    pub token: Token,
    /// The id that the state must stand at.
    pub base: Option<CommitId>,
    pub id: CommitId,
    pub next: &'a [u64],
    pub changes: &'a Changes,
}

/// What to read: the fields of parallel `keys` and `fields`.
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    pub scope: &'a Scope,
    pub state: &'a str,
    pub kind: StateKind,
    pub keys: &'a Column,
    /// Absent items for value states.
    pub fields: &'a Column,
}

/// Values read, parallel to what was asked; expired ones are still in it, for the cache decides by its own time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values {
    pub values: Column,
    /// Milliseconds since the Unix epoch; -1 = never.
    pub expires: Vec<i64>,
}

/// Fields of one key, or keys of one state, in byte order where the store has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub fields: Column,
    pub values: Column,
    pub expires: Vec<i64>,
    /// Where to go on; `None` = the end.
    pub next: Option<Vec<u8>>,
}

/// What to scan.
#[derive(Clone, Copy, Debug)]
pub struct Scan<'a> {
    pub scope: &'a Scope,
    pub state: &'a str,
    pub kind: StateKind,
    /// The fields of this key (map states); `None` = the keys of a value state (the page's `fields` are keys).
    pub key: Option<&'a [u8]>,
    pub prefix: &'a [u8],
    /// First field wanted, or what `Page::next` said.
    pub start: Option<&'a [u8]>,
    pub limit: usize,
}

/// What a tool goes through of the state of an entity.
#[derive(Clone, Copy, Debug)]
pub struct Walk<'a> {
    pub deployment: &'a str,
    pub entity: &'a str,
    /// Of this partition only.
    pub partition: Option<u32>,
    /// Of this state only.
    pub state: Option<&'a str>,
    /// Of keys that begin with this only.
    pub prefix: &'a [u8],
}

/// One value that a walk comes by; an expired one may be among them.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    pub partition: u32,
    pub state: &'a str,
    pub key: &'a [u8],
    /// `None` for value states.
    pub field: Option<&'a [u8]>,
    pub value: &'a [u8],
    /// Milliseconds since the Unix epoch; -1 = never.
    pub expires: i64,
}

/// What is kept about a scope beside its state.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Meta {
    pub format: u32,
    pub partition_count: u32,
    pub partitioner: String,
    /// Per state: the version its values were last written with.
    pub versions: std::collections::BTreeMap<String, u32>,
    /// Per input topic, where the log tells: which topic of that name the positions belong to.
    #[serde(default)]
    pub topics: std::collections::BTreeMap<String, String>,
    /// Input topics in the order of the positions beside the state; empty where an earlier version wrote it.
    #[serde(default)]
    pub inputs: Vec<String>,
}

/// How far a sweep came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub removed: usize,
    /// Everything was looked at once; the next sweep begins anew.
    pub at_end: bool,
}

/// Why a store could not answer. Refusals are answers, not errors.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("state of {scope} was written in format {found}, this version reads up to {known}")]
    NewerFormat { scope: String, found: u32, known: u32 },
    #[error("state of {scope} is damaged: {what}")]
    Damaged { scope: String, what: String },
    /// More was asked for at once than an answer may have.
    #[error("the answer would have more than {most} bytes")]
    TooLarge { most: usize },
    #[error("timed out waiting for {what}")]
    TimedOut { what: String },
    #[error("{action} failed")]
    Backend {
        action: &'static str,
        retryable: bool,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::TimedOut { .. } => true,
            Self::Backend { retryable, .. } => *retryable,
            _ => false,
        }
    }
}

/// Keyed state of scopes. Each method is one atomic step per scope; see the module's words.
pub trait StateStore: Send + Sync {
    /// The present owner, for the compare-and-set of `take`.
    fn owner(&self, scope: &Scope) -> Result<Option<Token>, Error>;
    /// Becomes the owner if `seen` still is. The same nonce again answers the same again.
    fn take(
        &self,
        scope: &Scope,
        nonce: u64,
        transactional_id: &str,
        seen: Option<Token>,
    ) -> Result<Take, Error>;
    /// The log's metadata knows a higher epoch than the store: take that one. Answers `Ok` or `Refused`.
    fn raise(&self, scope: &Scope, token: Token, epoch: u64) -> Result<Answer, Error>;
    /// Ends a take, once the older owners are fenced: of their pending changes, those up to `committed` are promoted
    /// and the rest dropped; only the own transactional id stays. `None` = refused; otherwise what the state stands at.
    fn finish(
        &self,
        scope: &Scope,
        token: Token,
        committed: Option<CommitId>,
    ) -> Result<Option<Option<Applied>>, Error>;
    /// One round trip for all.
    fn stage(&self, stages: &[Stage<'_>]) -> Result<Vec<Answer>, Error>;
    /// Makes everything up to the id the state. One round trip for all.
    fn promote(&self, promotes: &[(&Scope, Token, CommitId)]) -> Result<Vec<Answer>, Error>;
    /// Whether this token still owns the scope. One round trip for all.
    fn check(&self, checks: &[(&Scope, Token)]) -> Result<Vec<Answer>, Error>;
    fn apply(&self, applies: &[Apply<'_>]) -> Result<Vec<Answer>, Error>;
    /// A planned end of ownership: the own transactional id is cleared, so that the next taker fences nobody.
    fn release(&self, scope: &Scope, token: Token) -> Result<Answer, Error>;
    /// Promoted state. One round trip for all.
    fn read(&self, reads: &[Read<'_>]) -> Result<Vec<Values>, Error>;
    /// At most `limit` items of promoted state.
    fn scan(&self, scan: Scan<'_>) -> Result<Page, Error>;
    fn meta(&self, scope: &Scope) -> Result<Option<Meta>, Error>;
    /// Answers `Ok` or `Refused`.
    fn set_meta(&self, scope: &Scope, token: Token, meta: &Meta) -> Result<Answer, Error>;
    /// Scopes that hold anything, for tools.
    fn scopes(&self) -> Result<Vec<Scope>, Error>;
    /// Shows promoted state value by value until `take` breaks off, for tools: the fields of a key one after another,
    /// all else in any order. What stays as it is meanwhile is shown, and may be shown twice where others write; so it
    /// is a picture of one moment only where nobody does.
    fn walk(&self, walk: Walk<'_>, take: &mut dyn FnMut(&Item<'_>) -> ControlFlow<()>) -> Result<(), Error>;
    /// Removes values whose expiry lies before `before`, which must lie behind every clock in use by a good margin.
    /// Looks at `rows` values at most and goes on from there next time; one who does not own the scope removes nothing.
    /// A store that needs no sweeping is always at the end.
    fn sweep(&self, _scope: &Scope, _token: Token, _before: i64, _rows: usize) -> Result<Swept, Error> {
        Ok(Swept { removed: 0, at_end: true })
    }
}
