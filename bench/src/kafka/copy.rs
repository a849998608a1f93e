//! Copies a topic without any function, by hand: what the same broker and the same client library give at most. Runs as a
//! process of its own until it is killed.

use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueEnum};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use super::client::{Batches, Writer, flush};
use super::place::{consumer, partitions, producer};

const WAIT: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// Batches in; out record by record with timestamp and headers (`produceva`).
    Records,
    /// Batches in; out in batches, which carry neither timestamps nor headers (`produce_batch`).
    Batches,
    /// The `rdkafka` crate's own `poll` and `BaseProducer`, without timestamps and headers.
    Crate,
}

#[derive(Debug, Args)]
pub(crate) struct Copy {
    #[arg(long)]
    kafka: String,
    #[arg(long)]
    input: String,
    #[arg(long)]
    output: String,
    #[arg(long)]
    group: String,
    #[arg(long, value_enum)]
    by: By,
    #[arg(long)]
    exactly_once: bool,
    /// Milliseconds from commit to commit
    #[arg(long, default_value_t = 100)]
    interval: u64,
}

pub(crate) fn run(copy: &Copy) -> Result<()> {
    let consumer: BaseConsumer = consumer(&copy.kafka, &copy.group).create()?;
    let transactional = copy.exactly_once.then_some(copy.group.as_str());
    let producer: BaseProducer = producer(&copy.kafka, transactional).create()?;
    if copy.exactly_once {
        producer.init_transactions(WAIT)?;
        producer.begin_transaction()?;
    }
    let mut writer = Writer::to(&producer, &copy.output)?;
    let count = partitions(&consumer, &copy.input)?;
    let mut list = TopicPartitionList::new();
    for partition in 0..count {
        list.add_partition_offset(&copy.input, partition, Offset::Offset(0))?;
    }
    consumer.assign(&list)?;
    let mut batches = Batches::of(&consumer)?;
    let mut next = vec![None; count as usize];
    let interval = Duration::from_millis(copy.interval);
    let mut committed_at = Instant::now();
    loop {
        match copy.by {
            By::Crate => by_crate(copy, &consumer, &producer, &mut next)?,
            by => by_batches(by, &mut batches, &mut writer, &mut next)?,
        }
        if committed_at.elapsed() >= interval && next.iter().any(Option::is_some) {
            commit(copy, &consumer, &producer, &mut next)?;
            committed_at = Instant::now();
        }
    }
}

fn by_batches(
    by: By,
    batches: &mut Batches<'_>,
    writer: &mut Writer<'_>,
    next: &mut [Option<i64>],
) -> Result<()> {
    for message in batches.take(Duration::from_millis(5))? {
        if let Some(next) = next.get_mut(message.partition() as usize) {
            *next = Some(message.offset() + 1);
        }
        match by {
            By::Batches => writer.add(message),
            _ => writer.copy(message)?,
        }
    }
    writer.write_batch()
}

/// A thousand polls in a row, so that the clock is not read for each record.
fn by_crate(
    copy: &Copy,
    consumer: &BaseConsumer,
    producer: &BaseProducer,
    next: &mut [Option<i64>],
) -> Result<()> {
    for _ in 0..1000 {
        let Some(message) = consumer.poll(Duration::from_millis(5)) else { break };
        let message = match message {
            Err(KafkaError::PartitionEOF(_)) => continue,
            message => message?,
        };
        if let Some(next) = next.get_mut(message.partition() as usize) {
            *next = Some(message.offset() + 1);
        }
        let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(&copy.output)
            .partition(message.partition())
            .payload(message.payload().unwrap_or_default());
        while let Err((error, back)) = producer.send(record) {
            if error.rdkafka_error_code() != Some(Code::QueueFull) {
                return Err(error.into());
            }
            producer.poll(Duration::from_millis(1));
            record = back;
        }
    }
    producer.poll(Duration::ZERO);
    Ok(())
}

fn commit(
    copy: &Copy,
    consumer: &BaseConsumer,
    producer: &BaseProducer,
    next: &mut [Option<i64>],
) -> Result<()> {
    let mut list = TopicPartitionList::new();
    for (partition, next) in next.iter_mut().enumerate() {
        if let Some(next) = next.take() {
            list.add_partition_offset(&copy.input, partition as i32, Offset::Offset(next))?;
        }
    }
    flush(producer)?;
    if !copy.exactly_once {
        return Ok(consumer.commit(&list, CommitMode::Sync)?);
    }
    let group = consumer.group_metadata().ok_or_else(|| anyhow::anyhow!("the consumer has no group"))?;
    producer.send_offsets_to_transaction(&list, &group, WAIT)?;
    producer.commit_transaction(WAIT)?;
    Ok(producer.begin_transaction()?)
}
