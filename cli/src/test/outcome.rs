//! What came of a case, and how it is run from its first record to its last.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use invoker_core::function::{Description, HeaderUse};
use invoker_core::records::RecordRef;
use invoker_engine::{Function, LogLine};

use super::cases::{Case, Given};
use super::recorder::{Manner, Notes, Place, Sent, lock};
use super::world::{BatchRecords, World};
use crate::error::{Error, Exit};

/// How long the host may take to end.
pub(super) const HOST_DEADLINE: Duration = Duration::from_secs(10);

/// A record that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    /// Its place among the records of the case.
    pub(super) record: usize,
    pub(super) kind: String,
    pub(super) code: String,
    pub(super) message: String,
}

/// What is stored under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    Value(Vec<u8>),
    Fields(BTreeMap<String, Vec<u8>>),
}

/// What came of a case.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub(super) sent: Vec<Sent>,
    /// Per sent record the place of its source among the records of the case.
    pub(super) sources: Vec<usize>,
    pub(super) failed: Vec<Failed>,
    /// By name of the state and key, of the keys of the case.
    pub(super) state: BTreeMap<String, BTreeMap<String, Stored>>,
    pub(super) lines: Vec<LogLine>,
}

/// Runs a case from its first record to its last.
pub(super) fn run(
    function: &Function,
    case: &Case,
    batch: BatchRecords,
    manner: Manner,
) -> Result<Outcome, Error> {
    let partitions = case.output.iter().filter_map(|expected| expected.partition).max();
    let now = case.now.or(manner.now);
    let manner = Manner { now, ..manner };
    let mut world = World::new(function, &case.settings, partitions, batch, manner)?;
    let inputs = inputs_of(case, function.description())?;
    let (mut places, mut keys) = (BTreeMap::new(), BTreeSet::new());
    let mut host = None;
    let mut from = 0;
    // Records of one input that stand next to each other may share a batch; the next ones wait until they are done.
    for group in inputs.chunk_by(|a, b| a == b) {
        let input = group.first().copied().unwrap_or_default();
        let given = case.input.get(from..from + group.len()).unwrap_or_default();
        let mut records = Vec::new();
        for (at, given) in given.iter().enumerate() {
            let end = world.ends.get(input).copied().unwrap_or_default();
            places.insert((input as u16, end + at as u64), from + at);
            let (key, value) = given.bytes().map_err(|why| Error::internal("a case changed", why))?;
            keys.extend(key.clone());
            records.push((key, value, given.timestamp.or(now).unwrap_or(-1), header_bytes(given)));
        }
        world.feed(
            input,
            records.iter().map(|(key, value, timestamp, headers)| RecordRef {
                key: key.as_deref(),
                value: value.as_deref(),
                timestamp: *timestamp,
                headers,
            }),
        )?;
        if host.is_none() {
            host = Some(world.start()?);
        }
        if let Some(host) = &host {
            world.drain(host)?;
        }
        from += group.len();
    }
    if let Some(host) = host {
        host.stop(HOST_DEADLINE).map_err(|error| Error::internal("the host did not end in order", error))?;
    }
    let failed = world.dead_letters(&places)?;
    let state = world.state(&keys)?;
    let notes = std::mem::take(&mut *lock(&world.notes()));
    Ok(outcome(case, function.description(), notes, &places, failed, state))
}

type HeaderBytes<'a> = Vec<(&'a [u8], Option<&'a [u8]>)>;

fn header_bytes(given: &Given) -> HeaderBytes<'_> {
    given.headers.iter().map(|(name, value)| (name.as_bytes(), Some(value.as_bytes()))).collect()
}

fn outcome(
    case: &Case,
    description: &Description,
    notes: Notes,
    places: &BTreeMap<Place, usize>,
    failed: Vec<Failed>,
    state: BTreeMap<String, BTreeMap<String, Stored>>,
) -> Outcome {
    let mut outcome = Outcome { failed, state, lines: notes.lines, ..Outcome::default() };
    for mut sent in notes.sent {
        let source = places.get(&sent.from).copied().unwrap_or_default();
        // What the host found fault with after the call is not written.
        if outcome.failed.iter().any(|failed| failed.record == source) {
            continue;
        }
        if sent.headers.is_none() {
            let own = case.input.get(source).filter(|_| description.headers != HeaderUse::Drop);
            let own = own.into_iter().flat_map(|given| &given.headers);
            sent.headers =
                Some(own.map(|(name, value)| (name.clone(), Some(value.clone().into_bytes()))).collect());
        }
        // That of the log differs from run to run.
        if sent.timestamp.is_none() {
            sent.timestamp = case.input.get(source).and_then(|given| given.timestamp);
        }
        outcome.sources.push(source);
        outcome.sent.push(sent);
    }
    outcome
}

/// Per record of the case the index of its input.
fn inputs_of(case: &Case, description: &Description) -> Result<Vec<usize>, Error> {
    let find = |(at, given): (usize, &Given)| match &given.input {
        None if description.inputs.len() < 2 => Ok(0),
        Some(name) if description.inputs.is_empty() && name == "in" => Ok(0),
        Some(name) => description
            .inputs
            .iter()
            .position(|port| port.name == *name)
            .ok_or_else(|| unknown_input(at, &format!("has no input {name:?}"), description)),
        None => Err(unknown_input(at, "has several inputs, and the record names none", description)),
    };
    case.input.iter().enumerate().map(find).collect()
}

fn unknown_input(record: usize, what: &str, description: &Description) -> Error {
    let names: Vec<_> = description.inputs.iter().map(|port| format!("{:?}", port.name)).collect();
    let why = match names.as_slice() {
        [] => "it declares none, which is one input of any bytes".to_owned(),
        names => format!("it declares {}", names.join(", ")),
    };
    let what = format!("record {record}: the function {what}");
    Error::new(Exit::Case, what, why, "name one of those with `input:`, or leave it out where there is one")
}
