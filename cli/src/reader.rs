//! Reads topics by assignment, for the tools that show them: no group is joined and no position kept.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use invoker_core::records::{RecordBatch, RecordRef};
use invoker_host::log::{self, Log, PollLimit, Slot, Source, Topic, TopicPartition};

use crate::data::log_failed;
use crate::error::{Error, Exit};
use crate::records::Meta;

const LIMIT: PollLimit = PollLimit { records: 1024, bytes: 1 << 20 };
/// One wait for records.
const WAIT: Duration = Duration::from_millis(500);
/// How long records that the log says it has may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// The topic of this name, or an error that says which there are.
pub(crate) fn topic(log: &dyn Log, name: &str) -> Result<Topic, Error> {
    let failed = |error| log_failed("cannot list topics", &error);
    if let Some(topic) = log.topics().describe(name).map_err(failed)? {
        return Ok(topic);
    }
    let names: Vec<_> = log.topics().list().map_err(failed)?.into_iter().map(|topic| topic.name).collect();
    let why = if names.is_empty() {
        "there are no topics".to_owned()
    } else {
        format!("there are {}", names.join(", "))
    };
    Err(Error::new(Exit::Usage, format!("there is no topic {name:?}"), why, "name one of those"))
}

/// A source of this log.
pub(crate) fn source(log: &dyn Log) -> Result<Box<dyn Source>, Error> {
    log.source().map_err(|error| log_failed("cannot read the log", &error))
}

/// Reads one partition, as [`Reader::read`] does.
pub(crate) fn read(
    log: &dyn Log,
    place: &TopicPartition,
    from: u64,
    take: impl FnMut(&Meta<'_>, RecordRef<'_>) -> Result<bool, Error>,
) -> Result<(), Error> {
    Reader::of(log)?.read(place, from, take)
}

/// A source, and room for what it brings.
pub(crate) struct Reader {
    source: Box<dyn Source>,
    batch: RecordBatch,
    /// What the slots of the source read.
    places: HashMap<Slot, TopicPartition>,
}

impl Reader {
    pub(crate) fn of(log: &dyn Log) -> Result<Self, Error> {
        Ok(Self { source: source(log)?, batch: RecordBatch::default(), places: HashMap::new() })
    }

    pub(crate) fn source(&self) -> &dyn Source {
        &*self.source
    }

    /// First and one past the last offset of a partition.
    pub(crate) fn bounds(&self, place: &TopicPartition) -> Result<(u64, u64), Error> {
        self.source.bounds(place).map_err(|error| unreadable(&place.topic, &error))
    }

    /// Hands the records of one partition to `take`, from `from` to the end that it has now, until `take` says `false`.
    pub(crate) fn read(
        &mut self,
        place: &TopicPartition,
        from: u64,
        mut take: impl FnMut(&Meta<'_>, RecordRef<'_>) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let (start, end) = self.bounds(place)?;
        let from = from.max(start);
        if from >= end {
            return Ok(());
        }
        let slot = self.assign(place, from)?;
        let mut last = Instant::now();
        loop {
            if self.poll()?.is_some() {
                last = Instant::now();
                if !self.hand_on(place, end, &mut take)? {
                    break;
                }
            }
            if self.source.position(slot) >= end {
                break;
            }
            if last.elapsed() > PATIENCE {
                let what = format!("the records of {}[{}] up to offset {end}", place.topic, place.partition);
                return Err(unreadable(&place.topic, &log::Error::TimedOut { what }));
            }
        }
        self.source.unassign(slot);
        Ok(())
    }

    /// Reads a partition from now on, beside others.
    pub(crate) fn assign(&mut self, place: &TopicPartition, from: u64) -> Result<Slot, Error> {
        let slot = self.source.assign(place, from).map_err(|error| unreadable(&place.topic, &error))?;
        self.places.insert(slot, place.clone());
        Ok(slot)
    }

    /// Waits a little for records of any partition that is read; says of which they are.
    pub(crate) fn poll(&mut self) -> Result<Option<TopicPartition>, Error> {
        let polled = self.source.poll(LIMIT, WAIT, &mut self.batch).map_err(|error| {
            let topic = self.places.values().next().map_or("", |place| place.topic.as_str());
            unreadable(topic, &error)
        })?;
        Ok(polled.and_then(|slot| self.places.get(&slot).cloned()))
    }

    /// Hands on what the last poll brought, in front of `end`, until `take` says `false`; then says so.
    pub(crate) fn hand_on(
        &self,
        place: &TopicPartition,
        end: u64,
        mut take: impl FnMut(&Meta<'_>, RecordRef<'_>) -> Result<bool, Error>,
    ) -> Result<bool, Error> {
        let batch = &self.batch;
        for (i, &offset) in batch.offsets.iter().enumerate() {
            let headers: Vec<_> = batch.headers.of(i).collect();
            let record = RecordRef {
                key: batch.keys.get(i),
                value: batch.values.get(i),
                timestamp: batch.timestamps.get(i).copied().unwrap_or(-1),
                headers: &headers,
            };
            let meta = Meta { topic: &place.topic, partition: place.partition, offset };
            if offset >= end || !take(&meta, record)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn unreadable(topic: &str, error: &log::Error) -> Error {
    log_failed(&format!("cannot read topic {topic:?}"), error)
}
