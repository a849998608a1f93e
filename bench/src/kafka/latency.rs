//! From a record's writing to the moment a read-committed reader has its copy, at about half of the load that the slowest
//! contender sustains.

use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::BaseProducer;
use rdkafka::{Offset, TopicPartitionList};

use super::Setup;
use super::client::{Batches, Writer};
use super::contender::{Contender, Running};
use super::copy::By;
use super::place::{Place, consumer, producer};
use super::stateless::{PARTITIONS, Who, copying};
use crate::report::{Report, Row, median};

const BYTES: usize = 100;
/// Half of what it sustains, of what it copies where all of it lies there and nobody reads the copy: writer, reader and
/// broker take more of the same cores than it does.
const SHARE: f64 = 0.2;
/// Records are written in portions, one in so long a time.
const BEAT: Duration = Duration::from_millis(1);
const WARM: Duration = Duration::from_secs(3);
const LASTS: Duration = Duration::from_secs(12);
const PATIENCE: Duration = Duration::from_secs(60);

const MAP: Who = Who::Component("raw_map_sdk");
const LOOP: Who = Who::Loop(By::Records);
const CONTENDERS: [(&str, Who, Option<u64>); 6] = [
    ("at-least-once: loop", LOOP, None),
    ("at-least-once: map", MAP, None),
    ("exactly-once, 100 ms: loop", LOOP, Some(100)),
    ("exactly-once, 100 ms: map", MAP, Some(100)),
    ("exactly-once, 20 ms: loop", LOOP, Some(20)),
    ("exactly-once, 20 ms: map", MAP, Some(20)),
];

/// Milliseconds.
#[derive(Clone, Copy, Debug)]
struct Latency {
    p50: f64,
    p99: f64,
    p999: f64,
}

pub(super) fn run(place: &Place, setup: &Setup) -> Result<Report> {
    let load = sustained(place, setup)? * SHARE;
    let mut rows = vec![Row::new("load", load, "records/s")];
    let mut loop_p99 = f64::NAN;
    for (at, (name, who, exactly_once)) in CONTENDERS.into_iter().enumerate() {
        let mut seen = Vec::new();
        for round in 0..setup.rounds {
            let found = one(place, setup, who, &format!("latency{at}-{round}"), exactly_once, load)?;
            print(name, found);
            seen.push(found);
        }
        let of = |figure: fn(&Latency) -> f64| median(&mut seen.iter().map(figure).collect::<Vec<_>>());
        let p99 = of(|seen| seen.p99);
        rows.push(Row::new(format!("{name}: p50"), of(|seen| seen.p50), "ms"));
        let row = Row::new(format!("{name}: p99"), p99, "ms");
        match (who, exactly_once) {
            (Who::Loop(_), None) => {
                loop_p99 = p99;
                rows.push(row);
            }
            (_, None) => rows.push(row.at_most((1.5 * loop_p99).max(10.0))),
            _ => rows.push(row),
        }
        rows.push(Row::new(format!("{name}: p99.9"), of(|seen| seen.p999), "ms"));
    }
    Ok(Report { name: "kafka-latency", rows })
}

#[expect(clippy::print_stdout, reason = "a bench of minutes says what it does")]
fn print(name: &str, found: Latency) {
    println!("{name:<30} p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms", found.p50, found.p99, found.p999);
}

/// Records per second of the map exactly once, the dearest of the contenders, when all of its input is there.
fn sustained(place: &Place, setup: &Setup) -> Result<f64> {
    let [input, output] = ["sustained.in", "sustained.out"];
    place.make_topic(input, PARTITIONS as i32, &[])?;
    place.make_topic(output, PARTITIONS as i32, &[])?;
    place.fill(input, setup.records.min(3_000_000), None, |_, value| value.resize(BYTES, b'x'))?;
    let (command, group) = copying(place, setup, MAP, "sustained", [input, output], Some(100))?;
    let contender = Contender { command, stages: vec![(group, input.to_owned())], output: output.to_owned() };
    let rate = contender.run(place)?.rate;
    place.remove_topics(&[input])?;
    Ok(rate)
}

fn one(
    place: &Place,
    setup: &Setup,
    who: Who,
    id: &str,
    exactly_once: Option<u64>,
    load: f64,
) -> Result<Latency> {
    let (input, output) = (format!("{id}.in"), format!("{id}.out"));
    for topic in [&input, &output] {
        place.make_topic(topic, PARTITIONS as i32, &[])?;
    }
    let (mut command, _) = copying(place, setup, who, id, [&input, &output], exactly_once)?;
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = Running(command.spawn().context("start a contender")?);
    let began = Instant::now();
    let stop = AtomicBool::new(false);
    let times = std::thread::scope(|scope| {
        let writes = scope.spawn(|| write(&place.kafka.address(), &input, load, began, &stop));
        let times = read(&place.kafka.address(), &output, began);
        stop.store(true, Ordering::Relaxed);
        writes.join().map_err(|_| anyhow::anyhow!("the writer panicked"))??;
        times
    });
    drop(process);
    place.remove_topics(&[&input, &output])?;
    let mut times = times?;
    times.sort_unstable();
    let at = |share: f64| {
        let at = ((times.len() - 1) as f64 * share) as usize;
        times.get(at).copied().unwrap_or_default() as f64 / 1e3
    };
    Ok(Latency { p50: at(0.5), p99: at(0.99), p999: at(0.999) })
}

/// Writes at an even rate; a value begins with the microseconds since `began`.
fn write(kafka: &str, topic: &str, load: f64, began: Instant, stop: &AtomicBool) -> Result<()> {
    let producer: BaseProducer = producer(kafka, None).set("linger.ms", "1").create()?;
    let writer = Writer::to(&producer, topic)?;
    let (start, mut written) = (Instant::now(), 0u64);
    let mut value = [b'x'; BYTES];
    while !stop.load(Ordering::Relaxed) {
        let due = (start.elapsed().as_secs_f64() * load) as u64;
        for number in written..due {
            let now = began.elapsed().as_micros() as u64;
            value[..8].copy_from_slice(&now.to_be_bytes());
            writer.write_new((number % u64::from(PARTITIONS)) as i32, None, &value, None)?;
        }
        written = due;
        std::thread::sleep(BEAT);
    }
    Ok(())
}

/// Microseconds of each record that comes within the time measured.
fn read(kafka: &str, topic: &str, began: Instant) -> Result<Vec<u32>> {
    let reader: BaseConsumer = consumer(kafka, "invoker-bench").create()?;
    let mut list = TopicPartitionList::new();
    for partition in 0..PARTITIONS as i32 {
        list.add_partition_offset(topic, partition, Offset::Offset(0))?;
    }
    reader.assign(&list)?;
    let mut batches = Batches::of(&reader)?;
    let (mut first, mut times) = (None, Vec::new());
    loop {
        for message in batches.take(Duration::from_millis(100))? {
            let now = began.elapsed();
            let since = *first.get_or_insert(now);
            if now >= since + WARM {
                let written = message.value().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
                times.push((now.as_micros() as u64).saturating_sub(written) as u32);
            }
            if now >= since + WARM + LASTS {
                return Ok(times);
            }
        }
        ensure!(first.is_some() || began.elapsed() < PATIENCE, "nothing came within {PATIENCE:?}");
    }
}
