//! The record log in one embedded database: topics, partitions, positions and transactions, on disk or in memory.
//!
//! Owns everything under `log.` in the database. Behaves as Kafka does where a caller could tell, down to the offset
//! that the end of a transaction takes; so what runs here runs there.
//!
//! * A record is visible when it is durable; transactions become visible in the order in which they committed.
//! * **Unknown** is answered when the disk failed under a commit. The log then takes no more transactions.
//! * On disk, retention goes by age and size ([`EmbeddedOptions`]). In memory, records are dropped as soon as every
//!   group that reads their topic has committed a position past them: name the groups with
//!   [`Log::expect_group`] before the first record, and slow down what writes by [`Log::backlog_bytes`].

mod commit;
mod frame;
mod groups;
mod partition;
mod producer;
mod retention;
mod source;
mod store;
mod topics;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{Committed, Error, Log, Producer, Source, TopicPartition, Topics};
use crate::db::{Batch, Database, Sync};
use commit::{Commits, Prepared};
use groups::Groups;
use producer::{EmbeddedProducer, Identities};
use retention::Sweeper;
use source::EmbeddedSource;
use store::{Store, failed};
use topics::Registry;

/// How an embedded log behaves.
#[derive(Clone, Debug)]
pub struct EmbeddedOptions {
    /// Largest record, bytes of key, value and headers together.
    pub record_limit: usize,
    /// Latest frames kept in memory, so that a stage reads what another just wrote without going to the database, bytes.
    pub cache_bytes: usize,
    /// Topics that do not say otherwise drop records written longer ago, milliseconds; `None` = never.
    pub retention_ms: Option<u64>,
    /// Partitions of topics that do not say otherwise drop their oldest records past this size, bytes; `None` = never.
    pub retention_bytes: Option<u64>,
    /// In memory: what a topic that no group reads may hold, bytes, spread evenly over its partitions.
    pub unread_bytes: u64,
    /// How long [`Source::committed`] waits for an open transaction.
    pub stable_wait: Duration,
    /// How often retention looks for old records.
    pub sweep_every: Duration,
}

impl Default for EmbeddedOptions {
    /// Records of 64 MiB, 64 MiB in memory, seven days on disk, 64 MiB of a topic that nobody reads.
    fn default() -> Self {
        Self {
            record_limit: 64 << 20,
            cache_bytes: 64 << 20,
            retention_ms: Some(7 * 24 * 3600 * 1000),
            retention_bytes: None,
            unread_bytes: 64 << 20,
            stable_wait: Duration::from_secs(5),
            sweep_every: Duration::from_secs(60),
        }
    }
}

/// What sources and producers share.
#[derive(Debug)]
struct Shared {
    options: EmbeddedOptions,
    store: Arc<Store>,
    topics: Registry,
    groups: Groups,
    identities: Identities,
    commits: Commits,
}

/// A record log in an embedded database. Cheap to clone; all clones are the same log.
#[derive(Clone, Debug)]
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    _sweeper: Arc<Sweeper>,
}

/// Milliseconds since the Unix epoch.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl EmbeddedLog {
    /// Opens the log of this database, or makes it. A database has one log open at a time.
    pub fn open(db: Database, options: EmbeddedOptions) -> Result<Self, Error> {
        let store = Arc::new(Store::open(db).map_err(failed("open the log"))?);
        let topics = Registry::open(Arc::clone(&store))?;
        let groups = Groups::open(&store)?;
        let (identities, commits) = Default::default();
        let shared = Arc::new(Shared { options, store, topics, groups, identities, commits });
        let _sweeper = Arc::new(Sweeper::start(&shared)?);
        Ok(Self { shared, _sweeper })
    }
}

impl Shared {
    /// In memory: the partitions from which a commit may allow to drop records.
    fn touched(&self, prepared: &Prepared) -> Vec<TopicPartition> {
        if self.store.db.is_persistent() {
            return Vec::new();
        }
        let written = prepared.frames.iter().map(|(partition, _)| TopicPartition {
            topic: partition.topic.to_string(),
            partition: partition.index,
        });
        written.chain(prepared.offsets.iter().map(|(_, partition, _)| partition.clone())).collect()
    }

    fn consumed(&self, touched: &[TopicPartition]) {
        for TopicPartition { topic, partition } in touched {
            let Some(topic) = self.topics.get(topic) else { continue };
            if let Err(error) = retention::consumed(&topic, *partition, self) {
                tracing::warn!(error = &error as &dyn std::error::Error, "consumed records are kept");
            }
        }
    }
}

impl Log for EmbeddedLog {
    fn topics(&self) -> &dyn Topics {
        &self.shared.topics
    }

    fn source(&self) -> Result<Box<dyn Source>, Error> {
        Ok(Box::new(EmbeddedSource::new(Arc::clone(&self.shared))))
    }

    fn producer(&self, transactional_id: &str) -> Result<Box<dyn Producer>, Error> {
        self.shared.commits.check()?;
        Ok(Box::new(EmbeddedProducer::new(transactional_id, Arc::clone(&self.shared))))
    }

    fn fence(&self, transactional_ids: &[String]) -> Result<(), Error> {
        for id in transactional_ids {
            producer::fence(id, &self.shared);
        }
        Ok(())
    }

    fn expect_group(&self, group: &str, topic: &str) {
        self.shared.groups.expect(group, topic);
    }

    fn backlog_bytes(&self, topic: &str) -> u64 {
        if self.shared.store.db.is_persistent() {
            return 0;
        }
        let topic = self.shared.topics.get(topic);
        topic.map_or(0, |topic| retention::backlog(&topic, &self.shared))
    }

    fn delete_group(&self, group: &str) -> Result<(), Error> {
        let mut batch = Batch::new();
        for (partition, _) in self.shared.groups.list(group) {
            batch.remove(&self.shared.store.rows, &store::offsets_key(group, &partition));
        }
        self.shared.store.db.write(batch, Sync::Now).map_err(failed("delete a group"))?;
        self.shared.groups.delete(group);
        Ok(())
    }

    fn group(&self, group: &str) -> Result<Vec<(TopicPartition, Committed)>, Error> {
        Ok(self.shared.groups.list(group))
    }
}

#[cfg(test)]
mod tests;
