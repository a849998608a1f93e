//! What a record costs of the allocator on its way from Kafka through a component to Kafka: nothing. What is allocated is
//! allocated per batch or per commit.

#![expect(clippy::unwrap_used, unsafe_code, reason = "a test that counts what the allocator is asked for")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use invoker_core::document;
use invoker_core::partitioner::partition_of;
use invoker_core::records::RecordRef;
use invoker_engine::{Engine, EngineOptions};
use invoker_host::log::{Commit, KafkaLog, KafkaOptions, Log, TopicSpec};
use invoker_host::program::Program;
use invoker_host::state::{RedisOptions, RedisState};
use invoker_host::{Backends, Host};
use invoker_tests::{built, servers};

const RECORDS: u64 = 300_000;
const KEYS: u64 = 1_000;
const PARTITIONS: u32 = 2;

/// Counts allocations of all threads that did not ask to be left out.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static LEFT_OUT: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: all of it is the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !LEFT_OUT.try_with(Cell::get).unwrap_or(true) {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn nothing_is_allocated_per_record() {
    LEFT_OUT.set(true);
    let log = KafkaLog::connect(KafkaOptions {
        bootstrap_servers: servers::kafka().unwrap(),
        ..KafkaOptions::default()
    });
    let log: Arc<dyn Log> = Arc::new(log.unwrap());
    let engine = Engine::new(EngineOptions::default()).unwrap();
    let input = format!("allocations-{:08x}", rand::random::<u32>());
    fill(log.as_ref(), &input);
    for (function, delivery) in
        [("raw_map_sdk", "exactly-once"), ("raw_map_sdk", "at-least-once"), ("raw_count_sdk", "exactly-once")]
    {
        let per_record = run(&log, &engine, &input, function, delivery);
        println!("{function}, {delivery}: {per_record:.4} allocations per record");
        assert!(per_record < 0.1, "{function}, {delivery}: {per_record} allocations per record");
    }
}

/// Allocations per record once a quarter of them is done.
fn run(log: &Arc<dyn Log>, engine: &Engine, input: &str, function: &str, delivery: &str) -> f64 {
    let deployment = format!("{input}-{function}-{delivery}");
    for topic in ["out", "dead"] {
        make(log.as_ref(), &format!("{deployment}.{topic}"));
    }
    let text = format!(
        "{{ generation: 1, deployment: {deployment}, host: h, kafka: {{ bootstrapServers: \"unused:1\" }}, redis: {{ url: \"redis://unused:1\" }}, \
         entities: [{{ id: a, function: a, inputs: [{{ topic: {input} }}], outputs: [{deployment}.out], \
         deadLetterTopic: {deployment}.dead, partitions: [0, 1], partitionCount: {PARTITIONS}, delivery: {delivery} }}] }}"
    );
    let document = document::read("host.yaml", text.as_bytes()).unwrap();
    let component = std::fs::read(built::guest(function).unwrap()).unwrap();
    let program: Arc<dyn Program> = Arc::new(engine.load(&component).unwrap());
    let redis = RedisOptions::new(vec![servers::redis().unwrap()]);
    let state = Arc::new(RedisState::connect(redis).unwrap());
    let programs = BTreeMap::from([("a".to_owned(), program)]);
    let host = Host::start(document, programs, Backends { log: log.clone(), state }).unwrap();
    let began = Instant::now();
    let reached = |records: u64| {
        loop {
            let done = host.status().entities.iter().map(|entity| entity.records_in).sum::<u64>();
            if done >= records {
                return (done, ALLOCATIONS.load(Ordering::Relaxed));
            }
            assert!(began.elapsed() < Duration::from_secs(120), "{done} of {RECORDS} records");
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let (first, before) = reached(RECORDS / 4);
    let (last, after) = reached(RECORDS * 9 / 10);
    host.stop(Duration::from_secs(20)).unwrap();
    (after - before) as f64 / (last - first) as f64
}

fn make(log: &dyn Log, topic: &str) {
    let spec = TopicSpec { name: topic.to_owned(), partitions: PARTITIONS, ..TopicSpec::default() };
    log.topics().create(&spec).unwrap();
}

fn fill(log: &dyn Log, topic: &str) {
    make(log, topic);
    let mut producer = log.producer(topic).unwrap();
    let (handle, partitions) = producer.open(topic).unwrap();
    producer.begin().unwrap();
    for number in 0..RECORDS {
        let (key, value) = (format!("key-{}", number % KEYS), format!("{number:0100}"));
        let record = RecordRef {
            key: Some(key.as_bytes()),
            value: Some(value.as_bytes()),
            timestamp: 1,
            headers: &[],
        };
        producer.write(handle, partition_of(key.as_bytes(), partitions), record).unwrap();
    }
    assert_eq!(producer.commit(), Commit::Committed);
}
