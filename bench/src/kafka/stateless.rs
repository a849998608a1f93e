//! Copying a topic through a component, beside loops by hand.

use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::contender::{Contender, Seen};
use super::copy::By;
use super::host::{self, Entity};
use super::place::Place;
use super::{Setup, medians};
use crate::report::{Report, Row};

pub(super) const PARTITIONS: u32 = 6;
const BYTES: usize = 100;
const HEADER: (&str, &str) = ("traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01");

/// Who runs: a component, or a loop by hand.
#[derive(Clone, Copy)]
pub(super) enum Who {
    Component(&'static str),
    Loop(By),
}

/// What is copied, and how.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    input: &'static str,
    exactly_once: bool,
    log_append_time: bool,
}

const CASES: [Case; 5] = [
    Case { name: "at-least-once", input: "plain", exactly_once: false, log_append_time: false },
    Case { name: "exactly-once", input: "plain", exactly_once: true, log_append_time: false },
    Case { name: "at-least-once, a header", input: "headers", exactly_once: false, log_append_time: false },
    Case { name: "exactly-once, a header", input: "headers", exactly_once: true, log_append_time: false },
    Case { name: "exactly-once, LogAppendTime", input: "plain", exactly_once: true, log_append_time: true },
];

impl Case {
    fn contenders(self) -> Vec<(&'static str, Who)> {
        let ours = [("identity", Who::Component("raw_identity")), ("map", Who::Component("raw_map_sdk"))];
        let mut all = vec![("loop: record by record", Who::Loop(By::Records))];
        if self.input == "plain" {
            all.push(("loop: batches, no time", Who::Loop(By::Batches)));
            all.push(("loop: the crate, no time", Who::Loop(By::Crate)));
        }
        all.extend(ours);
        all
    }
}

pub(super) fn run(place: &Place, setup: &Setup) -> Result<Report> {
    let records = setup.records;
    place.make_topic("plain", PARTITIONS as i32, &[])?;
    place.make_topic("headers", PARTITIONS as i32, &[])?;
    place.fill("plain", records, None, value)?;
    place.fill("headers", records, Some(HEADER), value)?;
    let mut rows = Vec::new();
    for case in CASES {
        let contenders = case.contenders();
        let mut seen = vec![Vec::new(); contenders.len()];
        for round in 0..setup.rounds {
            for ((name, who), seen) in contenders.iter().zip(&mut seen) {
                if !name.contains(&setup.only) {
                    continue;
                }
                let id = format!("{}-{round}-{}", case.name, name).replace([' ', ',', ':'], "");
                let found = contender(place, setup, case, *who, &id)?.run(place)?;
                super::progress(case.name, name, &found);
                seen.push(found);
            }
        }
        rows.extend(table(case, &contenders, &seen));
    }
    place.remove_topics(&["plain", "headers"])?;
    Ok(Report { name: "kafka-stateless", rows })
}

/// Copies all that lies in a topic.
fn contender(place: &Place, setup: &Setup, case: Case, who: Who, id: &str) -> Result<Contender> {
    let output = format!("{id}.out");
    let settings: &[_] =
        if case.log_append_time { &[("message.timestamp.type", "LogAppendTime")] } else { &[] };
    place.make_topic(&output, PARTITIONS as i32, settings)?;
    let every = case.exactly_once.then_some(100);
    let (command, group) = copying(place, setup, who, id, [case.input, &output], every)?;
    Ok(Contender { command, stages: vec![(group, case.input.to_owned())], output })
}

/// The command that copies one topic to another, and the group of its positions. `exactly_once` is the milliseconds between its
/// commits.
pub(super) fn copying(
    place: &Place,
    setup: &Setup,
    who: Who,
    id: &str,
    [input, output]: [&str; 2],
    exactly_once: Option<u64>,
) -> Result<(Command, String)> {
    match who {
        Who::Loop(by) => {
            let mut command = Command::new(std::env::current_exe()?);
            let by = by.to_possible_value().context("a name")?;
            command.args(["copy", "--kafka", &place.kafka.address(), "--input", input, "--output", output]);
            command.args(["--group", id, "--by", by.get_name()]);
            if let Some(interval) = exactly_once {
                command.args(["--exactly-once", "--interval", &interval.to_string()]);
            }
            Ok((command, id.to_owned()))
        }
        Who::Component(function) => {
            let delivery = match exactly_once {
                Some(interval) => {
                    ["delivery: exactly-once".to_owned(), format!("commitIntervalMs: {interval}")]
                }
                None => ["delivery: at-least-once".to_owned(), "commitIntervalMs: 100".to_owned()],
            };
            let entity = Entity {
                id: "copy",
                function: &setup.guests.join(format!("{function}.wasm")),
                input,
                output,
                partitions: PARTITIONS,
                lanes: 1,
                more: &delivery,
            };
            Ok((host::command(place, &setup.invoker, id, &[entity])?, format!("invoker.{id}.copy")))
        }
    }
}

/// Every contender with its medians, and what those of ours are beside the loops.
fn table(case: Case, contenders: &[(&'static str, Who)], seen: &[Vec<Seen>]) -> Vec<Row> {
    let seen: Vec<_> = seen.iter().map(|seen| medians(seen)).collect();
    let mut rows = Vec::new();
    let of = |wanted: By| {
        let at = contenders.iter().position(|(_, who)| matches!(who, Who::Loop(by) if *by == wanted));
        at.and_then(|at| seen.get(at)).copied().unwrap_or_default()
    };
    let (records, batches, by_crate) = (of(By::Records), of(By::Batches), of(By::Crate));
    for ((name, who), found) in contenders.iter().zip(&seen) {
        let what = |figure: &str| format!("{}: {name}: {figure}", case.name);
        rows.push(Row::new(what("rate"), found.rate, "records/s"));
        rows.push(Row::new(what("own processor time"), found.cpu, "µs/record"));
        rows.push(Row::new(what("broker's processor time"), found.kafka, "µs/record"));
        rows.push(Row::new(what("memory"), found.memory, "MiB"));
        rows.push(Row::new(what("output"), found.output as f64, "records"));
        if matches!(who, Who::Loop(_)) {
            continue;
        }
        if case.log_append_time {
            rows.push(Row::new(what("rate over batches"), found.rate / batches.rate, "×").at_least(0.8));
            continue;
        }
        rows.push(
            Row::new(what("rate over record by record"), found.rate / records.rate, "×").at_least(0.85),
        );
        rows.push(Row::new(what("time over record by record"), found.cpu / records.cpu, "×").at_most(1.2));
        if case.input == "plain" {
            rows.push(Row::new(what("rate over the crate"), found.rate / by_crate.rate, "×").at_least(1.0));
        }
    }
    rows
}

/// A number, and letters that do not compress to nothing.
fn value(number: u64, into: &mut Vec<u8>) {
    into.extend_from_slice(format!("{number:020}").as_bytes());
    let mut mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    while into.len() < BYTES {
        mixed ^= mixed << 13;
        mixed ^= mixed >> 7;
        mixed ^= mixed << 17;
        into.push(b'a' + (mixed % 26) as u8);
    }
}
