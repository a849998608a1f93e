//! Words of lines counted exactly once in two stages, every update written out, beside Kafka Streams and Flink. Each has two
//! threads that process.

use std::process::Command;

use anyhow::Result;

use super::contender::{Contender, Seen};
use super::host::{self, Entity};
use super::place::Place;
use super::{Setup, medians};
use crate::report::{Report, Row};

const PARTITIONS: u32 = 6;
const WORDS: u64 = 50_000;
/// Milliseconds from commit to commit, or from checkpoint to checkpoint.
const INTERVAL: &str = "100";
const INPUT: &str = "lines";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Invoker,
    Streams { cache: &'static str },
    Flink,
}

const CONTENDERS: [(&str, Who); 4] = [
    ("Invoker", Who::Invoker),
    ("Kafka Streams", Who::Streams { cache: "0" }),
    ("Kafka Streams, its cache on", Who::Streams { cache: "10485760" }),
    ("Flink", Who::Flink),
];

pub(super) fn run(place: &Place, setup: &Setup) -> Result<Report> {
    place.make_topic(INPUT, PARTITIONS as i32, &[])?;
    let mut mixed = 88_172_645_463_325_252u64;
    place.fill(INPUT, setup.lines, None, |_, line| {
        for word in 0..5 {
            mixed ^= mixed << 13;
            mixed ^= mixed >> 7;
            mixed ^= mixed << 17;
            let space = if word > 0 { " " } else { "" };
            line.extend_from_slice(format!("{space}word{}", mixed % WORDS).as_bytes());
        }
    })?;
    let mut seen = CONTENDERS.map(|_| Vec::new());
    for round in 0..setup.rounds {
        for ((name, who), seen) in CONTENDERS.into_iter().zip(&mut seen) {
            if !name.contains(&setup.only) {
                continue;
            }
            let found = one(place, setup, who, &format!("wc{round}{}", seen_name(name)))?;
            super::progress("word count", name, &found);
            seen.push(found);
        }
    }
    place.remove_topics(&[INPUT])?;
    let seen: Vec<_> = seen.iter().map(|seen| medians(seen)).collect();
    Ok(Report { name: "kafka-wordcount", rows: table(&seen) })
}

fn seen_name(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect()
}

fn one(place: &Place, setup: &Setup, who: Who, id: &str) -> Result<Seen> {
    let (output, words) = (format!("{id}.out"), format!("{id}.words"));
    place.make_topic(&output, PARTITIONS as i32, &[])?;
    let input = (id.to_owned(), INPUT.to_owned());
    match who {
        Who::Invoker => {
            place.make_topic(&words, PARTITIONS as i32, &[])?;
            let command = ours(place, setup, id, [INPUT, &words, &output])?;
            let stages = vec![
                (format!("invoker.{id}.split"), INPUT.to_owned()),
                (format!("invoker.{id}.count"), words.clone()),
            ];
            let seen = Contender { command, stages, output }.run(place)?;
            place.remove_topics(&[&words])?;
            Ok(seen)
        }
        Who::Streams { cache } => {
            let command = java(place, setup, "streams", &[INPUT, &output, id], &["2", cache, INTERVAL]);
            let between = format!("{id}-words-repartition");
            let seen = Contender { command, stages: vec![input, (id.to_owned(), between.clone())], output }
                .run(place)?;
            let changes = format!("{id}-KSTREAM-AGGREGATE-STATE-STORE-0000000002-changelog");
            place.remove_topics(&[&between, &changes])?;
            Ok(seen)
        }
        Who::Flink => {
            let command = java(place, setup, "flink", &[INPUT, &output, id], &["2", INTERVAL]);
            Contender { command, stages: vec![input], output }.run(place)
        }
    }
}

/// Both stages in one host.
pub(super) fn ours(
    place: &Place,
    setup: &Setup,
    id: &str,
    [input, words, output]: [&str; 3],
) -> Result<Command> {
    let [split, count] = ["split", "count"].map(|name| setup.guests.join(format!("wordcount_{name}.wasm")));
    let more = [format!("commitIntervalMs: {INTERVAL}")];
    let (partitions, lanes) = (PARTITIONS, 1);
    let entities = [
        Entity { id: "split", function: &split, input, output: words, partitions, lanes, more: &more },
        Entity { id: "count", function: &count, input: words, output, partitions, lanes, more: &more },
    ];
    host::command(place, &setup.invoker, id, &entities)
}

/// A Java program of `bench/peers/`: broker, topics and name, a folder, and what else it takes.
pub(super) fn java(place: &Place, setup: &Setup, peer: &str, names: &[&str], more: &[&str]) -> Command {
    let peer = setup.peers.join(peer);
    let id = names.last().copied().unwrap_or_default();
    let mut command = Command::new("java");
    command.arg("-cp").arg(format!("{0}/classes:{0}/lib/*", peer.display()));
    command.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-XX:-UsePerfData", "WordCount"]);
    command.arg(place.kafka.address()).args(names);
    command.arg(place.folder.path().join(format!("{id}.state"))).args(more);
    command
}

fn table(seen: &[Seen]) -> Vec<Row> {
    let mut rows = Vec::new();
    let ours = seen.first().copied().unwrap_or_default();
    for ((name, who), found) in CONTENDERS.into_iter().zip(seen) {
        let what = |figure: &str| format!("{name}: {figure}");
        rows.push(Row::new(what("rate"), found.rate, "lines/s"));
        rows.push(Row::new(what("own processor time"), found.cpu, "µs/line"));
        rows.push(Row::new(what("Redis' processor time"), found.redis, "µs/line"));
        rows.push(Row::new(what("broker's processor time"), found.kafka, "µs/line"));
        rows.push(Row::new(what("memory"), found.memory, "MiB"));
        rows.push(Row::new(what("output"), found.output as f64, "records"));
        if who == Who::Invoker {
            continue;
        }
        let time = (ours.cpu + ours.redis) / found.cpu;
        rows.push(Row::new(format!("Invoker with Redis over {name}: time"), time, "×").at_most(0.25));
        let rate = ours.rate / found.rate;
        rows.push(Row::new(format!("Invoker over {name}: rate"), rate, "×").at_least(3.0));
        let memory = ours.memory / found.memory;
        rows.push(Row::new(format!("Invoker over {name}: memory"), memory, "×").at_most(0.2));
    }
    rows
}
