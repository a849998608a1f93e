//! The whole embedded word count (two entities, components, exactly once, keyed state) beside the same job written by
//! hand in plain Rust on the same embedded log: same topics, same threads, same commit interval, counts in a hash map.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use invoker_core::document::{
    Delivery, EntityDocument, HostDocument, InputDocument, Limits, OnFailure, OnStateLoss, Retry,
    StartPosition,
};
use invoker_core::partitioner::partition_of;
use invoker_core::records::{RecordBatch, RecordRef};
use invoker_engine::{Engine, EngineOptions};
use invoker_host::db::{Database, Durability};
use invoker_host::log::{Commit, Committed, EmbeddedLog, Log, PollLimit, TopicPartition, TopicSpec};
use invoker_host::program::Program;
use invoker_host::state::{EmbeddedState, Journal};
use invoker_host::{Backends, Host};

use crate::native::{Counts, decimal, words};
use crate::report::{Report, Row, median};

const LINES: usize = 300_000;
const PARTITIONS: u32 = 6;
const LANES: u32 = 2;
const INTERVAL: Duration = Duration::from_millis(100);

pub(crate) fn run(guests: &Path, rounds: usize) -> Result<Report> {
    let lines = lines();
    let engine = Engine::new(EngineOptions::default())?;
    let mut programs = BTreeMap::new();
    for name in ["split", "count"] {
        let path = guests.join(format!("wordcount_{name}.wasm"));
        let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        programs.insert(name.to_owned(), Arc::new(engine.load(&bytes)?) as Arc<dyn Program>);
    }
    let mut rows = Vec::new();
    for (place, on_disk) in [("in memory", false), ("on disk", true)] {
        let (mut ours, mut plain, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds.div_ceil(3) {
            let a = LINES as f64
                / with_log(on_disk, &lines, &[("invoker.bench.split", "lines")], |db, log| {
                    components(db, log, &programs)
                })?
                .as_secs_f64();
            let b = LINES as f64
                / with_log(on_disk, &lines, &[("split", "lines"), ("count", "words")], |_, log| {
                    by_hand(log)
                })?
                .as_secs_f64();
            ours.push(a);
            plain.push(b);
            ratios.push(a / b);
        }
        rows.push(Row::new(format!("word count {place}: components"), median(&mut ours), "lines/s"));
        rows.push(Row::new(
            format!("word count {place}: plain Rust, same log"),
            median(&mut plain),
            "lines/s",
        ));
        rows.push(Row::new(format!("word count {place}: ratio"), median(&mut ratios), "×").at_least(0.6));
    }
    Ok(Report { name: "wordcount", rows })
}

/// Lines of seven words out of 50 000, some far more often than others.
fn lines() -> Vec<String> {
    let mut seed = 7u64;
    let mut next = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as f64 / f64::from(1u32 << 31)
    };
    let line =
        |_| (0..7).map(|_| format!("word{}", (50_000f64.powf(next())) as u32)).collect::<Vec<_>>().join(" ");
    (0..LINES).map(line).collect()
}

/// Runs `job` on a fresh log that holds the lines; what it takes is its own time.
fn with_log(
    on_disk: bool,
    lines: &[String],
    groups: &[(&str, &str)],
    job: impl FnOnce(&Database, Arc<EmbeddedLog>) -> Result<Duration>,
) -> Result<Duration> {
    let dir = tempfile::tempdir()?;
    let db = if on_disk { Database::open(dir.path(), Durability::Commit)? } else { Database::memory() };
    let log = Arc::new(EmbeddedLog::open(db.clone(), Default::default())?);
    // In memory the records wait for the groups of the job.
    for (group, topic) in groups {
        log.expect_group(group, topic);
    }
    for topic in ["lines", "words", "counts", "dead"] {
        log.topics().create(&TopicSpec {
            name: topic.to_owned(),
            partitions: PARTITIONS,
            ..TopicSpec::default()
        })?;
    }
    let mut producer = log.producer("feeder")?;
    let (handle, _) = producer.open("lines")?;
    for (chunk, lines) in lines.chunks(10_000).enumerate() {
        producer.begin()?;
        for line in lines {
            let record = RecordRef { key: None, value: Some(line.as_bytes()), timestamp: 0, headers: &[] };
            producer.write(handle, chunk as u32 % PARTITIONS, record)?;
        }
        ensure!(producer.commit() == Commit::Committed, "the lines were not committed");
    }
    job(&db, log)
}

fn components(
    db: &Database,
    log: Arc<EmbeddedLog>,
    programs: &BTreeMap<String, Arc<dyn Program>>,
) -> Result<Duration> {
    let document = HostDocument {
        generation: 1,
        deployment: "bench".to_owned(),
        prefix: "invoker".to_owned(),
        host: "local".to_owned(),
        kafka: None,
        redis: None,
        registry: None,
        require_signature: Vec::new(),
        data: None,
        entities: vec![entity("split", "lines", "words"), entity("count", "words", "counts")],
    };
    let state = Arc::new(EmbeddedState::open(db.clone(), Journal::Shared)?);
    let began = Instant::now();
    let host = Host::start(document, programs.clone(), Backends { log, state })?;
    loop {
        let status = host.status();
        // The second entity's lag says nothing until the first one is done.
        if status.entities.iter().all(|entity| {
            entity.lag == Some(0) && entity.partitions.iter().all(|partition| !partition.committed.is_empty())
        }) && status.entities.first().is_some_and(|entity| entity.records_in >= LINES as u64)
        {
            break;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let took = began.elapsed();
    host.stop(Duration::from_secs(10))?;
    Ok(took)
}

fn entity(id: &str, input: &str, output: &str) -> EntityDocument {
    EntityDocument {
        id: id.to_owned(),
        function: id.to_owned(),
        inputs: vec![InputDocument { topic: input.to_owned(), start: StartPosition::Earliest }],
        outputs: vec![Some(output.to_owned())],
        assignment: Default::default(),
        partitions: (0..PARTITIONS).collect(),
        partition_count: PARTITIONS,
        lanes: LANES,
        delivery: Delivery::ExactlyOnce,
        settings: BTreeMap::new(),
        retry: Retry::default(),
        on_failure: OnFailure::DeadLetter,
        dead_letter_topic: "dead".to_owned(),
        on_state_loss: OnStateLoss::Fail,
        on_partition_change: Default::default(),
        on_offset_out_of_range: Default::default(),
        limits: Limits::default(),
        commit_interval_ms: INTERVAL.as_millis() as u64,
        stall_after_ms: None,
    }
}

/// Two stages of two threads each, exactly once by the log's transactions.
fn by_hand(log: Arc<EmbeddedLog>) -> Result<Duration> {
    let began = Instant::now();
    let split_done = std::sync::atomic::AtomicU32::new(0);
    std::thread::scope(|scope| -> Result<()> {
        let mut threads = Vec::new();
        for lane in 0..LANES {
            let (log, done) = (&log, &split_done);
            threads.push(scope.spawn(move || {
                let ended = stage(log, "split", lane, ["lines", "words"], || true, split);
                done.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                ended
            }));
            let upstream_done = move || done.load(std::sync::atomic::Ordering::SeqCst) == LANES;
            threads.push(scope.spawn(move || {
                let mut counts = Counts::default();
                stage(log, "count", lane, ["words", "counts"], upstream_done, |batch, write| {
                    count(batch, &mut counts, write)
                })
            }));
        }
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?)
    })?;
    Ok(began.elapsed())
}

type Write<'a> = &'a mut dyn FnMut(RecordRef<'_>) -> Result<()>;

/// Reads this lane's partitions of a topic to the end, committing outputs and positions together.
fn stage(
    log: &Arc<EmbeddedLog>,
    name: &str,
    lane: u32,
    [input, output]: [&str; 2],
    upstream_done: impl Fn() -> bool,
    mut work: impl FnMut(&RecordBatch, Write<'_>) -> Result<()>,
) -> Result<()> {
    let mut source = log.source()?;
    let mut producer = log.producer(&format!("{name}-{lane}"))?;
    let (handle, partitions) = producer.open(output)?;
    let tps: Vec<_> = (lane..PARTITIONS)
        .step_by(LANES as usize)
        .map(|partition| TopicPartition { topic: input.to_owned(), partition })
        .collect();
    let slots = tps.iter().map(|tp| source.assign(tp, 0)).collect::<Result<Vec<_>, _>>()?;
    let limit = PollLimit { records: 1024, bytes: 1 << 20 };
    let mut batch = RecordBatch::default();
    let mut open_since: Option<Instant> = None;
    loop {
        // Asked before the poll: what was written by then is seen by it.
        let last = upstream_done();
        let wait = if open_since.is_some() { Duration::ZERO } else { Duration::from_millis(5) };
        let polled = source.poll(limit, wait, &mut batch)?;
        if polled.is_some() {
            if open_since.is_none() {
                producer.begin()?;
                open_since = Some(Instant::now());
            }
            work(&batch, &mut |record| {
                let partition = record.key.map_or(0, |key| partition_of(key, partitions));
                Ok(producer.write(handle, partition, record)?)
            })?;
        }
        let due = open_since.is_some_and(|since| since.elapsed() >= INTERVAL || polled.is_none());
        if due {
            let at = |slot: &usize| Committed { offset: source.position(*slot), metadata: String::new() };
            let offsets: Vec<_> = tps.iter().cloned().zip(slots.iter().map(at)).collect();
            producer.add_offsets(name, &offsets)?;
            ensure!(producer.commit() == Commit::Committed, "a commit failed");
            open_since = None;
        } else if polled.is_none() && last {
            return Ok(());
        }
    }
}

fn split(batch: &RecordBatch, write: Write<'_>) -> Result<()> {
    let mut word = Vec::new();
    for (value, &timestamp) in batch.values.iter().zip(&batch.timestamps) {
        words(value.unwrap_or_default(), &mut word, |word| {
            write(RecordRef { key: Some(word), value: Some(word), timestamp, headers: &[] })
        })?;
    }
    Ok(())
}

fn count(batch: &RecordBatch, counts: &mut Counts, write: Write<'_>) -> Result<()> {
    for (key, &timestamp) in batch.keys.iter().zip(&batch.timestamps) {
        let count = counts.add(key.unwrap_or_default());
        write(RecordRef { key, value: Some(decimal(count, &mut [0; 20])), timestamp, headers: &[] })?;
    }
    Ok(())
}
