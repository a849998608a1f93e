//! The record log: what the lane needs of Kafka, in words first.
//!
//! * A **topic** has partitions; a partition is a sequence of records with rising offsets. Offsets may have gaps
//!   (Kafka's commit markers take some), so "at the end" means *position = end offset*, never *last record + 1*.
//! * **Order**: records that one producer writes to one partition are read in the order written.
//! * **Transactions**: everything a producer writes between `begin` and `commit`, and the offsets it adds, become
//!   visible together or not at all. A source reads committed records only.
//! * **Fencing**: `Log::producer` with a transactional id ends every earlier producer of that id: their open
//!   transactions are aborted, and all they try later answers [`Commit::Fenced`] or a fenced error.
//! * **Durability**: when `commit` answers `Committed`, it survives a crash of the process and of the log's server
//!   (an embedded log opened with process durability promises the first only).
//! * **Groups**: positions are committed under the name of a group, by whoever may write. A group can also deal the
//!   partitions of a topic out among its members (`member.rs`); whether there are any makes no difference to positions.
//! * **Unknown**: a commit whose outcome could not be learnt. The producer is finished; the caller reads the stable
//!   committed position with a new one.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod embedded;
#[cfg(feature = "kafka")]
mod kafka;
mod member;

use std::collections::BTreeMap;
use std::time::Duration;

pub use embedded::{EmbeddedLog, EmbeddedOptions};
#[cfg(feature = "kafka")]
pub use kafka::{KafkaLog, KafkaOptions, KafkaSasl, KafkaTls};

use member::Alone;
pub use member::{Dealt, Member};

use invoker_core::records::{RecordBatch, RecordRef};

/// One partition of one topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    pub topic: String,
    pub partition: u32,
}

/// A committed position of a group: the next offset to read, and the text committed with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    pub offset: u64,
    pub metadata: String,
}

/// Index of an assignment, given by [`Source::assign`], unique within its source.
pub type Slot = usize;

/// Index of an opened topic, given by [`Producer::open`], unique within its producer.
pub type TopicHandle = usize;

/// How much one poll may bring. A single record larger than `bytes` comes alone.
#[derive(Clone, Copy, Debug)]
pub struct PollLimit {
    pub records: usize,
    pub bytes: usize,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    Committed,
    Aborted,
    /// See the module's words on `Unknown`.
    Unknown,
    /// Another producer has taken the transactional id. This does not say that the transaction was aborted.
    Fenced,
}

/// Why an operation on the log failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("topic {topic:?} does not exist")]
    UnknownTopic { topic: String },
    #[error("topic {topic:?} has {count} partitions, so there is no partition {partition}")]
    UnknownPartition { topic: String, partition: u32, count: u32 },
    #[error("topic {topic:?} exists already")]
    TopicExists { topic: String },
    #[error("offset {offset} of {topic}[{partition}] is gone: the log holds {start} to {end}")]
    OffsetOutOfRange { topic: String, partition: u32, offset: u64, start: u64, end: u64 },
    #[error(
        "a record of {bytes} bytes for {topic}[{partition}] is larger than the {limit} bytes the log takes"
    )]
    RecordTooLarge { topic: String, partition: u32, bytes: usize, limit: usize },
    #[error("{what} is refused: {why}")]
    Invalid { what: String, why: &'static str },
    #[error("transactional id {id:?} was taken by a newer producer")]
    Fenced { id: String },
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

/// What a topic is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    pub name: String,
    pub partitions: u32,
    /// Another one when a topic is deleted and made again; `None` where the log does not tell, as in lists.
    pub id: Option<String>,
}

/// How a topic is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicSpec {
    pub name: String,
    pub partitions: u32,
    /// Records older than this may be dropped, milliseconds; `None` = the log's default.
    pub retention_ms: Option<u64>,
    /// A partition larger than this may lose its oldest records, bytes; `None` = the log's default.
    pub retention_bytes: Option<u64>,
    /// Copies that are kept; `None` = the log's default. An embedded log keeps one.
    pub replication_factor: Option<u16>,
    /// Settings by the log's own names; those that it does not know are its to refuse or to ignore.
    pub config: BTreeMap<String, String>,
}

impl TopicSpec {
    /// Kafka's rules for names hold for every log.
    fn check(&self) -> Result<(), Error> {
        let name = self.name.as_str();
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let why = if name.is_empty() || name.len() > 249 {
            "it must have 1 to 249 characters"
        } else if name == "." || name == ".." {
            "it would name a directory"
        } else if !name.bytes().all(allowed) {
            "it may have letters, digits, '.', '_' and '-' only"
        } else if self.partitions == 0 {
            "it must have a partition"
        } else {
            return Ok(());
        };
        Err(Error::Invalid { what: format!("topic {name:?}"), why })
    }
}

/// Topics: described and made.
pub trait Topics: Send + Sync {
    /// `None` where there is no such topic.
    fn describe(&self, topic: &str) -> Result<Option<Topic>, Error>;
    /// All topics, by name.
    fn list(&self) -> Result<Vec<Topic>, Error>;
    /// Durable when it returns. [`Error::TopicExists`] where there is one of that name, whatever its shape.
    fn create(&self, spec: &TopicSpec) -> Result<(), Error>;
}

/// Reads assigned partitions of any topics, committed records only.
pub trait Source: Send {
    /// Starts to read a partition at `position`. Reading the same partition twice is a caller's mistake.
    fn assign(&mut self, partition: &TopicPartition, position: u64) -> Result<Slot, Error>;
    /// Ends reading; the slot may be given out again.
    fn unassign(&mut self, slot: Slot);
    /// The next poll of this slot starts at `position`.
    fn seek(&mut self, slot: Slot, position: u64) -> Result<(), Error>;
    /// A paused slot gives nothing and keeps its position.
    fn pause(&mut self, slot: Slot);
    fn resume(&mut self, slot: Slot);
    /// Waits until an assigned partition that is not paused has records, at most `wait`, then replaces what is in
    /// `batch` with records of one partition, in order, and says which. Takes what is there without waiting for more.
    /// Partitions with records take turns. `None` = nothing came. A position that retention has passed is
    /// [`Error::OffsetOutOfRange`], and stays so until `seek`.
    fn poll(
        &mut self,
        limit: PollLimit,
        wait: Duration,
        batch: &mut RecordBatch,
    ) -> Result<Option<Slot>, Error>;
    /// The offset that the next poll of this slot starts at; past markers and gaps already skipped.
    fn position(&self, slot: Slot) -> u64;
    /// First and one past the last offset that can be read now.
    fn bounds(&self, partition: &TopicPartition) -> Result<(u64, u64), Error>;
    /// One past the last offset written, whether it can be read yet or not: what was committed a moment ago may not.
    fn written(&self, partition: &TopicPartition) -> Result<u64, Error> {
        Ok(self.bounds(partition)?.1)
    }
    /// The first offset whose record, or commit marker, is at or after `timestamp`; the end where there is none.
    fn offset_for_time(&self, partition: &TopicPartition, timestamp: i64) -> Result<u64, Error>;
    /// Stable committed position of `group`: never one that is pending in an open transaction; while there is such
    /// a transaction this waits, and answers [`Error::TimedOut`] rather than an older value.
    fn committed(&self, group: &str, partition: &TopicPartition) -> Result<Option<Committed>, Error>;
}

/// Writes records, and positions of groups, in transactions.
pub trait Producer: Send {
    /// Makes a topic known; `write` takes the handle, and `partitions` is what its records are spread over.
    fn open(&mut self, topic: &str) -> Result<(TopicHandle, u32), Error>;
    /// Largest record the topic takes, bytes of key, value and headers together.
    fn record_limit(&self, topic: TopicHandle) -> usize;
    fn begin(&mut self) -> Result<(), Error>;
    /// Takes a copy of the record into the open transaction. Does not block on the log and does not fail for its
    /// reasons; those show in `flush` and `commit`. Must not be called outside a transaction.
    fn write(&mut self, topic: TopicHandle, partition: u32, record: RecordRef<'_>) -> Result<(), Error>;
    /// Bytes written since `begin`.
    fn pending_bytes(&self) -> usize;
    /// Returns when the log holds everything written so far (not yet visible).
    fn flush(&mut self) -> Result<(), Error>;
    /// Adds positions of a group to the transaction.
    fn add_offsets(&mut self, group: &str, offsets: &[(TopicPartition, Committed)]) -> Result<(), Error>;
    /// Ends the transaction. After `Unknown` and `Fenced` the producer is finished.
    fn commit(&mut self) -> Commit;
    /// Ends the transaction without a trace, offsets included.
    fn abort(&mut self) -> Result<(), Error>;
}

/// Ids that are fenced at the same time, as each takes some exchanges: no more of them are one step of a lane.
pub(crate) const FENCED_AT_ONCE: usize = 16;

/// A record log: makes sources and producers.
pub trait Log: Send + Sync {
    fn topics(&self) -> &dyn Topics;
    fn source(&self) -> Result<Box<dyn Source>, Error>;
    /// A transactional producer; fences every earlier one of this id.
    fn producer(&self, transactional_id: &str) -> Result<Box<dyn Producer>, Error>;
    /// The same, where a transaction that stays open for longer may be aborted by the log: what a dead producer left
    /// open blocks readers for so long.
    fn producer_within(&self, transactional_id: &str, _open: Duration) -> Result<Box<dyn Producer>, Error> {
        self.producer(transactional_id)
    }
    /// A producer whose records are seen as soon as the log has them, one by one, and which nobody can fence. It adds no
    /// positions; its `begin` and `commit` only say where what `flush` and `pending_bytes` speak of begins and ends. `None` = this log's transactions
    /// cost too little for that.
    fn plain_producer(&self) -> Result<Option<Box<dyn Producer>>, Error> {
        Ok(None)
    }
    /// Fences these ids without producing: when it returns, none of their transactions is open and none can commit.
    fn fence(&self, transactional_ids: &[String]) -> Result<(), Error>;
    /// Says that a group will read a topic from its beginning, where a log drops what nobody waits for.
    fn expect_group(&self, _group: &str, _topic: &str) {}
    /// Bytes of a topic that its slowest group has not consumed yet, where the log must bound them; 0 where it need not.
    fn backlog_bytes(&self, _topic: &str) -> u64 {
        0
    }
    /// Joins a group as `name`, to be dealt a share of the partitions of a topic. A log that one process has to itself
    /// gives all of them.
    fn join(&self, _group: &str, _name: &str, topic: &str) -> Result<Box<dyn Member>, Error> {
        match self.topics().describe(topic)? {
            Some(topic) => Ok(Box::new(Alone::with(topic.partitions))),
            None => Err(Error::UnknownTopic { topic: topic.to_owned() }),
        }
    }
    /// Ends the promise of a group: its positions are forgotten. Refused while it has members, where a log has any.
    fn delete_group(&self, group: &str) -> Result<(), Error>;
    /// All committed positions of a group.
    fn group(&self, group: &str) -> Result<Vec<(TopicPartition, Committed)>, Error>;
}
