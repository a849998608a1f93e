//! Runs one case in the real host: one entity of one partition, on a log and state in memory. Owns what surrounds the
//! function; batches, retries, dead letters and commits are those of production.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use invoker_core::document::{
    Delivery, EntityDocument, HostDocument, InputDocument, Limits, OnFailure, Retry,
};
use invoker_core::function::{Description, HeaderUse, StateKind};
use invoker_core::names;
use invoker_core::records::{Column, RecordRef};
use invoker_engine::{Function, LogLine};
use invoker_host::db::Database;
use invoker_host::log::{TopicPartition, TopicSpec};
use invoker_host::program::Program;
use invoker_host::state::{Read, Scan, Scope, StateStore};
use invoker_host::{Backends, EntityStatus, Host, PartitionState};
use serde_json::Value;

use super::cases::Case;
use super::recorder::{Manner, Notes, Place, Recorder, Sent, lock};
use crate::data::{Data, log_failed, not_committed};
use crate::error::{Error, Exit, chain};
use crate::plan::Plan;
use crate::reader;

/// Name of the deployment and of its one entity.
const NAME: &str = "test";
const DEAD: &str = "dead-letters";
const HOST_DEADLINE: Duration = Duration::from_secs(10);
/// A case that brings nothing forward for so long is given up. Above every deadline that a call has by default.
const STILL: Duration = Duration::from_secs(30);
/// Partitions that outputs have where a case names none.
const PARTITIONS: u32 = 4;

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

/// How many records a call has at most; `None` = as in production.
pub(super) type BatchRecords = Option<u32>;

/// A function on a log of its own.
pub(super) struct World<'a> {
    description: &'a Description,
    data: Data,
    recorder: Arc<Recorder>,
    document: HostDocument,
    inputs: Vec<String>,
    /// Next offset per input.
    ends: Vec<u64>,
}

impl<'a> World<'a> {
    /// `partitions`: the most that an output is expected in.
    pub(super) fn new(
        function: &'a Function,
        settings: &BTreeMap<String, Value>,
        partitions: Option<u32>,
        batch: BatchRecords,
        manner: Manner,
    ) -> Result<Self, Error> {
        let description: &Description = function.description();
        let inputs = topics(description.inputs.iter().map(|port| port.name.as_str()), "in");
        let outputs: Vec<String> =
            description.outputs.iter().map(|port| format!("out.{}", port.name)).collect();
        let data = Data::over(Database::memory())?;
        let partitions = partitions.map_or(PARTITIONS, |most| PARTITIONS.max(most + 1));
        let ones = inputs.iter().map(String::as_str).chain([DEAD]).map(|name| (name, 1));
        for (name, partitions) in ones.chain(outputs.iter().map(|name| (name.as_str(), partitions))) {
            let spec = TopicSpec { name: name.to_owned(), partitions, ..TopicSpec::default() };
            data.log.topics().create(&spec).map_err(|error| log_failed("cannot make a topic", &error))?;
        }
        let group = names::group("invoker", NAME, NAME);
        inputs.iter().for_each(|topic| data.expect_reader(&group, topic));
        data.expect_reader("cases", DEAD);
        let entity = entity(description, &inputs, outputs, settings, batch);
        let document = HostDocument {
            generation: 1,
            deployment: NAME.to_owned(),
            prefix: "invoker".to_owned(),
            host: "local".to_owned(),
            entities: vec![entity],
        };
        let recorder = Arc::new(Recorder::new(Arc::new(function.clone()), manner));
        let ends = vec![0; inputs.len()];
        Ok(Self { description, data, recorder, document, inputs, ends })
    }

    pub(super) fn start(&self) -> Result<Host, Error> {
        let program: Arc<dyn Program> = Arc::clone(&self.recorder) as Arc<dyn Program>;
        let programs = BTreeMap::from([(NAME.to_owned(), program)]);
        let backends = Backends { log: Arc::clone(&self.data.log), state: Arc::clone(&self.data.state) };
        Host::start(self.document.clone(), programs, backends).map_err(|error| match error {
            invoker_host::StartError::Settings { problems, .. } => {
                let help = "give the case `settings` as the function declares them";
                Error::new(Exit::Case, "the function does not take its settings", problems, help)
            }
            other => Plan::start_failed(&other),
        })
    }

    pub(super) fn notes(&self) -> Arc<std::sync::Mutex<Notes>> {
        self.recorder.notes()
    }

    /// Writes records to an input in one transaction.
    pub(super) fn feed<'r>(
        &mut self,
        input: usize,
        records: impl Iterator<Item = RecordRef<'r>>,
    ) -> Result<(), Error> {
        let failed = |error| log_failed("cannot write the records of a case", &error);
        let (Some(topic), Some(end)) = (self.inputs.get(input), self.ends.get_mut(input)) else {
            return Ok(());
        };
        let mut producer = self.data.log.producer("cases").map_err(failed)?;
        let (handle, _) = producer.open(topic).map_err(failed)?;
        producer.begin().map_err(failed)?;
        for record in records {
            producer.write(handle, 0, record).map_err(failed)?;
        }
        match producer.commit() {
            invoker_host::log::Commit::Committed => {}
            other => return Err(not_committed("cannot write the records of a case", other)),
        }
        // Not the number of records: the mark of a commit may take an offset, too.
        let partition = TopicPartition { topic: topic.clone(), partition: 0 };
        *end = reader::source(&*self.data.log)?.bounds(&partition).map_err(failed)?.1;
        Ok(())
    }

    /// Waits until the entity has done all that was fed.
    pub(super) fn drain(&self, host: &Host) -> Result<EntityStatus, Error> {
        let (mut moved, mut before) = (Instant::now(), None);
        loop {
            let Some(status) = host.status().entities.into_iter().next() else {
                return Err(Error::internal("the case has no entity", "the host lost it"));
            };
            let Some(partition) = status.partitions.first() else {
                return Err(Error::internal("the case has no partition", "the host lost it"));
            };
            match &partition.state {
                PartitionState::Stopped { error } => {
                    let help = "mend the function; `invoker run` meets the same";
                    return Err(Error::new(Exit::Case, "the function cannot be run", error, help));
                }
                PartitionState::Running if partition.lag == 0 && !partition.committed.is_empty() => {
                    return Ok(status);
                }
                _ => {}
            }
            let now = (status.records_in, status.retries, status.recoveries);
            if before.replace(now) != Some(now) {
                moved = Instant::now();
            } else if moved.elapsed() > STILL {
                let why = format!("nothing came forward for {} s", STILL.as_secs());
                let help = "run again with --verbose to see what it waits for";
                return Err(Error::new(Exit::Case, "the case does not end", why, help));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    fn dead_letters(&self, places: &BTreeMap<Place, usize>) -> Result<Vec<Failed>, Error> {
        let mut failed = Vec::new();
        let topic = TopicPartition { topic: DEAD.to_owned(), partition: 0 };
        reader::read(&*self.data.log, &topic, 0, |_, record| {
            let header = |name: &str| {
                let name = format!("invoker-{name}");
                let found = record.headers.iter().rev().find(|header| header.0 == name.as_bytes());
                String::from_utf8_lossy(found.and_then(|header| header.1).unwrap_or_default()).into_owned()
            };
            let input = self.inputs.iter().position(|topic| *topic == header("topic")).unwrap_or_default();
            let place = (input as u16, header("offset").parse().unwrap_or_default());
            failed.push(Failed {
                record: places.get(&place).copied().unwrap_or_default(),
                kind: header("error-kind"),
                code: header("error-code"),
                message: header("error-message"),
            });
            Ok(true)
        })?;
        failed.sort_by_key(|failed| failed.record);
        Ok(failed)
    }

    fn state(&self, keys: &BTreeSet<Vec<u8>>) -> Result<BTreeMap<String, BTreeMap<String, Stored>>, Error> {
        let mut found = BTreeMap::new();
        for spec in &self.description.states {
            let mut entries = BTreeMap::new();
            for key in keys {
                if let Some(stored) = stored(&*self.data.state, &spec.name, spec.kind, key)? {
                    entries.insert(String::from_utf8_lossy(key).into_owned(), stored);
                }
            }
            found.insert(spec.name.clone(), entries);
        }
        Ok(found)
    }
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

fn header_bytes(given: &super::cases::Given) -> HeaderBytes<'_> {
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
    let find = |(at, given): (usize, &super::cases::Given)| match &given.input {
        None if description.inputs.len() < 2 => Ok(0),
        Some(name) if description.inputs.is_empty() && name == "in" => Ok(0),
        Some(name) => description
            .inputs
            .iter()
            .position(|port| port.name == *name)
            .ok_or_else(|| unknown_input(case, at, &format!("has no input {name:?}"), description)),
        None => Err(unknown_input(case, at, "has several inputs, and the record names none", description)),
    };
    case.input.iter().enumerate().map(find).collect()
}

fn unknown_input(case: &Case, record: usize, what: &str, description: &Description) -> Error {
    let names: Vec<_> = description.inputs.iter().map(|port| format!("{:?}", port.name)).collect();
    let why = match names.as_slice() {
        [] => "it declares none, which is one input of any bytes".to_owned(),
        names => format!("it declares {}", names.join(", ")),
    };
    let what = format!("case {:?}, record {record}: the function {what}", case.name);
    Error::new(Exit::Case, what, why, "name one of those with `input:`, or leave it out where there is one")
}

fn topics<'n>(names: impl ExactSizeIterator<Item = &'n str>, default: &str) -> Vec<String> {
    if names.len() == 0 { vec![default.to_owned()] } else { names.map(|name| format!("in.{name}")).collect() }
}

/// As `invoker run` would plan it, but for waits between retries, which a case should not have to sit through.
fn entity(
    description: &Description,
    inputs: &[String],
    outputs: Vec<String>,
    settings: &BTreeMap<String, Value>,
    batch: BatchRecords,
) -> EntityDocument {
    let default = Limits::default();
    let most = description.max_records.unwrap_or(u32::MAX).clamp(1, default.batch_records);
    let record_deadline_ms = description.record_deadline.map_or(default.record_deadline_ms, u64::from);
    EntityDocument {
        id: NAME.to_owned(),
        function: NAME.to_owned(),
        inputs: inputs
            .iter()
            .map(|topic| InputDocument { topic: topic.clone(), start: Default::default() })
            .collect(),
        outputs: outputs.into_iter().map(Some).collect(),
        partitions: vec![0],
        partition_count: 1,
        lanes: 1,
        delivery: Delivery::ExactlyOnce,
        settings: settings.clone(),
        retry: Retry { backoff_ms: 1, max_backoff_ms: 1, ..Retry::default() },
        on_failure: OnFailure::DeadLetter,
        dead_letter_topic: DEAD.to_owned(),
        on_state_loss: Default::default(),
        limits: Limits {
            batch_records: batch.unwrap_or(most),
            record_deadline_ms,
            batch_deadline_ms: default.batch_deadline_ms.max(record_deadline_ms),
            ..default
        },
        commit_interval_ms: 100,
    }
}

fn stored(store: &dyn StateStore, state: &str, kind: StateKind, key: &[u8]) -> Result<Option<Stored>, Error> {
    let failed = |error: invoker_host::state::Error| Error::internal("cannot read the state", chain(&error));
    let scope = Scope { deployment: NAME.to_owned(), entity: NAME.to_owned(), partition: 0 };
    if kind == StateKind::Value {
        let keys: Column = [Some(key)].into_iter().collect();
        let read = Read { scope: &scope, state, kind, keys: &keys, fields: &Column::default() };
        let values = store.read(&[read]).map_err(failed)?;
        let value = values.first().and_then(|values| values.values.get(0));
        return Ok(value.map(|value| Stored::Value(value.to_vec())));
    }
    let (mut fields, mut start) = (BTreeMap::new(), None::<Vec<u8>>);
    loop {
        let scan = Scan {
            scope: &scope,
            state,
            kind,
            key: Some(key),
            prefix: b"",
            start: start.as_deref(),
            limit: 1000,
        };
        let page = store.scan(scan).map_err(failed)?;
        for (field, value) in page.fields.iter().zip(page.values.iter()) {
            let field = String::from_utf8_lossy(field.unwrap_or_default()).into_owned();
            fields.insert(field, value.unwrap_or_default().to_vec());
        }
        match page.next {
            Some(next) => start = Some(next),
            None => break,
        }
    }
    Ok((!fields.is_empty()).then_some(Stored::Fields(fields)))
}
