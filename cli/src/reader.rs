//! Reads topics of a data directory from end to end, for the tools that show them.

use std::time::Duration;

use invoker_core::records::{RecordBatch, RecordRef};
use invoker_host::log::{Log, PollLimit, Source, Topic, TopicPartition};

use crate::data::log_failed;
use crate::error::{Error, Exit};
use crate::records::Meta;

const LIMIT: PollLimit = PollLimit { records: 1024, bytes: 1 << 20 };

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

/// Hands the records of one partition to `take`, from `from` to the end that it has now, until `take` says `false`.
pub(crate) fn read(
    log: &dyn Log,
    place: &TopicPartition,
    from: u64,
    mut take: impl FnMut(&Meta<'_>, RecordRef<'_>) -> Result<bool, Error>,
) -> Result<(), Error> {
    let failed = |error| log_failed(&format!("cannot read topic {:?}", place.topic), &error);
    let mut source = source(log)?;
    let (start, end) = source.bounds(place).map_err(failed)?;
    let from = from.max(start);
    if from >= end {
        return Ok(());
    }
    let slot = source.assign(place, from).map_err(failed)?;
    let mut batch = RecordBatch::default();
    while source.poll(LIMIT, Duration::ZERO, &mut batch).map_err(failed)?.is_some() {
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
                return Ok(());
            }
        }
        if source.position(slot) >= end {
            break;
        }
    }
    Ok(())
}
