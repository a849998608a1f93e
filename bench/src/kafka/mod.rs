//! Invoker beside what else one could run on the same broker: loops by hand and other stream processors. Every contender is
//! a process of its own, watched from outside in the same way; rounds are interleaved and medians reported.

mod client;
mod contender;
mod copy;
mod host;
mod keyed;
mod latency;
mod place;
mod recovery;
mod stateless;
mod wordcount;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};

pub(crate) use copy::{Copy, run as run_copy};

use crate::report::{Report, median};
use contender::Seen;
use place::Place;

/// Options of the benches on Kafka.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Which to run; all where none is named.
    tables: Vec<Table>,
    /// Records that each contender gets.
    #[arg(long, default_value_t = 5_000_000)]
    records: u64,
    /// Lines that each contender gets to count the words of.
    #[arg(long, default_value_t = 3_000_000)]
    lines: u64,
    /// Only contenders with this in their names.
    #[arg(long, default_value = "")]
    only: String,
    /// Folder of the other stream processors.
    #[arg(long, default_value = "target/peers")]
    peers: PathBuf,
    /// Rounds of each comparison; medians are reported
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Table {
    /// A topic copied through a component, and by hand
    Stateless,
    /// Records counted by key
    Keyed,
    /// From a record's writing to its output's reading
    Latency,
    /// From the kill of a process to the next output of its successor
    Recovery,
    /// Words of lines counted, in two stages, beside Kafka Streams and Flink
    Wordcount,
}

/// What all tables need.
pub(super) struct Setup {
    records: u64,
    lines: u64,
    rounds: usize,
    only: String,
    peers: PathBuf,
    guests: PathBuf,
    invoker: PathBuf,
}

pub(crate) fn run(options: &Options, guests: &Path, invoker: &Path) -> Result<Vec<Report>> {
    let place = Place::start()?;
    place.make_topic(host::DEAD_LETTERS, 1, &[])?;
    let setup = Setup {
        records: options.records,
        lines: options.lines,
        only: options.only.clone(),
        peers: options.peers.canonicalize().unwrap_or_else(|_| options.peers.clone()),
        rounds: options.rounds,
        guests: guests.to_owned(),
        invoker: invoker.to_owned(),
    };
    let wanted = |table| options.tables.is_empty() || options.tables.contains(&table);
    let mut reports = Vec::new();
    if wanted(Table::Stateless) {
        reports.push(stateless::run(&place, &setup)?);
    }
    if wanted(Table::Wordcount) {
        reports.push(wordcount::run(&place, &setup)?);
    }
    if wanted(Table::Keyed) {
        reports.push(keyed::run(&place, &setup)?);
    }
    if wanted(Table::Latency) {
        reports.push(latency::run(&place, &setup)?);
    }
    if wanted(Table::Recovery) {
        reports.push(recovery::run(&place, &setup)?);
    }
    Ok(reports)
}

/// Each figure's median.
fn medians(seen: &[Seen]) -> Seen {
    let of = |figure: fn(&Seen) -> f64| median(&mut seen.iter().map(figure).collect::<Vec<_>>());
    Seen {
        rate: of(|seen| seen.rate),
        cpu: of(|seen| seen.cpu),
        kafka: of(|seen| seen.kafka),
        redis: of(|seen| seen.redis),
        memory: of(|seen| seen.memory),
        output: of(|seen| seen.output as f64) as u64,
    }
}

#[expect(clippy::print_stdout, reason = "a bench of minutes says what it does")]
fn progress(case: &str, name: &str, seen: &Seen) {
    println!(
        "{case:<30} {name:<26} {:>9.0}/s  own {:.3} µs, broker {:.3}, redis {:.3}  {:.0} MiB  {} out",
        seen.rate, seen.cpu, seen.kafka, seen.redis, seen.memory, seen.output
    );
}
