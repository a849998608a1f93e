//! `--bench`: the records of the cases, many times over, through the host on a log in memory. Tells what the function
//! takes per record, and how much of the whole that is.

use std::collections::BTreeMap;
use std::time::Instant;

use invoker_core::records::RecordRef;
use invoker_engine::Function;
use invoker_host::Host;
use serde_json::{Value, json};

use super::cases::Case;
use super::outcome::HOST_DEADLINE;
use super::recorder::{Manner, lock};
use super::world::World;
use crate::error::{Error, Exit, counted};
use crate::print::Printer;

/// Records of the warm-up, which tells how many a measurement of about a second takes.
const WARM_UP: usize = 4_000;
const SECONDS: f64 = 1.0;
/// Most records of a measurement.
const RECORDS: usize = 500_000;
/// Bytes that a measurement holds at most.
const BYTES: usize = 64 << 20;

/// What was measured.
struct Measured {
    records: u64,
    seconds: f64,
    inside_ns: u64,
    busy_ns: u64,
    rejected: u64,
    calls: u64,
}

/// Measures every group of cases that has the same settings, and prints a line for each.
pub(super) fn bench(function: &Function, cases: &[&Case], printer: &mut Printer) -> Result<(), Error> {
    for (settings, cases) in by_settings(cases) {
        let measured = measure(function, &cases)?;
        let per = |ns: u64| ns as f64 / measured.records.max(1) as f64;
        let share = 100.0 * measured.inside_ns as f64 / measured.busy_ns.max(1) as f64;
        printer.item(
            || text(&settings, &cases, &measured),
            || {
                json!({
                    "settings": serde_json::from_str::<Value>(&settings).unwrap_or_default(),
                    "records": measured.records,
                    "recordsPerSecond": (measured.records as f64 / measured.seconds).round(),
                    "functionNsPerRecord": per(measured.inside_ns),
                    "totalNsPerRecord": per(measured.busy_ns),
                    "functionShare": share / 100.0,
                    "rejected": measured.rejected,
                    "calls": measured.calls,
                })
            },
        )?;
    }
    Ok(())
}

/// Cases that have the same settings, by those.
pub(super) fn by_settings<'a>(cases: &[&'a Case]) -> BTreeMap<String, Vec<&'a Case>> {
    let mut groups: BTreeMap<String, Vec<&Case>> = BTreeMap::new();
    for case in cases {
        groups.entry(json!(case.settings).to_string()).or_default().push(case);
    }
    groups
}

fn text(settings: &str, cases: &[&Case], measured: &Measured) -> String {
    let per = |ns: u64| ns as f64 / measured.records.max(1) as f64;
    let share = 100.0 * measured.inside_ns as f64 / measured.busy_ns.max(1) as f64;
    let rejected = match measured.rejected {
        0 => String::new(),
        n => format!(", {:.0} % rejected", 100.0 * n as f64 / measured.records.max(1) as f64),
    };
    let with = if settings == "{}" { String::new() } else { format!(" with {settings}") };
    format!(
        "bench{with}: {} of {}, {:.0} a second\n  function  {:.0} ns a record, {share:.0} % of the lane's time\n  lane      \
         {:.0} ns a record: log, state, commit and the function, {:.0} records a call{rejected}",
        counted(measured.records as usize, "record"),
        counted(cases.len(), "case"),
        measured.records as f64 / measured.seconds,
        per(measured.inside_ns),
        per(measured.busy_ns),
        measured.records as f64 / measured.calls.max(1) as f64,
    )
}

fn measure(function: &Function, cases: &[&Case]) -> Result<Measured, Error> {
    let load = Load::of(function, cases)?;
    let manner = Manner { time_only: true, ..Manner::default() };
    let mut world = World::new(function, &load.settings, None, None, manner)?;
    // The first round warms up the instance, its state and the caches.
    let warm_up = WARM_UP.div_ceil(load.records).min(load.most);
    load.feed(&mut world, warm_up)?;
    let host = world.start()?;
    let began = Instant::now();
    let before = world.drain(&host)?;
    let times = (warm_up as f64 * SECONDS / began.elapsed().as_secs_f64()) as usize;
    *lock(&world.notes()) = Default::default();
    let began = Instant::now();
    load.feed(&mut world, times.clamp(1, load.most))?;
    let after = world.drain(&host)?;
    let seconds = began.elapsed().as_secs_f64();
    end(host)?;
    let notes = world.notes();
    let notes = lock(&notes);
    Ok(Measured {
        records: after.records_in - before.records_in,
        seconds,
        inside_ns: notes.time.as_nanos() as u64,
        busy_ns: after.busy_ns - before.busy_ns,
        rejected: after.rejected - before.rejected,
        calls: notes.calls,
    })
}

/// Ends a host whose records are done.
pub(super) fn end(host: Host) -> Result<(), Error> {
    host.stop(HOST_DEADLINE).map_err(|error| Error::internal("the host did not end in order", error))
}

/// Key, value, timestamp.
type Given = (Option<Vec<u8>>, Option<Vec<u8>>, i64);

/// The records of cases that have the same settings, to be fed many times.
pub(super) struct Load {
    by_input: BTreeMap<usize, Vec<Given>>,
    pub(super) settings: BTreeMap<String, Value>,
    records: usize,
    /// How many times at most, for what a measurement may hold.
    pub(super) most: usize,
}

impl Load {
    pub(super) fn of(function: &Function, cases: &[&Case]) -> Result<Self, Error> {
        let mut by_input: BTreeMap<usize, Vec<Given>> = BTreeMap::new();
        for given in cases.iter().flat_map(|case| &case.input) {
            let named = given.input.as_ref();
            let at = function.description().inputs.iter().position(|port| Some(&port.name) == named);
            let (key, value) = given.bytes().map_err(|why| Error::internal("a case changed", why))?;
            let records = by_input.entry(at.unwrap_or_default()).or_default();
            records.push((key, value, given.timestamp.unwrap_or(-1)));
        }
        let records: usize = by_input.values().map(Vec::len).sum();
        if records == 0 {
            let why = "the cases have no records";
            return Err(Error::new(Exit::Case, "there is nothing to measure", why, "give a case `input`"));
        }
        let bytes: usize = by_input.values().flatten().map(|(k, v, _)| 64 + len(k) + len(v)).sum();
        let settings = cases.first().map(|case| case.settings.clone()).unwrap_or_default();
        Ok(Self { by_input, settings, records, most: (RECORDS / records).min(BYTES / bytes).max(1) })
    }

    pub(super) fn feed(&self, world: &mut World<'_>, times: usize) -> Result<(), Error> {
        for (&input, records) in &self.by_input {
            let repeated = (0..times).flat_map(|_| records);
            world.feed(
                input,
                repeated.map(|(key, value, timestamp)| RecordRef {
                    key: key.as_deref(),
                    value: value.as_deref(),
                    timestamp: *timestamp,
                    headers: &[],
                }),
            )?;
        }
        Ok(())
    }
}

fn len(bytes: &Option<Vec<u8>>) -> usize {
    bytes.as_ref().map_or(0, Vec::len)
}
