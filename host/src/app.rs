//! Runs a host document: one set of lanes per entity, on the backends that were picked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use invoker_core::document::{EntityDocument, HostDocument};
use invoker_core::{names, settings};

use crate::lane::{self, LaneSpec};
use crate::log::{self, Log, Source, TopicPartition};
use crate::program::Program;
use crate::report::{EntityStatus, HostStatus, Report};
use crate::state::StateStore;
use crate::stop::Stop;

/// What the lanes stand on.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "backends have nothing to show")]
pub struct Backends {
    pub log: Arc<dyn Log>,
    pub state: Arc<dyn StateStore>,
}

/// Why a document cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("entity {entity:?} has no function")]
    NoFunction { entity: String },
    #[error("entity {entity:?} names topic {topic:?}, which does not exist")]
    NoTopic { entity: String, topic: String },
    #[error(
        "entity {entity:?} reads topic {topic:?} of {found} partitions and is to own partition {partition}"
    )]
    NoPartition { entity: String, topic: String, found: u32, partition: u32 },
    #[error("settings of entity {entity:?}: {problems}")]
    Settings { entity: String, problems: String },
    #[error("start of the log's reader failed")]
    Log(#[from] log::Error),
    #[error("start of a lane's thread failed")]
    Thread(#[from] std::io::Error),
}

/// A stop that did not end in time.
#[derive(Debug, thiserror::Error)]
#[error("{lanes} lanes did not end within {waited:?}; what they had not committed will run again")]
pub struct StopError {
    pub lanes: usize,
    pub waited: Duration,
}

/// A running document.
pub struct Host {
    entities: Vec<Running>,
    /// For the ends of inputs, which lag is measured against.
    source: Mutex<Box<dyn Source>>,
    stop: Stop,
}

struct Running {
    document: Arc<EntityDocument>,
    report: Arc<Report>,
    lanes: Vec<JoinHandle<()>>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.entities.iter().map(|entity| &entity.document.id).collect();
        f.debug_struct("Host").field("entities", &ids).finish_non_exhaustive()
    }
}

impl Host {
    /// Starts every lane of the document; `functions` by entity id. Everything is checked before the first one starts.
    pub fn start(
        document: HostDocument,
        functions: BTreeMap<String, Arc<dyn Program>>,
        backends: Backends,
    ) -> Result<Self, StartError> {
        let incarnation = rand::random::<u64>();
        let stop = Stop::default();
        let mut specs = Vec::new();
        for entity in &document.entities {
            check_topics(entity, &backends)?;
            let program = functions
                .get(&entity.id)
                .ok_or_else(|| StartError::NoFunction { entity: entity.id.clone() })?;
            specs.push(lane_specs(&document, entity, program, &backends, incarnation, &stop)?);
        }
        for (entity, _, lanes) in &specs {
            for (input, lane) in entity.inputs.iter().zip(lanes.iter().cycle()) {
                backends.log.expect_group(&lane.group, &input.topic);
            }
        }
        let source = Mutex::new(backends.log.source()?);
        let mut entities = Vec::new();
        for (document, report, lanes) in specs {
            let spawn = |spec: LaneSpec| {
                let name = format!("lane {}", spec.entity.id);
                // Nobody speaks to it yet: it keeps the partitions that it was given.
                let (_, commands) = crossbeam_channel::unbounded();
                std::thread::Builder::new().name(name).spawn(move || lane::run(&spec, &commands))
            };
            let lanes = lanes.into_iter().map(spawn).collect::<Result<_, _>>()?;
            entities.push(Running { document, report, lanes });
        }
        Ok(Self { entities, source, stop })
    }

    /// How everything stands now.
    pub fn status(&self) -> HostStatus {
        let source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let entities = self.entities.iter().map(|entity| entity.status(source.as_ref())).collect();
        HostStatus { entities }
    }

    /// Asks every lane to commit and let go; returns when all have, at most after `deadline`.
    pub fn stop(self, deadline: Duration) -> Result<(), StopError> {
        self.stop.request();
        let began = Instant::now();
        let mut lanes: Vec<_> = self.entities.into_iter().flat_map(|entity| entity.lanes).collect();
        while !lanes.is_empty() {
            if began.elapsed() > deadline {
                return Err(StopError { lanes: lanes.len(), waited: deadline });
            }
            let (done, running): (Vec<_>, Vec<_>) = lanes.into_iter().partition(JoinHandle::is_finished);
            for lane in done {
                if lane.join().is_err() {
                    tracing::error!("a lane panicked");
                }
            }
            lanes = running;
            if !lanes.is_empty() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        Ok(())
    }
}

impl Running {
    fn status(&self, source: &dyn Source) -> EntityStatus {
        let mut status = self.report.snapshot(&self.document.id);
        for partition in &mut status.partitions {
            for (input, &committed) in self.document.inputs.iter().zip(&partition.committed) {
                let tp = TopicPartition { topic: input.topic.clone(), partition: partition.partition };
                let end = source.bounds(&tp).map_or(committed, |(_, end)| end);
                partition.lag += end.saturating_sub(committed);
            }
            status.lag += partition.lag;
        }
        status
    }
}

fn check_topics(entity: &EntityDocument, backends: &Backends) -> Result<(), StartError> {
    let dead_letters = (entity.on_failure == invoker_core::document::OnFailure::DeadLetter)
        .then_some(&entity.dead_letter_topic);
    let inputs = entity.inputs.iter().map(|input| &input.topic);
    let outputs = entity.outputs.iter().flatten();
    for topic in inputs.clone().chain(outputs).chain(dead_letters) {
        if backends.log.topics().describe(topic)?.is_none() {
            return Err(StartError::NoTopic { entity: entity.id.clone(), topic: topic.clone() });
        }
    }
    for topic in inputs {
        let found = backends.log.topics().describe(topic)?.map_or(0, |topic| topic.partitions);
        if let Some(&partition) = entity.partitions.iter().find(|&&partition| partition >= found) {
            let (entity, topic) = (entity.id.clone(), topic.clone());
            return Err(StartError::NoPartition { entity, topic, found, partition });
        }
    }
    Ok(())
}

type EntitySpecs = (Arc<EntityDocument>, Arc<Report>, Vec<LaneSpec>);

/// The lanes of an entity, its partitions dealt out in turn.
fn lane_specs(
    document: &HostDocument,
    entity: &EntityDocument,
    program: &Arc<dyn Program>,
    backends: &Backends,
    incarnation: u64,
    stop: &Stop,
) -> Result<EntitySpecs, StartError> {
    let settings =
        settings::resolve(&program.description().settings, &entity.settings).map_err(|problems| {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            StartError::Settings { entity: entity.id.clone(), problems: problems.join("; ") }
        })?;
    let entity = Arc::new(entity.clone());
    let report = Arc::new(Report::new(&entity.partitions));
    let lanes = (entity.lanes.max(1) as usize).min(entity.partitions.len());
    let spec = |lane: usize| LaneSpec {
        deployment: document.deployment.clone(),
        group: names::group(&document.prefix, &document.deployment, &entity.id),
        transactional_id: names::transactional_id(
            &document.prefix,
            &document.deployment,
            &entity.id,
            &document.host,
            incarnation,
            lane as u32,
        ),
        entity: entity.clone(),
        program: program.clone(),
        settings: settings.clone(),
        partitions: entity.partitions.iter().copied().skip(lane).step_by(lanes).collect(),
        log: backends.log.clone(),
        state: backends.state.clone(),
        report: report.clone(),
        stop: stop.clone(),
    };
    let specs = (0..lanes).map(spec).collect();
    Ok((entity.clone(), report.clone(), specs))
}
