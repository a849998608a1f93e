//! One entity of a host: prepared, running, ending. Its partitions are those of its document (`lanes.rs`), or those that
//! a group gives it (`membership.rs`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Instant;

use invoker_core::document::{EntityDocument, HostDocument};
use invoker_core::function::SettingValue;
use invoker_core::topology::Assignment;
use invoker_core::{names, settings};

use super::ends::Ends;
use super::lanes::{Lane, Lanes, Patience};
use super::membership::{Follower, Membership};
use super::{Backends, Programs, StartError, check};
use crate::lane::{self, Claims, LaneSpec, Pulse};
use crate::log::{Source, TopicPartition};
use crate::program::Program;
use crate::report::{EntityStatus, Report};
use crate::stop::Stop;

/// An entity that was checked, and what its lanes are made from.
pub(super) struct Prepared {
    pub(super) document: Arc<EntityDocument>,
    deployment: String,
    host: String,
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
    pub(super) first_number: u32,
}

/// An entity whose lanes run.
pub(super) struct Running {
    pub(super) document: Arc<EntityDocument>,
    pub(super) program: Arc<dyn Program>,
    pub(super) report: Arc<Report>,
    /// Held for long only while the group moves partitions.
    lanes: Arc<Mutex<Lanes>>,
    /// Where a group says which partitions there are.
    membership: Option<Membership>,
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
        check::assignment(entity, program.description())?;
        let settings =
            settings::resolve(&program.description().settings, &entity.settings).map_err(|problems| {
                let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
                StartError::Settings { entity: entity.id.clone(), problems: problems.join("; ") }
            })?;
        let (prefix, deployment) = (document.prefix.clone(), document.deployment.clone());
        let group = names::group(&prefix, &deployment, &entity.id);
        let (name, id, of) = (document.host.clone(), entity.id.clone(), deployment.clone());
        let transactional_id =
            move |lane| names::transactional_id(&prefix, &of, &id, &name, incarnation, lane);
        Ok(Self {
            deployment,
            host: document.host.clone(),
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
        let first_number = running.all().next_number;
        Self { earlier: Some(running.report.clone()), first_number, ..self }
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
        let (document, program) = (self.document.clone(), self.program.clone());
        let (report, follower) = (self.report.clone(), self.follower());
        let lanes = Arc::new(Mutex::new(Lanes::start(self, &document.partitions)?));
        let membership = match document.assignment {
            Assignment::Group => Some(Membership::start(follower(lanes.clone()))?),
            Assignment::Owned => None,
        };
        Ok(Running { document, program, report, lanes, membership })
    }

    /// Who follows the group, as soon as there are lanes.
    fn follower(&self) -> impl FnOnce(Arc<Mutex<Lanes>>) -> Follower + use<> {
        let (entity, group, host) = (self.document.id.clone(), self.group.clone(), self.host.clone());
        let inputs = self.document.inputs.iter().map(|input| input.topic.clone()).collect();
        let (log, report) = (self.backends.log.clone(), self.report.clone());
        move |lanes| Follower { entity, group, host, inputs, log, lanes, report }
    }

    /// Starts a lane; `claims` is what is known of its partitions.
    pub(super) fn lane(&self, number: u32, partitions: Vec<u32>, claims: Claims) -> Result<Lane, StartError> {
        let (stop, pulse) = (Stop::default(), Arc::<Pulse>::default());
        let spec = LaneSpec {
            deployment: self.deployment.clone(),
            group: self.group.clone(),
            transactional_id: (self.transactional_id)(number),
            entity: self.document.clone(),
            program: self.program.clone(),
            settings: self.settings.clone(),
            claims: claims.clone(),
            log: self.backends.log.clone(),
            state: self.backends.state.clone(),
            report: self.report.clone(),
            stop: stop.clone(),
            pulse: pulse.clone(),
        };
        let (commands, told) = crossbeam_channel::unbounded();
        let name = format!("lane {}", self.document.id);
        let thread = std::thread::Builder::new().name(name).spawn(move || lane::run(&spec, &told))?;
        Ok(Lane { number, partitions, claims, commands, told: 0, stop, pulse, thread })
    }
}

impl Running {
    pub(super) fn id(&self) -> &str {
        &self.document.id
    }

    fn all(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` while partitions move.
    fn at_rest(&self) -> Option<MutexGuard<'_, Lanes>> {
        match self.lanes.try_lock() {
            Ok(lanes) => Some(lanes),
            Err(TryLockError::Poisoned(lanes)) => Some(lanes.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Lanes that have not been seen to end.
    pub(super) fn lanes(&self) -> usize {
        self.all().count()
    }

    /// Lanes that ended though nobody asked them to; while partitions move, none is seen.
    pub(super) fn stopped_lanes(&self) -> usize {
        self.at_rest().map_or(0, |lanes| lanes.finished())
    }

    /// Whether every partition of the document has a lane; a group gives its own.
    fn is_whole(&self) -> bool {
        let missing = |lanes: &Lanes| lanes.partitions().len() < self.document.partitions.len();
        self.document.assignment == Assignment::Group || !missing(&self.all())
    }

    /// Gives up lanes that hang, and starts others in their places. Says what it did; while partitions move, nothing.
    pub(super) fn replace_hung(&self, source: &dyn Source) -> Result<Vec<String>, StartError> {
        self.at_rest().map_or_else(|| Ok(Vec::new()), |mut lanes| lanes.replace_hung(source))
    }

    /// Threads of lanes that hung and still do.
    #[cfg(test)]
    pub(super) fn left_behind(&self) -> usize {
        self.all().left_behind.len()
    }

    /// Starts those lanes again, with the partitions that they had.
    pub(super) fn start_again(&mut self) -> Result<(), StartError> {
        self.all().start_again()
    }

    /// Whether this is what the document asks for.
    pub(super) fn is_as(&self, entity: &EntityDocument, program: Option<&Arc<dyn Program>>) -> bool {
        *self.document == *entity && self.runs(program) && self.is_whole()
    }

    /// Whether this is what the document asks for, but for the partitions. Lanes that ended by themselves cannot be
    /// given any.
    pub(super) fn is_as_but_for_partitions(
        &self,
        entity: &EntityDocument,
        program: Option<&Arc<dyn Program>>,
    ) -> bool {
        let running = &self.document;
        let moved =
            EntityDocument { partitions: running.partitions.clone(), lanes: running.lanes, ..entity.clone() };
        **running == moved && self.runs(program) && self.all().finished() == 0
    }

    fn runs(&self, program: Option<&Arc<dyn Program>>) -> bool {
        program.is_some_and(|program| program.digest() == self.program.digest())
    }

    /// Owns exactly the partitions of `entity` when it returns, or when `until` has passed; those that a group gave are
    /// dealt out to its lanes anew. Says how many lanes were to end and did not in time.
    pub(super) fn reassign(&mut self, entity: &EntityDocument, until: Instant) -> Result<usize, StartError> {
        self.document = Arc::new(entity.clone());
        let mut lanes = self.all();
        lanes.follow(&self.document);
        let partitions = match entity.assignment {
            Assignment::Owned => entity.partitions.clone(),
            Assignment::Group => lanes.partitions(),
        };
        lanes.own(&partitions, Patience { until, unless: None, taken: true })
    }

    pub(super) fn ask_to_end(&self) {
        match &self.membership {
            // Only it knows when all have let go, so that the group may be left.
            Some(membership) => membership.ask_to_end(),
            None => self.all().ask_to_end(),
        }
    }

    /// Says how many lanes are not done; the membership of a group counts as one.
    pub(super) fn join_finished(&mut self) -> usize {
        if self.membership.as_ref().is_some_and(|membership| !membership.is_finished()) {
            return self.lanes().max(1);
        }
        self.membership = None;
        self.all().join_finished()
    }

    pub(super) fn status(&self, ends: &mut Ends) -> EntityStatus {
        let Self { document, report, .. } = self;
        let mut status = report.snapshot(&document.id);
        for at in &mut status.partitions {
            let inputs = document.inputs.iter().zip(&at.committed);
            let lags = inputs.map(|(input, &committed)| {
                let tp = TopicPartition { topic: input.topic.clone(), partition: at.partition };
                ends.lag(&tp, committed)
            });
            at.lag = lags.sum();
        }
        status.lag = status.partitions.iter().map(|at| at.lag).sum();
        status
    }
}
