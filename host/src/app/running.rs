//! One entity of a host: prepared, running, ending.

use std::sync::Arc;
use std::thread::JoinHandle;

use invoker_core::document::{EntityDocument, HostDocument};
use invoker_core::function::SettingValue;
use invoker_core::{names, settings};

use super::{Backends, Programs, StartError, check};
use crate::lane::{self, LaneSpec};
use crate::log::{Log, Source, TopicPartition};
use crate::program::Program;
use crate::report::{EntityStatus, Report};
use crate::stop::Stop;

/// An entity that was checked and can be started.
pub(super) struct Prepared {
    document: Arc<EntityDocument>,
    program: Arc<dyn Program>,
    report: Arc<Report>,
    /// Of what runs in its place until it starts.
    earlier: Option<Arc<Report>>,
    stop: Stop,
    lanes: Vec<LaneSpec>,
}

/// An entity whose lanes run.
pub(super) struct Running {
    document: Arc<EntityDocument>,
    program: Arc<dyn Program>,
    report: Arc<Report>,
    stop: Stop,
    lanes: Vec<JoinHandle<()>>,
}

impl Prepared {
    pub(super) fn new(
        document: &HostDocument,
        entity: &EntityDocument,
        programs: &Programs,
        backends: &Backends,
        incarnation: u64,
    ) -> Result<Self, StartError> {
        check::topics(entity, backends)?;
        let program = programs
            .get(&entity.id)
            .ok_or_else(|| StartError::NoFunction { entity: entity.id.clone() })?
            .clone();
        let settings =
            settings::resolve(&program.description().settings, &entity.settings).map_err(|problems| {
                let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
                StartError::Settings { entity: entity.id.clone(), problems: problems.join("; ") }
            })?;
        let entity = Arc::new(entity.clone());
        let report = Arc::new(Report::new(&entity.partitions));
        let (stop, lanes) = (Stop::default(), Vec::new());
        let mut prepared = Self { document: entity, program, report, earlier: None, stop, lanes };
        prepared.lanes = prepared.lane_specs(document, &settings, backends, incarnation);
        Ok(prepared)
    }

    /// The lanes of the entity, its partitions dealt out in turn.
    fn lane_specs(
        &self,
        document: &HostDocument,
        settings: &[(String, SettingValue)],
        backends: &Backends,
        incarnation: u64,
    ) -> Vec<LaneSpec> {
        let entity = &self.document;
        let lanes = (entity.lanes.max(1) as usize).min(entity.partitions.len());
        let (prefix, deployment) = (&document.prefix, &document.deployment);
        let spec = |lane: usize| LaneSpec {
            deployment: deployment.clone(),
            group: names::group(prefix, deployment, &entity.id),
            transactional_id: names::transactional_id(
                prefix,
                deployment,
                &entity.id,
                &document.host,
                incarnation,
                lane as u32,
            ),
            entity: entity.clone(),
            program: self.program.clone(),
            settings: settings.to_vec(),
            partitions: entity.partitions.iter().copied().skip(lane).step_by(lanes).collect(),
            log: backends.log.clone(),
            state: backends.state.clone(),
            report: self.report.clone(),
            stop: self.stop.clone(),
        };
        (0..lanes).map(spec).collect()
    }

    /// Counts go on from those of what ran before.
    pub(super) fn in_place_of(self, running: &Running) -> Self {
        Self { earlier: Some(running.report.clone()), ..self }
    }

    /// Has the log keep what this entity will read.
    pub(super) fn expect_groups(&self, log: &dyn Log) {
        for lane in &self.lanes {
            self.document.inputs.iter().for_each(|input| log.expect_group(&lane.group, &input.topic));
        }
    }

    pub(super) fn start(self) -> Result<Running, StartError> {
        let spawn = |spec: LaneSpec| {
            let name = format!("lane {}", spec.entity.id);
            std::thread::Builder::new().name(name).spawn(move || lane::run(&spec))
        };
        let Self { document, program, report, earlier, stop, lanes } = self;
        if let Some(earlier) = earlier {
            report.continue_from(&earlier);
        }
        let lanes = lanes.into_iter().map(spawn).collect::<Result<_, _>>()?;
        Ok(Running { document, program, report, stop, lanes })
    }
}

impl Running {
    pub(super) fn id(&self) -> &str {
        &self.document.id
    }

    /// Lanes that have not been seen to end.
    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Whether this is what the document asks for.
    pub(super) fn is_as(&self, entity: &EntityDocument, program: Option<&Arc<dyn Program>>) -> bool {
        *self.document == *entity && program.is_some_and(|program| program.digest() == self.program.digest())
    }

    pub(super) fn ask_to_end(&self) {
        self.stop.request();
    }

    /// Says how many lanes are not done.
    pub(super) fn join_finished(&mut self) -> usize {
        let (done, running): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.lanes).into_iter().partition(JoinHandle::is_finished);
        for lane in done {
            if lane.join().is_err() {
                tracing::error!(entity = self.document.id, "a lane panicked");
            }
        }
        self.lanes = running;
        self.lanes.len()
    }

    pub(super) fn status(&self, source: &dyn Source) -> EntityStatus {
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
