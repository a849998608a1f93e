//! Writes records and positions in transactions, or records alone without any.

use std::sync::Arc;
use std::time::{Duration, Instant};

use invoker_core::records::RecordRef;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer as _};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use super::config::Settings;
use super::context::{Context, Undelivered};
use super::errors::{failed, of_topic};
use super::native::{self, Topic};
use super::offsets::send_offsets;
use super::{ASK, Groups};
use crate::log::{Commit, Committed, Error, Producer, TopicHandle, TopicPartition};

/// What Kafka stores beside the bytes of a record, at most: lengths, and the frame of a batch of one.
const FRAME: usize = 200;
/// Longest wait before failures are looked for.
const STEP: Duration = Duration::from_millis(20);

/// See the module's words.
pub(super) struct KafkaProducer {
    /// Before the client, which they must not outlive.
    topics: Vec<Opened>,
    client: Arc<BaseProducer<Context>>,
    /// `None` = without transactions.
    id: Option<String>,
    groups: Groups,
    /// Largest batch that the client sends, bytes.
    batch: usize,
    open: bool,
    pending: usize,
    timeout: Duration,
}

struct Opened {
    name: String,
    partitions: u32,
    /// Largest record that the topic takes.
    limit: usize,
    topic: Topic,
}

impl KafkaProducer {
    /// Fences every earlier producer of the id.
    pub(super) fn start(id: &str, groups: Groups) -> Result<Self, Error> {
        Self::make(Some(id.to_owned()), groups)
    }

    /// Without transactions.
    pub(super) fn plain(groups: Groups) -> Result<Self, Error> {
        Self::make(None, groups)
    }

    fn make(id: Option<String>, groups: Groups) -> Result<Self, Error> {
        let settings = &groups.settings;
        let (batch, timeout) = (settings.batch(), settings.transaction_timeout());
        let client = client(id.as_deref(), batch, settings)?;
        Ok(Self { topics: Vec::new(), client, id, groups, batch, open: false, pending: 0, timeout })
    }

    /// Begins again with smaller batches: librdkafka makes them of one size for all topics, and a topic refuses those
    /// that are larger than its limit.
    fn shrink(&mut self, batch: usize) -> Result<(), Error> {
        let names: Vec<_> = std::mem::take(&mut self.topics).into_iter().map(|opened| opened.name).collect();
        self.client = client(self.id.as_deref(), batch, &self.groups.settings)?;
        self.batch = batch;
        names.iter().try_for_each(|name| self.open(name).map(|_| ()))
    }

    /// Partitions of a topic. Also makes librdkafka know them: a record for one that it does not know fails.
    fn partitions(&self, topic: &str) -> Result<u32, Error> {
        let action = "look at an output topic";
        let metadata = self.client.client().fetch_metadata(Some(topic), ASK);
        let metadata = metadata.map_err(|error| self.failed(error, action))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let found = found.ok_or_else(|| Error::UnknownTopic { topic: topic.to_owned() })?;
        match found.error() {
            Some(error) => Err(of_topic(KafkaError::MetadataFetch(error.into()), topic, action)),
            None => Ok(found.partitions().len() as u32),
        }
    }

    fn is_fenced(&self) -> bool {
        self.client.client().fatal_error().is_some_and(|(code, _)| is_fence(code))
    }

    /// Waits until everything written was acknowledged or has failed, and hears of what failed meanwhile: librdkafka
    /// counts that as not yet sent until somebody has.
    fn settle(&self) -> bool {
        let deadline = Instant::now() + self.timeout;
        while !native::flush(&self.client, STEP) {
            // Without time, one event would be served of many.
            self.client.poll(Duration::from_millis(1));
            if self.is_fenced() || Instant::now() > deadline {
                return false;
            }
        }
        true
    }

    fn failed(&self, error: KafkaError, action: &'static str) -> Error {
        match self.ended(error, action) {
            fenced @ Error::Fenced { .. } => fenced,
            error => self.refused().unwrap_or(error),
        }
    }

    /// As `failed`, where a record that was not taken explains nothing.
    fn ended(&self, error: KafkaError, action: &'static str) -> Error {
        if self.is_fenced() || fenced(&error) {
            return self.fenced();
        }
        self.client.context().explain(error, action)
    }

    fn fenced(&self) -> Error {
        Error::Fenced { id: self.id.clone().unwrap_or_default() }
    }

    /// Why a record of this transaction was not taken.
    fn refused(&self) -> Option<Error> {
        let Undelivered { code, topic } = self.client.context().undelivered()?;
        let code = match code {
            // The transaction failed before this record could be sent.
            Code::PurgeQueue | Code::PurgeInflight => self.client.context().heard().unwrap_or(code),
            code => code,
        };
        Some(of_topic(KafkaError::MessageProduction(code), &topic, "write records"))
    }

    /// Says which topic it is that Kafka does not know.
    fn named(&self, error: Error, offsets: &[(TopicPartition, Committed)]) -> Error {
        let unknown = || offsets.iter().find_map(|(of, _)| self.groups.topics.check(of).err());
        match error {
            // Positions of a topic that is not there are tried again until time is up.
            Error::Backend { retryable: false, .. } | Error::TimedOut { .. } => unknown().unwrap_or(error),
            error => error,
        }
    }

    /// Waits for room in the queue of what is to be sent.
    fn wait_for_room(&self, deadline: Instant) -> Result<(), Error> {
        native::flush(&self.client, Duration::from_millis(5));
        // Serves what has failed.
        self.client.poll(Duration::ZERO);
        if Instant::now() > deadline {
            return Err(Error::TimedOut { what: "room in the queue of records to be sent".to_owned() });
        }
        Ok(())
    }
}

/// A client that has fenced every earlier one of the id, if it has one.
fn client(id: Option<&str>, batch: usize, settings: &Settings) -> Result<Arc<BaseProducer<Context>>, Error> {
    let Some(id) = id else { return Ok(Arc::new(settings.plain(batch)?)) };
    let client = settings.transactional(id, batch)?;
    super::init(&client, settings)?;
    Ok(Arc::new(client))
}

fn is_fence(code: Code) -> bool {
    matches!(code, Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch)
}

fn fenced(error: &KafkaError) -> bool {
    match error {
        KafkaError::Transaction(error) => is_fence(error.code()),
        other => other.rdkafka_error_code().is_some_and(is_fence),
    }
}

impl Producer for KafkaProducer {
    fn open(&mut self, topic: &str) -> Result<(TopicHandle, u32), Error> {
        if let Some(handle) = self.topics.iter().position(|opened| opened.name == topic) {
            return Ok((handle, self.topics.get(handle).map_or(0, |opened| opened.partitions)));
        }
        let partitions = self.partitions(topic)?;
        let limit = self.groups.topics.limit(topic)?;
        if limit < self.batch {
            if self.open {
                let why = "it takes smaller batches than those of the open transaction";
                return Err(Error::Invalid { what: format!("to open the topic {topic:?} now"), why });
            }
            self.shrink(limit)?;
        }
        let opened = Topic::open(&self.client, topic).ok_or_else(|| Error::Invalid {
            what: format!("the topic {topic:?}"),
            why: "it is no name of a topic",
        })?;
        let (name, limit) = (topic.to_owned(), limit.saturating_sub(FRAME));
        self.topics.push(Opened { name, partitions, limit, topic: opened });
        Ok((self.topics.len() - 1, partitions))
    }

    fn record_limit(&self, topic: TopicHandle) -> usize {
        self.topics.get(topic).map_or(0, |opened| opened.limit)
    }

    fn begin(&mut self) -> Result<(), Error> {
        self.pending = 0;
        self.client.context().forget_undelivered();
        if self.id.is_some() {
            self.client.begin_transaction().map_err(|error| self.failed(error, "begin a transaction"))?;
        }
        self.open = true;
        Ok(())
    }

    fn write(&mut self, topic: TopicHandle, partition: u32, record: RecordRef<'_>) -> Result<(), Error> {
        let Some(opened) = self.topics.get(topic) else {
            return Err(Error::Invalid { what: "a write".to_owned(), why: "its topic was not opened" });
        };
        let headers: usize =
            record.headers.iter().map(|(name, value)| name.len() + value.map_or(0, <[u8]>::len)).sum();
        let bytes = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + headers;
        let (topic, limit) = (&opened.name, opened.limit);
        if bytes > limit {
            return Err(Error::RecordTooLarge { topic: topic.clone(), partition, bytes, limit });
        }
        if partition >= opened.partitions {
            return Err(Error::UnknownPartition {
                topic: topic.clone(),
                partition,
                count: opened.partitions,
            });
        }
        let mut deadline = None;
        loop {
            match native::produce(&self.client, &opened.topic, partition, record) {
                Ok(()) => break,
                Err(Code::QueueFull) => {
                    self.wait_for_room(*deadline.get_or_insert_with(|| Instant::now() + self.timeout))?;
                }
                Err(code) => {
                    let error = KafkaError::MessageProduction(code);
                    if fenced(&error) {
                        return Err(self.fenced());
                    }
                    return Err(of_topic(error, &opened.name, "write a record"));
                }
            }
        }
        self.pending += bytes;
        Ok(())
    }

    fn pending_bytes(&self) -> usize {
        self.pending
    }

    fn flush(&mut self) -> Result<(), Error> {
        if !self.settle() && !self.is_fenced() {
            return Err(Error::TimedOut { what: "Kafka to take what was written".to_owned() });
        }
        match self.client.client().fatal_error() {
            Some((code, text)) if !is_fence(code) => {
                Err(Error::Backend { action: "write records", retryable: true, source: text.into() })
            }
            Some(_) => Err(self.fenced()),
            None => self.refused().map_or(Ok(()), Err),
        }
    }

    fn add_offsets(&mut self, group: &str, offsets: &[(TopicPartition, Committed)]) -> Result<(), Error> {
        let action = "add positions to a transaction";
        if self.id.is_none() {
            return Err(Error::Invalid {
                what: "a position".to_owned(),
                why: "its producer has no transactions",
            });
        }
        let mut list = TopicPartitionList::new();
        for (of, committed) in offsets {
            let (partition, offset) = (of.partition as i32, Offset::Offset(committed.offset as i64));
            list.add_partition_offset(&of.topic, partition, offset).map_err(failed(action))?;
        }
        for (of, committed) in offsets {
            if let Some(mut added) = list.find_partition(&of.topic, of.partition as i32) {
                added.set_metadata(committed.metadata.as_str());
            }
        }
        let Some(metadata) = self.groups.client(group)?.group_metadata() else {
            return Err(Error::Invalid { what: format!("the group {group:?}"), why: "its client has none" });
        };
        let sent = send_offsets(&self.client, list, metadata, ASK).map_err(|error| Error::Backend {
            action,
            retryable: true,
            source: error.into(),
        })?;
        let result = match sent {
            Some(answer) => answer.map_err(|error| self.failed(error, action)),
            None => Err(Error::TimedOut { what: format!("the coordinator of the group {group:?}") }),
        };
        result.map_err(|error| self.named(error, offsets))
    }

    fn commit(&mut self) -> Commit {
        self.open = false;
        if self.id.is_none() {
            return if self.flush().is_ok() { Commit::Committed } else { Commit::Unknown };
        }
        if !self.settle() {
            return if self.is_fenced() { Commit::Fenced } else { Commit::Unknown };
        }
        if let Some(error) = self.refused() {
            // librdkafka would not commit what is not all there: nothing was sent that could.
            tracing::debug!(id = self.id.as_deref(), %error, "commit");
            return match self.abort() {
                Ok(()) => Commit::Aborted,
                Err(Error::Fenced { .. }) => Commit::Fenced,
                Err(_) => Commit::Unknown,
            };
        }
        let Err(error) = self.client.commit_transaction(self.timeout) else { return Commit::Committed };
        tracing::debug!(id = self.id.as_deref(), %error, "commit");
        // Whatever else it says, a request that commits may be on its way.
        if fenced(&error) || self.is_fenced() { Commit::Fenced } else { Commit::Unknown }
    }

    fn abort(&mut self) -> Result<(), Error> {
        (self.open, self.pending) = (false, 0);
        if self.id.is_none() {
            native::purge(&self.client);
            self.settle();
            return Ok(());
        }
        let deadline = Instant::now() + self.timeout;
        loop {
            // What was not sent yet is dropped, and librdkafka waits until that was heard of.
            native::purge(&self.client);
            self.client.poll(Duration::ZERO);
            match self.client.abort_transaction(STEP) {
                Err(KafkaError::Transaction(error)) if error.is_retriable() && Instant::now() < deadline => {}
                Err(error) => return Err(self.ended(error, "abort a transaction")),
                Ok(()) => break,
            }
        }
        // What is heard later of a record that was dropped would count against the next transaction.
        self.settle();
        Ok(())
    }
}
