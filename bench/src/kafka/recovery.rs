//! A word count with a million words is killed while lines come, and started again at once: how long until a read-committed
//! reader has the next count. Kafka Streams restores its store; a host reads its state from Redis as it needs it.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::BaseProducer;
use rdkafka::{Offset, TopicPartitionList};

use super::Setup;
use super::client::{Batches, Writer};
use super::contender::Running;
use super::place::{Place, Progress, consumer, producer};
use super::stateless::PARTITIONS;
use super::wordcount::{java, ours};
use crate::report::{Report, Row, median};

const WORDS: u64 = 1_000_000;
const INPUT: &str = "one-word-lines";
const PATIENCE: Duration = Duration::from_secs(180);
/// By then all that was committed before the kill has come, and nothing from behind it.
const LATE: Duration = Duration::from_millis(50);

pub(super) fn run(place: &Place, setup: &Setup) -> Result<Report> {
    place.make_topic(INPUT, PARTITIONS as i32, &[])?;
    place.fill(INPUT, WORDS, None, |number, line| {
        line.extend_from_slice(format!("word{number}").as_bytes());
    })?;
    let (words, output) = ("recovery.words", "recovery.out");
    for topic in [words, output] {
        place.make_topic(topic, PARTITIONS as i32, &[])?;
    }
    let command = || ours(place, setup, "recovery", [INPUT, words, output]);
    let stages = [("invoker.recovery.split", INPUT), ("invoker.recovery.count", words)];
    let own = times(place, setup, "Invoker", &command, stages, output)?;
    let (id, output) = ("recoveryStreams", "recovery.streams");
    place.make_topic(output, PARTITIONS as i32, &[])?;
    let command = || Ok(java(place, setup, "streams", &[INPUT, output, id], &["2", "0", "100"]));
    let between = format!("{id}-words-repartition");
    let streams = times(place, setup, "Kafka Streams", &command, [(id, INPUT), (id, &between)], output)?;
    let rows = vec![
        Row::new("Invoker: kill to next output", own, "s").at_most(2.0),
        Row::new("Kafka Streams: kill to next output", streams, "s"),
        Row::new("Kafka Streams over Invoker", streams / own, "×").at_least(5.0),
    ];
    Ok(Report { name: "kafka-recovery", rows })
}

/// The median of several kills, seconds.
fn times(
    place: &Place,
    setup: &Setup,
    name: &str,
    command: &dyn Fn() -> Result<Command>,
    stages: [(&str, &str); 2],
    output: &str,
) -> Result<f64> {
    let start = || -> Result<Running> {
        let mut command = command()?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Running(command.spawn().context("start a contender")?))
    };
    let mut process = start()?;
    wait_for(name, || Ok(all_done(place, stages).unwrap_or(false)))?;
    let mut found = Vec::new();
    for _ in 0..setup.rounds {
        let stop = AtomicBool::new(false);
        let took = std::thread::scope(|scope| {
            let feeds = scope.spawn(|| feed(&place.kafka.address(), &stop));
            let took = (|| {
                let reader: BaseConsumer = consumer(&place.kafka.address(), "invoker-bench").create()?;
                let mut batches = at_end(place, &reader, output)?;
                let mut count = 0;
                wait_for(name, || {
                    count += batches.take(Duration::from_millis(5))?.len();
                    Ok(count >= 2_000)
                })?;
                process.0.kill()?;
                let began = Instant::now();
                process = start()?;
                while began.elapsed() < LATE {
                    batches.take(Duration::from_millis(5))?;
                }
                let mut came = false;
                wait_for(name, || {
                    came |= !batches.take(Duration::from_millis(5))?.is_empty();
                    Ok(came)
                })?;
                Ok(began.elapsed())
            })();
            stop.store(true, Ordering::Relaxed);
            feeds.join().map_err(|_| anyhow::anyhow!("the feed panicked"))??;
            took
        });
        let took: Result<Duration> = took;
        let seconds = took?.as_secs_f64();
        print(name, seconds);
        found.push(seconds);
    }
    Ok(median(&mut found))
}

#[expect(clippy::print_stdout, reason = "a bench of minutes says what it does")]
fn print(name: &str, seconds: f64) {
    println!("{name:<26} kill -9 to the next output: {seconds:.2} s");
}

fn wait_for(name: &str, mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    let began = Instant::now();
    while !done()? {
        ensure!(began.elapsed() < PATIENCE, "{name} did not get on within {PATIENCE:?}");
    }
    Ok(())
}

fn all_done(place: &Place, stages: [(&str, &str); 2]) -> Result<bool> {
    std::thread::sleep(Duration::from_millis(50));
    for (group, topic) in stages {
        if !Progress::of(place, group, topic)?.done()?.1 {
            return Ok(false);
        }
    }
    Ok(true)
}

fn at_end<'a>(place: &Place, reader: &'a BaseConsumer, topic: &str) -> Result<Batches<'a>> {
    let mut list = TopicPartitionList::new();
    for (partition, end) in place.ends(topic)?.into_iter().enumerate() {
        list.add_partition_offset(topic, partition as i32, Offset::Offset(end))?;
    }
    reader.assign(&list)?;
    Batches::of(reader)
}

/// A line each millisecond.
fn feed(kafka: &str, stop: &AtomicBool) -> Result<()> {
    let producer: BaseProducer = producer(kafka, None).create()?;
    let writer = Writer::to(&producer, INPUT)?;
    for number in 0u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let line = format!("word{}", number.wrapping_mul(7_919) % WORDS);
        writer.write_new((number % u64::from(PARTITIONS)) as i32, None, line.as_bytes(), None)?;
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}
