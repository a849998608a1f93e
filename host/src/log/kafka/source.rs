//! Reads assigned partitions.
//!
//! All partitions feed one queue of librdkafka, so that whichever has something ends a wait. What is taken from it is
//! sorted into a backlog per slot, from which polls copy; a message there is a pointer into the response it came in.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use invoker_core::records::RecordBatch;
use rdkafka::consumer::Consumer;
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use super::config::Settings;
use super::context::Context;
use super::errors::{failed, of_topic};
use super::native::{Message, Queue};
use super::{ASK, Client, Groups};
use crate::log::{Committed, Error, PollLimit, Slot, Source, TopicPartition};

/// Group of clients that read by assignment; nothing is ever committed under it.
const NO_GROUP: &str = "invoker.source";
/// Most messages taken from the queue at once.
const TAKE: usize = 4096;

/// See the module's words.
pub(super) struct KafkaSource {
    /// Messages and queue stand in front of the client, which they must not outlive: it would wait for them for ever.
    slots: Vec<Option<Reading>>,
    queue: Queue,
    client: Arc<Client>,
    groups: Groups,
    /// By topic handle and partition.
    places: HashMap<(usize, i32), Slot>,
    /// The place that the last message had: most have the same.
    last: Option<((usize, i32), Slot)>,
    /// Slot that is looked at first, so that partitions take turns.
    turn: Slot,
    /// Records in all backlogs, and their bytes.
    waiting: usize,
    waiting_bytes: usize,
}

/// One assigned partition.
struct Reading {
    of: TopicPartition,
    position: u64,
    backlog: VecDeque<Message>,
    paused: bool,
    /// The position is not in the log.
    out_of_range: bool,
}

impl KafkaSource {
    pub(super) fn new(settings: &Settings, groups: Groups) -> Result<Self, Error> {
        let action = "make a reader";
        let client: Client =
            settings.consumer(NO_GROUP).create_with_context(Context::default()).map_err(failed(action))?;
        let client = Arc::new(client);
        let queue = Queue::of(&client, TAKE).ok_or_else(|| Error::Backend {
            action,
            retryable: false,
            source: "librdkafka gave no queue".into(),
        })?;
        Ok(Self {
            queue,
            client,
            groups,
            slots: Vec::new(),
            places: HashMap::new(),
            last: None,
            turn: 0,
            waiting: 0,
            waiting_bytes: 0,
        })
    }

    fn reading(&self, slot: Slot) -> Option<&Reading> {
        self.slots.get(slot)?.as_ref()
    }

    fn start(&self, of: &TopicPartition, position: u64) -> Result<(), Error> {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&of.topic, of.partition as i32, Offset::Offset(position as i64))
            .map_err(failed("assign a partition"))?;
        self.client
            .incremental_assign(&list)
            .map_err(|error| of_topic(error, &of.topic, "assign a partition"))
    }

    fn end(&self, of: &TopicPartition) -> Result<(), Error> {
        self.client.incremental_unassign(&one(of)).map_err(failed("unassign a partition"))
    }

    /// Takes what the queue has into the backlogs.
    fn refill(&mut self, wait: Duration) -> Result<(), Error> {
        let Self { queue, slots, places, last, waiting, waiting_bytes, .. } = self;
        let mut trouble = None;
        queue.take(wait, |message| {
            let place = (message.topic_id(), message.partition());
            let slot = match *last {
                Some((known, slot)) if known == place => Some(slot),
                _ => places.get(&place).copied().or_else(|| learn(slots, places, &message)),
            };
            let Some(slot) = slot else {
                trouble = trouble.take().or_else(|| fatal(&message));
                return;
            };
            *last = Some((place, slot));
            let Some(Some(reading)) = slots.get_mut(slot) else { return };
            match message.error() {
                None | Some(Code::PartitionEOF) => {
                    *waiting += 1;
                    *waiting_bytes += message.bytes();
                    reading.backlog.push_back(message);
                }
                Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => reading.out_of_range = true,
                Some(_) => trouble = trouble.take().or_else(|| fatal(&message)),
            }
        });
        queue.hear();
        trouble.map_or(Ok(()), Err)
    }

    /// Copies records of the next slot that has some.
    fn fill(&mut self, limit: PollLimit, batch: &mut RecordBatch) -> Option<Slot> {
        let count = self.slots.len();
        for step in 0..count {
            let slot = (self.turn + step) % count;
            let Some(Some(reading)) = self.slots.get_mut(slot) else { continue };
            if reading.paused || reading.out_of_range {
                continue;
            }
            let (count, bytes) = reading.copy(limit, batch);
            self.waiting -= count;
            self.waiting_bytes -= bytes;
            if !batch.is_empty() {
                self.turn = slot + 1;
                return Some(slot);
            }
        }
        None
    }

    fn out_of_range(&mut self) -> Result<(), Error> {
        let outside =
            |reading: &Option<Reading>| reading.as_ref().is_some_and(|r| r.out_of_range && !r.paused);
        let Some(slot) = self.slots.iter().position(outside) else { return Ok(()) };
        let Some(reading) = self.reading(slot) else { return Ok(()) };
        let (of, offset) = (reading.of.clone(), reading.position);
        let (start, end) = self.bounds(&of)?;
        if (start..=end).contains(&offset) {
            // A broker that has just become the leader may know less than the log holds, for a moment.
            return self.seek(slot, offset);
        }
        Err(Error::OffsetOutOfRange { topic: of.topic, partition: of.partition, offset, start, end })
    }

    /// Forgets what was fetched of a slot.
    fn forget(&mut self, slot: Slot) {
        if let Some(Some(reading)) = self.slots.get_mut(slot) {
            self.waiting -= reading.backlog.len();
            self.waiting_bytes -= reading.backlog.iter().map(Message::bytes).sum::<usize>();
            reading.backlog.clear();
            reading.out_of_range = false;
        }
    }
}

impl Reading {
    /// Copies records to the batch; returns how many messages left the backlog, and their bytes.
    fn copy(&mut self, limit: PollLimit, batch: &mut RecordBatch) -> (usize, usize) {
        let (mut bytes, mut gone) = (0, (0, 0));
        while batch.len() < limit.records
            && let Some(message) = self.backlog.front()
        {
            let (record, offset) = (message.error().is_none(), message.offset() as u64);
            if record && offset >= self.position {
                bytes += message.bytes();
                if bytes > limit.bytes && !batch.is_empty() {
                    break;
                }
                message.copy_to(batch);
                self.position = offset + 1;
            } else if !record {
                // The end: behind markers and what was aborted.
                self.position = self.position.max(offset);
            }
            gone = (gone.0 + 1, gone.1 + message.bytes());
            self.backlog.pop_front();
        }
        gone
    }
}

/// Finds the slot of a topic handle that was not seen yet.
fn learn(
    slots: &[Option<Reading>],
    places: &mut HashMap<(usize, i32), Slot>,
    message: &Message,
) -> Option<Slot> {
    let topic = message.topic();
    let fits = |reading: &Option<Reading>| {
        reading.as_ref().is_some_and(|reading| {
            reading.of.topic == topic && reading.of.partition as i32 == message.partition()
        })
    };
    let slot = slots.iter().position(fits)?;
    places.insert((message.topic_id(), message.partition()), slot);
    Some(slot)
}

/// Trouble that does not pass by itself. All else librdkafka tries again.
fn fatal(message: &Message) -> Option<Error> {
    let code = message.error()?;
    let topic = message.topic();
    match code {
        Code::UnknownTopicOrPartition | Code::UnknownTopic if !topic.is_empty() => {
            Some(Error::UnknownTopic { topic })
        }
        Code::TopicAuthorizationFailed => {
            let text = format!("topic {topic:?}: {}", message.text());
            Some(super::errors::heard(code, text, "read"))
        }
        Code::Authentication | Code::SaslAuthenticationFailed | Code::Fatal => {
            Some(super::errors::heard(code, message.text(), "read"))
        }
        _ => None,
    }
}

fn one(of: &TopicPartition) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition(&of.topic, of.partition as i32);
    list
}

impl Source for KafkaSource {
    fn assign(&mut self, partition: &TopicPartition, position: u64) -> Result<Slot, Error> {
        self.groups.topics.check(partition)?;
        self.start(partition, position)?;
        let reading = Reading {
            of: partition.clone(),
            position,
            backlog: VecDeque::new(),
            paused: false,
            out_of_range: false,
        };
        let slot = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        match self.slots.get_mut(slot) {
            Some(place) => *place = Some(reading),
            None => self.slots.push(Some(reading)),
        }
        Ok(slot)
    }

    fn unassign(&mut self, slot: Slot) {
        self.forget(slot);
        let Some(reading) = self.slots.get_mut(slot).and_then(Option::take) else { return };
        self.places.retain(|_, place| *place != slot);
        self.last = None;
        if let Err(error) = self.end(&reading.of) {
            tracing::debug!(%error, "unassign a partition");
        }
    }

    fn seek(&mut self, slot: Slot, position: u64) -> Result<(), Error> {
        self.forget(slot);
        let Some(Some(reading)) = self.slots.get_mut(slot) else { return Ok(()) };
        reading.position = position;
        let (of, paused) = (reading.of.clone(), reading.paused);
        // A new assignment, unlike a seek, works in whatever state the partition is.
        self.end(&of)?;
        self.start(&of, position)?;
        if paused {
            self.client.pause(&one(&of)).map_err(failed("pause a partition"))?;
        }
        Ok(())
    }

    fn pause(&mut self, slot: Slot) {
        if let Some(Some(reading)) = self.slots.get_mut(slot) {
            reading.paused = true;
            let of = reading.of.clone();
            if let Err(error) = self.client.pause(&one(&of)) {
                tracing::debug!(%error, "pause a partition");
            }
        }
    }

    fn resume(&mut self, slot: Slot) {
        if let Some(Some(reading)) = self.slots.get_mut(slot) {
            reading.paused = false;
            let of = reading.of.clone();
            if let Err(error) = self.client.resume(&one(&of)) {
                tracing::debug!(%error, "resume a partition");
            }
        }
    }

    fn poll(
        &mut self,
        limit: PollLimit,
        wait: Duration,
        batch: &mut RecordBatch,
    ) -> Result<Option<Slot>, Error> {
        batch.clear();
        let deadline = Instant::now() + wait;
        // Large records fill memory long before there are many of them.
        if self.waiting < limit.records && self.waiting_bytes < limit.bytes {
            self.refill(Duration::ZERO)?;
        }
        loop {
            self.out_of_range()?;
            if let Some(slot) = self.fill(limit, batch) {
                return Ok(Some(slot));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.refill(left)?;
        }
    }

    fn position(&self, slot: Slot) -> u64 {
        self.reading(slot).map_or(0, |reading| reading.position)
    }

    fn bounds(&self, partition: &TopicPartition) -> Result<(u64, u64), Error> {
        let action = "look for the ends of a partition";
        let (start, end) = self
            .client
            .fetch_watermarks(&partition.topic, partition.partition as i32, ASK)
            .map_err(|error| match self.groups.topics.check(partition) {
                Err(named) => named,
                Ok(()) => self.client.context().explain(error, action),
            })?;
        Ok((start.max(0) as u64, end.max(0) as u64))
    }

    fn written(&self, partition: &TopicPartition) -> Result<u64, Error> {
        self.groups.topics.written(partition)
    }

    fn offset_for_time(&self, partition: &TopicPartition, timestamp: i64) -> Result<u64, Error> {
        let action = "find an offset by time";
        self.groups.topics.check(partition)?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&partition.topic, partition.partition as i32, Offset::Offset(timestamp))
            .map_err(failed(action))?;
        let found = self.client.offsets_for_times(list, ASK).map_err(failed(action))?;
        let found = found.find_partition(&partition.topic, partition.partition as i32);
        match found.map(|found| (found.error(), found.offset())) {
            Some((Ok(()), Offset::Offset(offset))) => Ok(offset as u64),
            Some((Err(error), _)) => Err(of_topic(error, &partition.topic, action)),
            _ => Ok(self.bounds(partition)?.1),
        }
    }

    fn committed(&self, group: &str, partition: &TopicPartition) -> Result<Option<Committed>, Error> {
        Ok(self.groups.committed(group, std::slice::from_ref(partition))?.pop().flatten())
    }
}
