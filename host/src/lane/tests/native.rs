//! A function in plain Rust whose behaviour each record chooses, and the topology around it.
//!
//! A record's value is a word; it is counted under the record's key, and the new count goes out with the key. Some
//! words do more: `reject`, `transient:N` (fails N times, then counts), `trap`, `panic`, `fail`, `loop`, `large`,
//! `wrong-partition`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use invoker_core::document::{
    Delivery, EntityDocument, HostDocument, InputDocument, Limits, OnFailure, Retry,
};
use invoker_core::function::{Description, HeaderUse, Port, StateKind, StateSpec};
use invoker_core::records::{Column, RecordBatch, RecordRef};
use invoker_engine::{
    BatchResult, CallError, Failure, FailureKind, InputBatch, OutputBatch, Reject, StateAccess, StateUpdate,
};

use crate::db::Database;
use crate::log::{EmbeddedLog, EmbeddedOptions, Log, PollLimit, TopicPartition, TopicSpec};
use crate::program::{Processor, Program, StartOptions};
use crate::state::{EmbeddedState, Journal, StateStore};
use crate::{Backends, Host, PartitionState, Programs};

/// Counts words per key, in one value state.
pub(super) struct Counter {
    description: Description,
    /// Calls so far, with the number of records of each.
    pub(super) calls: Arc<Mutex<Vec<usize>>>,
}

impl Counter {
    pub(super) fn new(stateful: bool) -> Self {
        let state = StateSpec {
            name: "count".to_owned(),
            kind: StateKind::Value,
            prefetch: true,
            ttl: None,
            version: 1,
            reads: Vec::new(),
            doc: String::new(),
        };
        let port = Port { name: "out".to_owned(), content_type: None, schema: None, doc: String::new() };
        let description = Description {
            outputs: vec![port],
            states: if stateful { vec![state] } else { Vec::new() },
            headers: HeaderUse::Forward,
            ..Description::default()
        };
        Self { description, calls: Arc::default() }
    }
}

impl Program for Counter {
    fn digest(&self) -> &str {
        "sha256:native"
    }

    fn description(&self) -> &Description {
        &self.description
    }

    fn start(&self, _: StartOptions<'_>) -> Result<Box<dyn Processor>, CallError> {
        let stateful = !self.description.states.is_empty();
        Ok(Box::new(Running { stateful, calls: self.calls.clone(), seen: HashMap::new() }))
    }
}

struct Running {
    stateful: bool,
    calls: Arc<Mutex<Vec<usize>>>,
    /// What this instance remembers beside its state; wrong after an abort unless the instance is replaced.
    seen: HashMap<Vec<u8>, u64>,
}

fn failure(kind: FailureKind, code: &str) -> Failure {
    Failure { kind, code: code.to_owned(), message: format!("told to: {code}") }
}

impl Processor for Running {
    fn process(
        &mut self,
        batch: &InputBatch<'_>,
        state: Box<dyn StateAccess>,
        deadline: Duration,
    ) -> (Result<BatchResult, CallError>, Box<dyn StateAccess>) {
        self.calls.lock().unwrap().push(batch.offset_deltas.len());
        (self.run(batch, deadline), state)
    }
}

impl Running {
    fn run(&mut self, batch: &InputBatch<'_>, deadline: Duration) -> Result<BatchResult, CallError> {
        let n = batch.offset_deltas.len();
        let mut counts: Vec<u64> = match batch.states.first() {
            Some(column) => column.iter().map(parse).collect(),
            None => {
                batch.keys.iter().map(|key| self.seen.get(key.unwrap_or(b"")).copied().unwrap_or(0)).collect()
            }
        };
        let mut changed = vec![false; counts.len()];
        let mut result = BatchResult { consumed: n as u32, ..empty() };
        for at in 0..n {
            let word = batch.values.get(at).unwrap_or(b"").to_vec();
            let word = String::from_utf8_lossy(&word).into_owned();
            let record = Some(at as u32);
            let mut partition = -1;
            let mut extra = 0;
            match word.split(':').next().unwrap() {
                "trap" => {
                    return Err(CallError::Trapped { message: "told to".to_owned(), frames: Vec::new() });
                }
                "panic" => {
                    return Err(CallError::Panicked {
                        record,
                        message: "told to".to_owned(),
                        file: "f.rs".to_owned(),
                        line: 3,
                        frames: Vec::new(),
                    });
                }
                "fail" => return Err(CallError::Failed(failure(FailureKind::Rejected, "whole-call"))),
                "loop" => return Err(CallError::Deadline { after: deadline, frames: Vec::new() }),
                "reject" => {
                    result
                        .rejects
                        .push(Reject { record: at as u32, failure: failure(FailureKind::Rejected, "odd") });
                    continue;
                }
                "transient" => {
                    let wanted: u32 = word.split(':').nth(1).unwrap().parse().unwrap();
                    if at > 0 || batch.attempt < wanted {
                        result.consumed = at as u32;
                        result.stopped = Some(failure(FailureKind::Transient, "away"));
                        break;
                    }
                }
                "large" => extra = 1 << 20,
                "wrong-partition" => partition = 99,
                _ => {}
            }
            let key = batch.key_of[at];
            let Ok(slot) = usize::try_from(key) else { continue };
            if !self.stateful {
                let seen = self.seen.entry(batch.keys.get(slot).unwrap_or(b"").to_vec()).or_default();
                counts[slot] = *seen;
                *seen += 1;
            }
            counts[slot] += 1;
            changed[slot] = true;
            let mut value = counts[slot].to_string().into_bytes();
            value.resize(value.len() + extra, b' ');
            result.outputs.sources.push(at as u32);
            result.outputs.values.push(Some(&value));
            result.outputs.partitions.push(partition);
        }
        if self.stateful {
            let keys: Vec<u32> = (0..counts.len() as u32).filter(|&at| changed[at as usize]).collect();
            let values: Vec<String> = keys.iter().map(|&at| counts[at as usize].to_string()).collect();
            let values: Column = values.iter().map(|value| Some(value.as_bytes())).collect();
            result.states.push(StateUpdate { state: 0, keys, values });
        }
        Ok(result)
    }
}

fn parse(bytes: Option<&[u8]>) -> u64 {
    bytes.map_or(0, |bytes| std::str::from_utf8(bytes).unwrap().parse().unwrap())
}

fn empty() -> BatchResult {
    BatchResult {
        consumed: 0,
        stopped: None,
        outputs: OutputBatch {
            sources: Vec::new(),
            ports: Vec::new(),
            keys: None,
            values: Column::default(),
            event_times: Vec::new(),
            partitions: Vec::new(),
            headers: None,
        },
        states: Vec::new(),
        rejects: Vec::new(),
    }
}

/// One entity between topics `in` and `out`, with a dead-letter topic.
pub(super) struct Bench {
    pub(super) log: Arc<dyn Log>,
    pub(super) state: Arc<dyn StateStore>,
    pub(super) entity: EntityDocument,
    pub(super) stateful: bool,
    pub(super) calls: Arc<Mutex<Vec<usize>>>,
}

pub(super) const PARTITIONS: u32 = 3;

impl Bench {
    /// Over an embedded log and state in memory.
    pub(super) fn new(delivery: Delivery) -> Self {
        Self::with_topics_of(delivery, PARTITIONS)
    }

    /// The same, where topics have other partitions than the entity knows of.
    pub(super) fn with_topics_of(delivery: Delivery, partitions: u32) -> Self {
        Self::over(delivery, partitions, EmbeddedOptions::default())
    }

    pub(super) fn over(delivery: Delivery, partitions: u32, options: EmbeddedOptions) -> Self {
        let db = Database::memory();
        // Nothing waits for an open transaction to end: whoever asks is told so and asks again.
        let options = EmbeddedOptions { stable_wait: Duration::ZERO, ..options };
        let log = EmbeddedLog::open(db.clone(), options).unwrap();
        for topic in ["in", "in2", "out", "dead"] {
            let spec = TopicSpec { name: topic.to_owned(), partitions, ..TopicSpec::default() };
            log.topics().create(&spec).unwrap();
            // A group that never commits: everything stays readable.
            log.expect_group("keeper", topic);
        }
        let state = EmbeddedState::open(db, Journal::Shared).unwrap();
        let entity = EntityDocument {
            id: "counter".to_owned(),
            function: "native".to_owned(),
            inputs: vec![InputDocument { topic: "in".to_owned(), start: Default::default() }],
            outputs: vec![Some("out".to_owned())],
            assignment: Default::default(),
            partitions: (0..PARTITIONS).collect(),
            partition_count: PARTITIONS,
            lanes: 2,
            delivery,
            settings: BTreeMap::new(),
            retry: Retry { attempts: 5, backoff_ms: 1, max_backoff_ms: 4 },
            on_failure: OnFailure::DeadLetter,
            dead_letter_topic: "dead".to_owned(),
            on_state_loss: Default::default(),
            on_partition_change: Default::default(),
            on_offset_out_of_range: Default::default(),
            limits: Limits { batch_records: 16, ..Limits::default() },
            commit_interval_ms: 5,
            stall_after_ms: None,
        };
        let (log, state): (Arc<dyn Log>, Arc<dyn StateStore>) = (Arc::new(log), Arc::new(state));
        Self { log, state, entity, stateful: true, calls: Arc::default() }
    }

    pub(super) fn start(&self) -> Host {
        let backends = Backends { log: self.log.clone(), state: self.state.clone() };
        Host::start(self.document(1), self.programs(), backends).unwrap()
    }

    /// A document of the one entity.
    pub(super) fn document(&self, generation: u64) -> HostDocument {
        HostDocument {
            generation,
            deployment: "test".to_owned(),
            prefix: "invoker".to_owned(),
            host: "local".to_owned(),
            kafka: None,
            redis: None,
            registry: None,
            require_signature: Vec::new(),
            data: None,
            entities: vec![self.entity.clone()],
        }
    }

    pub(super) fn programs(&self) -> Programs {
        let mut program = Counter::new(self.stateful);
        program.calls = self.calls.clone();
        Programs::from([(self.entity.id.clone(), Arc::new(program) as Arc<dyn Program>)])
    }

    /// Writes records to `topic`: key and word; the key's first byte picks the partition.
    pub(super) fn feed<'a>(&self, topic: &str, records: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let mut producer = self.log.producer("feeder").unwrap();
        let (handle, _) = producer.open(topic).unwrap();
        let partitions = self.partitions(topic);
        producer.begin().unwrap();
        for (key, word) in records {
            let headers = [(&b"trace"[..], Some(key.as_bytes()))];
            let record = RecordRef {
                key: (!key.is_empty()).then_some(key.as_bytes()),
                value: Some(word.as_bytes()),
                timestamp: 1_000,
                headers: &headers,
            };
            let partition = u32::from(key.bytes().next().unwrap_or(0)) % partitions;
            producer.write(handle, partition, record).unwrap();
        }
        assert_eq!(producer.commit(), crate::log::Commit::Committed);
    }

    /// Runs until every input is done (or its partition stopped), then stops.
    pub(super) fn drain(&self) {
        let host = self.start();
        wait(|| {
            let status = host.status();
            status.entities.iter().flat_map(|entity| &entity.partitions).all(|partition| {
                matches!(partition.state, PartitionState::Stopped { .. })
                    || (partition.state == PartitionState::Running
                        && partition.lag == Some(0)
                        && !partition.committed.is_empty())
            })
        });
        host.stop(Duration::from_secs(10)).unwrap();
    }

    /// Whether every record of the input is accounted for, by whatever host.
    pub(super) fn is_done(&self) -> bool {
        let source = self.log.source().unwrap();
        (0..self.partitions("in")).all(|partition| {
            let tp = TopicPartition { topic: "in".to_owned(), partition };
            let committed = source.committed("invoker.test.counter", &tp);
            committed.is_ok_and(|committed| {
                committed.is_some_and(|committed| committed.offset == source.bounds(&tp).unwrap().1)
            })
        })
    }

    /// Everything in a topic, per partition.
    pub(super) fn read(&self, topic: &str) -> Vec<RecordBatch> {
        (0..self.partitions(topic)).map(|partition| self.read_partition(topic, partition)).collect()
    }

    pub(super) fn partitions(&self, topic: &str) -> u32 {
        self.log.topics().describe(topic).unwrap().unwrap().partitions
    }

    fn read_partition(&self, topic: &str, partition: u32) -> RecordBatch {
        let mut source = self.log.source().unwrap();
        let tp = TopicPartition { topic: topic.to_owned(), partition };
        let (start, end) = source.bounds(&tp).unwrap();
        let slot = source.assign(&tp, start).unwrap();
        let (mut all, mut batch) = (RecordBatch::default(), RecordBatch::default());
        while source.position(slot) < end {
            let limit = PollLimit { records: 1000, bytes: 1 << 20 };
            source.poll(limit, Duration::from_secs(1), &mut batch).unwrap();
            for at in 0..batch.len() {
                let headers: Vec<_> = batch.headers.of(at).collect();
                let (key, value) = (batch.keys.get(at), batch.values.get(at));
                all.push(
                    batch.offsets[at],
                    RecordRef { key, value, timestamp: batch.timestamps[at], headers: &headers },
                );
            }
        }
        all
    }

    /// Key and value of everything in `out`, in order within a key.
    pub(super) fn outputs(&self) -> BTreeMap<String, Vec<String>> {
        let mut outputs: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for batch in self.read("out") {
            for at in 0..batch.len() {
                let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or(b"").to_vec()).unwrap();
                let value = text(batch.values.get(at)).trim_end().to_owned();
                outputs.entry(text(batch.keys.get(at))).or_default().push(value);
            }
        }
        outputs
    }

    /// Value and named headers of the dead letters of a partition.
    pub(super) fn dead(&self) -> Vec<BTreeMap<String, String>> {
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or(b"")).into_owned();
        self.read("dead")
            .iter()
            .flat_map(|batch| {
                (0..batch.len()).map(move |at| {
                    let headers = batch.headers.of(at);
                    let mut letter: BTreeMap<_, _> =
                        headers.map(|(name, value)| (text(Some(name)), text(value))).collect();
                    letter.insert("value".to_owned(), text(batch.values.get(at)));
                    letter.insert("key".to_owned(), text(batch.keys.get(at)));
                    letter
                })
            })
            .collect()
    }
}

/// Waits for a condition; fails after half a minute.
pub(super) fn wait(done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(30), "waited half a minute in vain");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The counts that every key must go through: 1, 2, … n.
pub(super) fn up_to(n: u64) -> Vec<String> {
    (1..=n).map(|count| count.to_string()).collect()
}
