//! The broker and the Redis that all contenders share, and the topics on them.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use invoker_core::partitioner::partition_of;
use invoker_tests::servers::{Kafka, KafkaOptions, Redis, RedisOptions};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::BaseProducer;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tempfile::TempDir;

use super::client::{Batches, Writer, flush};

const ASK: Duration = Duration::from_secs(20);

/// See the module's words.
pub(super) struct Place {
    pub(super) kafka: Kafka,
    pub(super) redis: Redis,
    pub(super) folder: TempDir,
    admin: AdminClient<DefaultClientContext>,
    looks: BaseConsumer,
}

impl Place {
    pub(super) fn start() -> Result<Self> {
        let settings = [
            // Topics of contenders that are done give their room back.
            ("file.delete.delay.ms", "1000"),
            ("group.min.session.timeout.ms", "1000"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let kafka = Kafka::start(&KafkaOptions { fast: true, settings, ..KafkaOptions::default() })?;
        let redis = Redis::start(&RedisOptions::default())?;
        let admin = ClientConfig::new().set("bootstrap.servers", kafka.address()).create()?;
        let looks = consumer(&kafka.address(), "invoker-bench").create()?;
        let folder = tempfile::Builder::new().prefix("invoker-bench-").tempdir()?;
        Ok(Self { kafka, redis, folder, admin, looks })
    }

    pub(super) fn make_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) -> Result<()> {
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        topic.config = settings.to_vec();
        let made = pollster::block_on(self.admin.create_topics([&topic], &AdminOptions::new()))?;
        for outcome in made {
            outcome.map_err(|(name, code)| anyhow::anyhow!("create topic {name}: {code}"))?;
        }
        // A broker answers before all of it knows the topic.
        let asked = Instant::now();
        while self.ends(name).map_or(0, |ends| ends.len()) != partitions as usize {
            ensure!(asked.elapsed() < ASK, "topic {name} was made and is not seen within {ASK:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    pub(super) fn remove_topics(&self, names: &[&str]) -> Result<()> {
        pollster::block_on(self.admin.delete_topics(names, &AdminOptions::new()))?;
        Ok(())
    }

    /// Offsets at which the partitions of a topic end, markers of transactions included.
    pub(super) fn ends(&self, topic: &str) -> Result<Vec<i64>> {
        let count = partitions(&self.looks, topic)?;
        (0..count).map(|partition| Ok(self.looks.fetch_watermarks(topic, partition, ASK)?.1)).collect()
    }

    /// Records of a topic that a read-committed reader sees.
    pub(super) fn count(&self, topic: &str) -> Result<u64> {
        let reader: BaseConsumer = consumer(&self.kafka.address(), "invoker-bench").create()?;
        let ends = self.ends(topic)?;
        let mut list = TopicPartitionList::new();
        for partition in 0..ends.len() {
            list.add_partition_offset(topic, partition as i32, Offset::Offset(0))?;
        }
        reader.assign(&list)?;
        let mut batches = Batches::of(&reader)?;
        let (mut count, mut idle) = (0, 0);
        while idle < 10 {
            let taken = batches.take(Duration::from_millis(100))?.len() as u64;
            idle = if taken == 0 { idle + 1 } else { 0 };
            count += taken;
        }
        Ok(count)
    }

    /// Fills a topic with `count` values that `value` makes, each partition in turn for a while.
    pub(super) fn fill(
        &self,
        topic: &str,
        count: u64,
        header: Option<(&str, &str)>,
        mut value: impl FnMut(u64, &mut Vec<u8>),
    ) -> Result<()> {
        self.fill_with(topic, count, |writer, partitions, number, buffer| {
            value(number, buffer);
            writer.write_new((number / 500 % partitions) as i32, None, buffer, header)
        })
    }

    /// The same with keys, which choose the partition.
    pub(super) fn fill_keyed(
        &self,
        topic: &str,
        count: u64,
        mut key: impl FnMut(u64, &mut Vec<u8>),
    ) -> Result<()> {
        self.fill_with(topic, count, |writer, partitions, number, buffer| {
            key(number, buffer);
            let partition = partition_of(buffer, partitions as u32);
            writer.write_new(partition as i32, Some(buffer), b"", None)
        })
    }

    fn fill_with(
        &self,
        topic: &str,
        count: u64,
        mut write: impl FnMut(&Writer<'_>, u64, u64, &mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let producer: BaseProducer = producer(&self.kafka.address(), None).create()?;
        let writer = Writer::to(&producer, topic)?;
        let partitions = partitions(&self.looks, topic)?;
        let mut buffer = Vec::new();
        for number in 0..count {
            buffer.clear();
            write(&writer, partitions as u64, number, &mut buffer)?;
        }
        flush(&producer)
    }
}

/// What a group has committed of a topic.
pub(super) struct Progress {
    client: BaseConsumer,
    topic: String,
    ends: Vec<i64>,
}

impl Progress {
    pub(super) fn of(place: &Place, group: &str, topic: &str) -> Result<Self> {
        let mut config = consumer(&place.kafka.address(), group);
        // What is pending is not waited for.
        let client = config.set("isolation.level", "read_uncommitted").create()?;
        Ok(Self { client, topic: topic.to_owned(), ends: place.ends(topic)? })
    }

    /// A topic that others still write to has new ends.
    pub(super) fn look_again(&mut self, place: &Place) -> Result<()> {
        self.ends = place.ends(&self.topic)?;
        Ok(())
    }

    /// Records done, and whether that is all. At the end of a partition a marker of a transaction may be left.
    pub(super) fn done(&self) -> Result<(u64, bool)> {
        let mut list = TopicPartitionList::new();
        for partition in 0..self.ends.len() {
            list.add_partition(&self.topic, partition as i32);
        }
        let committed = self.client.committed_offsets(list, ASK).context("ask for committed positions")?;
        let (mut done, mut all) = (0, true);
        for (partition, &end) in self.ends.iter().enumerate() {
            let found = committed.find_partition(&self.topic, partition as i32);
            let offset = match found.map(|found| found.offset()) {
                Some(Offset::Offset(offset)) => offset,
                _ => 0,
            };
            done += offset.max(0) as u64;
            all &= offset + 2 >= end && (offset > 0 || end == 0);
        }
        Ok((done, all))
    }
}

pub(super) fn partitions(consumer: &BaseConsumer, topic: &str) -> Result<i32> {
    let metadata = consumer.fetch_metadata(Some(topic), ASK)?;
    match metadata.topics().first().map(|topic| topic.partitions().len()) {
        Some(count) if count > 0 => Ok(i32::try_from(count)?),
        _ => bail!("there is no topic {topic}"),
    }
}

/// The settings that the host has, for a client made by hand.
pub(super) fn consumer(kafka: &str, group: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in [
        ("bootstrap.servers", kafka),
        ("group.id", group),
        ("isolation.level", "read_committed"),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("auto.offset.reset", "error"),
        ("enable.partition.eof", "true"),
        ("queued.max.messages.kbytes", "16384"),
        ("fetch.max.bytes", "8388608"),
        ("fetch.queue.backoff.ms", "5"),
        ("fetch.wait.max.ms", "50"),
        ("retry.backoff.ms", "10"),
        ("retry.backoff.max.ms", "200"),
        ("socket.nagle.disable", "true"),
    ] {
        config.set(name, value);
    }
    config
}

/// The same for a producer.
pub(super) fn producer(kafka: &str, transactional: Option<&str>) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (name, value) in [
        ("bootstrap.servers", kafka),
        ("enable.idempotence", "true"),
        ("delivery.report.only.error", "true"),
        ("queue.buffering.max.kbytes", "65536"),
        ("queue.buffering.max.messages", "1000000"),
        ("linger.ms", "2"),
        ("batch.size", "1000000"),
        ("message.max.bytes", "100000000"),
        ("retry.backoff.ms", "10"),
        ("retry.backoff.max.ms", "200"),
        ("socket.nagle.disable", "true"),
    ] {
        config.set(name, value);
    }
    if let Some(id) = transactional {
        config.set("transactional.id", id);
    }
    config
}
