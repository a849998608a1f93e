//! A deployment of its own on Kafka and Redis: `in` → first → `mid` → second → `out`, both entities the function
//! `journal`, which numbers the records of each key. As all topics have the same partitions and keys keep their
//! partition, `out` must hold partition by partition what `in` holds, in that order.

use std::cell::Cell;
use std::time::Duration;

use invoker_host::log::{KafkaLog, KafkaOptions, Log, TopicSpec};
use invoker_tests::built;
use tempfile::TempDir;

use crate::feed::Feed;
use crate::host::Host;
use crate::truth::Truth;

pub(crate) const FIRST: &str = "first";
pub(crate) const SECOND: &str = "second";
pub(crate) const ENTITIES: [&str; 2] = [FIRST, SECOND];

/// How long records flow before a fault and behind it.
const AROUND: Duration = Duration::from_secs(1);

pub(crate) struct Pipeline {
    pub(crate) name: String,
    pub(crate) kafka: String,
    pub(crate) redis: String,
    pub(crate) partitions: u32,
    /// More lines of each entity, indented by two.
    pub(crate) more: String,
    hosts: Cell<u32>,
    folder: TempDir,
}

impl Pipeline {
    /// Its topics are made: `in`, `mid`, `out` and those of dead letters.
    pub(crate) fn new(name: &str, kafka: &str, redis: &str, partitions: u32) -> Self {
        let pipeline = Self {
            name: format!("{name}-{:08x}", rand::random::<u32>()),
            kafka: kafka.to_owned(),
            redis: redis.to_owned(),
            partitions,
            more: "  lanes: 2\n  retry: { attempts: 3, backoffMs: 1 }\n".to_owned(),
            hosts: Cell::new(0),
            folder: tempfile::tempdir().unwrap(),
        };
        for topic in ["in", "mid", "out", "first.dead-letter", "second.dead-letter"] {
            pipeline.make_topic(topic);
        }
        pipeline
    }

    pub(crate) fn make_topic(&self, topic: &str) {
        let options = KafkaOptions { bootstrap_servers: self.kafka.clone(), ..KafkaOptions::default() };
        let spec = TopicSpec { name: self.topic(topic), partitions: self.partitions, ..TopicSpec::default() };
        KafkaLog::connect(options).unwrap().topics().create(&spec).unwrap();
    }

    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    /// All partitions.
    pub(crate) fn all(&self) -> Vec<u32> {
        (0..self.partitions).collect()
    }

    /// The document of a host that owns these partitions of both entities.
    pub(crate) fn document(&self, partitions: &[u32]) -> String {
        self.document_of(partitions, partitions)
    }

    /// The document of a host that owns these partitions of the first and these of the second.
    pub(crate) fn document_of(&self, first: &[u32], second: &[u32]) -> String {
        let entity = |id: &str, input: &str, output: &str, partitions: &[u32]| {
            format!(
                "- id: {id}\n  function: {}\n  inputs: [{{ topic: {} }}]\n  outputs: [{}]\n  partitions: {partitions:?}\n  \
                 partitionCount: {}\n{}",
                built::guest("journal").unwrap().display(),
                self.topic(input),
                self.topic(output),
                self.partitions,
                self.more,
            )
        };
        format!(
            "deployment: {}\nhost: h\nkafka: {{ bootstrapServers: {:?} }}\nredis: {{ url: {:?} }}\nentities:\n{}{}",
            self.name,
            self.kafka,
            self.redis,
            entity(FIRST, "in", "mid", first),
            entity(SECOND, "mid", "out", second),
        )
    }

    /// A host with a folder of its own, not started.
    pub(crate) fn host(&self) -> Host {
        let number = self.hosts.get();
        self.hosts.set(number + 1);
        Host::new(self.folder.path().join(format!("host-{number}")))
    }

    /// Records flow while `fault` happens; afterwards everything is as if it had not.
    #[track_caller]
    pub(crate) fn survives(&self, per_second: u64, fault: impl FnOnce()) {
        let mut host = self.start();
        host.says("running");
        let feed = Feed::start(&self.kafka, &self.topic("in"), per_second, |number| number.to_string());
        std::thread::sleep(AROUND);
        fault();
        std::thread::sleep(AROUND);
        feed.finish();
        Truth::settle(self, [&mut host]);
    }

    /// A host that owns everything, running.
    pub(crate) fn start(&self) -> Host {
        let mut host = self.host();
        host.configure(&self.document(&self.all()));
        host.start();
        host
    }
}
