//! What surrounds a function under test: a log and state in memory, and the real host with one entity of one partition.
//! Batches, retries, dead letters and commits are those of production.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use invoker_core::document::{
    Delivery, EntityDocument, HostDocument, InputDocument, Limits, OnFailure, Retry,
};
use invoker_core::function::Description;
use invoker_core::names;
use invoker_core::records::RecordRef;
use invoker_engine::Function;
use invoker_host::db::Database;
use invoker_host::log::{TopicPartition, TopicSpec};
use invoker_host::program::Program;
use invoker_host::{Backends, EntityStatus, Host, PartitionState};
use serde_json::Value;

use super::outcome::{Failed, Stored};
use super::recorder::{Manner, Notes, Place, Recorder};
use super::stored::stored;
use crate::data::{Data, log_failed, not_committed};
use crate::error::{Error, Exit};
use crate::plan::Plan;
use crate::reader;

/// Name of the deployment and of its one entity.
pub(super) const NAME: &str = "test";
const DEAD: &str = "dead-letters";
/// A case that brings nothing forward for so long is given up. Above every deadline that a call has by default.
const STILL: Duration = Duration::from_secs(30);
/// Partitions that outputs have where a case names none.
const PARTITIONS: u32 = 4;

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
    pub(super) ends: Vec<u64>,
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
            kafka: None,
            redis: None,
            registry: None,
            require_signature: Vec::new(),
            data: None,
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
                PartitionState::Running if partition.lag == Some(0) && !partition.committed.is_empty() => {
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

    pub(super) fn dead_letters(&self, places: &BTreeMap<Place, usize>) -> Result<Vec<Failed>, Error> {
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

    pub(super) fn state(
        &self,
        keys: &BTreeSet<Vec<u8>>,
    ) -> Result<BTreeMap<String, BTreeMap<String, Stored>>, Error> {
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
        assignment: Default::default(),
        partitions: vec![0],
        partition_count: 1,
        lanes: 1,
        delivery: Delivery::ExactlyOnce,
        settings: settings.clone(),
        retry: Retry { backoff_ms: 1, max_backoff_ms: 1, ..Retry::default() },
        on_failure: OnFailure::DeadLetter,
        dead_letter_topic: DEAD.to_owned(),
        on_state_loss: Default::default(),
        on_partition_change: Default::default(),
        on_offset_out_of_range: Default::default(),
        limits: Limits {
            batch_records: batch.unwrap_or(most),
            record_deadline_ms,
            batch_deadline_ms: default.batch_deadline_ms.max(record_deadline_ms),
            ..default
        },
        commit_interval_ms: 100,
        stall_after_ms: None,
    }
}
