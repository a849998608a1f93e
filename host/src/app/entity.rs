//! One entity of a host: prepared, running, ending. Owns its lanes and which partitions they have.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::Sender;
use invoker_core::document::{EntityDocument, HostDocument};
use invoker_core::function::SettingValue;
use invoker_core::{names, settings};

use super::deal::deal;
use super::{Backends, Programs, StartError, check};
use crate::lane::{self, Command, LaneSpec, Pulse};
use crate::log::{Source, TopicPartition};
use crate::program::Program;
use crate::report::{EntityStatus, Report};
use crate::stop::Stop;

/// An entity that was checked, and what its lanes are made from.
pub(super) struct Prepared {
    pub(super) document: Arc<EntityDocument>,
    deployment: String,
    group: String,
    /// Transactional id of a lane, without the lane.
    transactional_id: Box<dyn Fn(u32) -> String + Send + Sync>,
    pub(super) program: Arc<dyn Program>,
    settings: Vec<(String, SettingValue)>,
    backends: Backends,
    pub(super) report: Arc<Report>,
    /// Of what runs in its place until it starts.
    earlier: Option<Arc<Report>>,
    /// Number of its first lane.
    first_number: u32,
}

/// An entity whose lanes run.
pub(super) struct Running {
    pub(super) made_from: Prepared,
    pub(super) lanes: Vec<Lane>,
    /// Number of the next lane. None is used twice, so that a lane that was left behind has a transactional id that no
    /// later one has.
    pub(super) next_number: u32,
    /// Threads of lanes that hung and were replaced, until they end.
    pub(super) left_behind: Vec<JoinHandle<()>>,
}

pub(super) struct Lane {
    pub(super) number: u32,
    pub(super) partitions: Vec<u32>,
    commands: Sender<Command>,
    pub(super) stop: Stop,
    pub(super) pulse: Arc<Pulse>,
    pub(super) thread: JoinHandle<()>,
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
        let program =
            programs.get(&entity.id).ok_or_else(|| StartError::NoFunction { entity: entity.id.clone() })?;
        let settings =
            settings::resolve(&program.description().settings, &entity.settings).map_err(|problems| {
                let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
                StartError::Settings { entity: entity.id.clone(), problems: problems.join("; ") }
            })?;
        let (prefix, deployment) = (document.prefix.clone(), document.deployment.clone());
        let group = names::group(&prefix, &deployment, &entity.id);
        let (host, id, of) = (document.host.clone(), entity.id.clone(), deployment.clone());
        let transactional_id =
            move |lane| names::transactional_id(&prefix, &of, &id, &host, incarnation, lane);
        Ok(Self {
            deployment,
            group,
            transactional_id: Box::new(transactional_id),
            program: program.clone(),
            settings,
            backends: backends.clone(),
            report: Arc::new(Report::new(&entity.partitions)),
            earlier: None,
            first_number: 0,
            document: Arc::new(entity.clone()),
        })
    }

    /// Counts go on from those of what ran before, and so do the numbers of lanes: one of those may hang.
    pub(super) fn in_place_of(self, running: &Running) -> Self {
        let earlier = Some(running.made_from.report.clone());
        Self { earlier, first_number: running.next_number, ..self }
    }

    /// Has the log keep what this entity will read.
    pub(super) fn expect_groups(&self) {
        self.document
            .inputs
            .iter()
            .for_each(|input| self.backends.log.expect_group(&self.group, &input.topic));
    }

    pub(super) fn start(self) -> Result<Running, StartError> {
        if let Some(earlier) = &self.earlier {
            self.report.continue_from(earlier);
        }
        let dealt = deal(&[], &self.document.partitions, self.document.lanes as usize);
        let next_number = self.first_number + dealt.len() as u32;
        let lanes =
            (self.first_number..).zip(dealt).map(|(number, partitions)| self.lane(number, partitions));
        let lanes = lanes.collect::<Result<_, _>>()?;
        Ok(Running { lanes, next_number, left_behind: Vec::new(), made_from: self })
    }

    pub(super) fn lane(&self, number: u32, partitions: Vec<u32>) -> Result<Lane, StartError> {
        let (stop, pulse) = (Stop::default(), Arc::<Pulse>::default());
        let spec = LaneSpec {
            deployment: self.deployment.clone(),
            group: self.group.clone(),
            transactional_id: (self.transactional_id)(number),
            entity: self.document.clone(),
            program: self.program.clone(),
            settings: self.settings.clone(),
            partitions: partitions.clone(),
            log: self.backends.log.clone(),
            state: self.backends.state.clone(),
            report: self.report.clone(),
            stop: stop.clone(),
            pulse: pulse.clone(),
        };
        let (commands, told) = crossbeam_channel::unbounded();
        let name = format!("lane {}", self.document.id);
        let thread = std::thread::Builder::new().name(name).spawn(move || lane::run(&spec, &told))?;
        Ok(Lane { number, partitions, commands, stop, pulse, thread })
    }
}

impl Running {
    pub(super) fn id(&self) -> &str {
        &self.made_from.document.id
    }

    /// Lanes that have not been seen to end.
    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Lanes that ended though nobody asked them to.
    pub(super) fn stopped_lanes(&self) -> usize {
        self.lanes.iter().filter(|lane| lane.thread.is_finished()).count()
    }

    /// Starts those lanes again, with the partitions that they had.
    pub(super) fn start_again(&mut self) -> Result<(), StartError> {
        let Self { made_from, lanes, next_number, .. } = self;
        for lane in lanes.iter_mut().filter(|lane| lane.thread.is_finished()) {
            let new = made_from.lane(*next_number, lane.partitions.clone())?;
            *next_number += 1;
            if std::mem::replace(lane, new).thread.join().is_err() {
                tracing::error!(entity = made_from.document.id, "a lane panicked");
            }
        }
        Ok(())
    }

    /// Whether this is what the document asks for.
    pub(super) fn is_as(&self, entity: &EntityDocument, program: Option<&Arc<dyn Program>>) -> bool {
        *self.made_from.document == *entity && self.runs(program)
    }

    /// Whether this is what the document asks for, but for the partitions. Lanes that ended by themselves cannot be
    /// given any.
    pub(super) fn is_as_but_for_partitions(
        &self,
        entity: &EntityDocument,
        program: Option<&Arc<dyn Program>>,
    ) -> bool {
        let running = &self.made_from.document;
        let moved =
            EntityDocument { partitions: running.partitions.clone(), lanes: running.lanes, ..entity.clone() };
        **running == moved && self.runs(program) && !self.lanes.iter().any(|lane| lane.thread.is_finished())
    }

    fn runs(&self, program: Option<&Arc<dyn Program>>) -> bool {
        program.is_some_and(|program| program.digest() == self.made_from.program.digest())
    }

    /// Owns exactly the partitions of `entity` when it returns, or when `until` has passed: lanes first let go of what
    /// they give up, then take what is new. Partitions that stay where they are run on all the while.
    pub(super) fn reassign(&mut self, entity: &EntityDocument, until: Instant) -> Result<(), StartError> {
        let held: Vec<Vec<u32>> = self.lanes.iter().map(|lane| lane.partitions.clone()).collect();
        let mut dealt = deal(&held, &entity.partitions, entity.lanes as usize);
        let new = dealt.split_off(self.lanes.len().min(dealt.len()));
        let keep = |lane: &Lane, dealt: &[u32]| {
            lane.partitions.iter().copied().filter(|partition| dealt.contains(partition)).collect()
        };
        let kept = self.lanes.iter().zip(&dealt).map(|(lane, dealt)| keep(lane, dealt)).collect();
        self.assign(kept, until);
        let (mut rest, taken) = (self.lanes.split_off(dealt.len()), &entity.partitions);
        rest.iter().for_each(|lane| lane.stop.request());
        while rest.iter().any(|lane| !lane.thread.is_finished()) && Instant::now() < until {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        rest.retain(|lane| !lane.thread.is_finished());
        for &partition in held.iter().flatten().filter(|partition| !taken.contains(partition)) {
            self.made_from.report.forget(partition);
        }
        self.assign(dealt, until);
        self.made_from.document = Arc::new(entity.clone());
        for partitions in new {
            self.lanes.push(self.made_from.lane(self.next_number, partitions)?);
            self.next_number += 1;
        }
        Ok(())
    }

    /// Tells each lane what it is to own, and waits until those that change have done so.
    fn assign(&mut self, dealt: Vec<Vec<u32>>, until: Instant) {
        let mut waits = Vec::new();
        for (lane, partitions) in self.lanes.iter_mut().zip(dealt) {
            if lane.partitions != partitions {
                let (done, wait) = crossbeam_channel::bounded(0);
                lane.partitions.clone_from(&partitions);
                // A lane that has ended drops what it is told.
                drop(lane.commands.send(Command::Assign { partitions, done }));
                waits.push(wait);
            }
        }
        for wait in waits {
            // Nothing is ever sent: the other end is dropped when it is done.
            let _ = wait.recv_deadline(until);
        }
    }

    pub(super) fn ask_to_end(&self) {
        self.lanes.iter().for_each(|lane| lane.stop.request());
    }

    /// Says how many lanes are not done.
    pub(super) fn join_finished(&mut self) -> usize {
        let (done, running): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.lanes).into_iter().partition(|lane| lane.thread.is_finished());
        for lane in done {
            if lane.thread.join().is_err() {
                tracing::error!(entity = self.id(), "a lane panicked");
            }
        }
        self.lanes = running;
        self.lanes.len()
    }

    pub(super) fn status(&self, source: &dyn Source) -> EntityStatus {
        let Prepared { document, report, .. } = &self.made_from;
        let mut status = report.snapshot(&document.id);
        for partition in &mut status.partitions {
            for (input, &committed) in document.inputs.iter().zip(&partition.committed) {
                let tp = TopicPartition { topic: input.topic.clone(), partition: partition.partition };
                let end = source.bounds(&tp).map_or(committed, |(_, end)| end);
                partition.lag += end.saturating_sub(committed);
            }
            status.lag += partition.lag;
        }
        status
    }
}
