//! Runs a host document: one set of lanes per entity, on the backends that were picked. Takes up a changed document
//! while it runs: entities that changed are ended and started, partitions that come or go are taken or let go of, all
//! else keeps running. Knows no file and no signal.

mod check;
mod deal;
mod ends;
mod entity;
mod error;
mod growth;
mod lanes;
mod membership;
mod stall;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use invoker_core::document::HostDocument;

use crate::log::Log;
use crate::program::Program;
use crate::report::HostStatus;
use crate::state::StateStore;
use ends::Ends;
use entity::{Prepared, Running};
pub use error::{StartError, StopError};

/// What the lanes stand on.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "backends have nothing to show")]
pub struct Backends {
    pub log: Arc<dyn Log>,
    pub state: Arc<dyn StateStore>,
}

/// Functions by the id of their entity.
pub type Programs = BTreeMap<String, Arc<dyn Program>>;

/// What became of the entities when a document was taken up, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub started: Vec<String>,
    /// Took or let go of partitions; what they keep ran on.
    pub reassigned: Vec<String>,
    /// Ended, for they changed, and started again.
    pub restarted: Vec<String>,
    pub ended: Vec<String>,
    /// Went on running, untouched.
    pub kept: Vec<String>,
    /// Lanes that did not end in time. Whatever they still try is refused: their partitions are others' now.
    pub late: usize,
}

/// A running document.
pub struct Host {
    document: HostDocument,
    backends: Backends,
    incarnation: u64,
    entities: Vec<Running>,
    /// Ended entities of which lanes are not done yet.
    late: Vec<Running>,
    watch: stall::Watch,
    ends: Mutex<Ends>,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<_> = self.entities.iter().map(Running::id).collect();
        f.debug_struct("Host").field("entities", &ids).finish_non_exhaustive()
    }
}

impl Host {
    /// Starts every lane of the document. Everything is checked before the first one starts.
    pub fn start(document: HostDocument, programs: Programs, backends: Backends) -> Result<Self, StartError> {
        let incarnation = rand::random::<u64>();
        let prepare = |entity| Prepared::new(&document, entity, &programs, &backends, incarnation);
        let prepared = document.entities.iter().map(prepare).collect::<Result<Vec<_>, _>>()?;
        prepared.iter().for_each(Prepared::expect_groups);
        let ends = Mutex::new(Ends::of(backends.log.source()?));
        let entities = start_all(prepared)?;
        let watch = stall::Watch::from(Instant::now());
        Ok(Self { document, backends, incarnation, entities, late: Vec::new(), watch, ends })
    }

    /// Whether a document could be started on these backends. Starts nothing.
    pub fn check(
        document: &HostDocument,
        programs: &Programs,
        backends: &Backends,
    ) -> Result<(), StartError> {
        let check = |entity| Prepared::new(document, entity, programs, backends, 0).map(drop);
        document.entities.iter().try_for_each(check)
    }

    /// What runs.
    pub fn document(&self) -> &HostDocument {
        &self.document
    }

    /// What it runs on.
    pub fn backends(&self) -> &Backends {
        &self.backends
    }

    /// Takes up a later document on the same ground (services, deployment, prefix, host). Entities that are as they
    /// were are not touched; where only partitions come or go, the others run on; one that changed otherwise commits,
    /// lets go of its partitions and starts anew. `deadline` is how long that may take before others take what it had.
    /// Everything is checked before the first one ends. After [`StartError::Thread`] the document is what runs, and
    /// what lacks a lane gets it when the same document is applied again.
    pub fn apply(
        &mut self,
        document: HostDocument,
        programs: Programs,
        deadline: Duration,
    ) -> Result<Change, StartError> {
        self.check_generation(&document)?;
        if !document.stands_on_the_same(&self.document) {
            return Err(StartError::OtherGround);
        }
        let (mut change, prepared) = self.prepare(&document, &programs)?;
        let stays = |id: &str| change.kept.iter().chain(&change.reassigned).any(|stays| stays == id);
        let (staying, mut ending): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.entities).into_iter().partition(|running| stays(running.id()));
        self.entities = staying;
        let gone = ending.iter().map(Running::id).filter(|id| !change.restarted.iter().any(|r| r == id));
        change.ended = gone.map(str::to_owned).collect();
        let until = Instant::now() + deadline;
        end(&mut ending, until);
        self.late.retain_mut(|running| running.join_finished() > 0);
        change.late = ending.iter().map(Running::lanes).sum();
        self.late.extend(ending);
        self.document = document;
        let mut failed = None;
        for running in &mut self.entities {
            if let Some(entity) = self.document.entities.iter().find(|entity| entity.id == running.id())
                && change.reassigned.contains(&entity.id)
            {
                match running.reassign(entity, until) {
                    Ok(late) => change.late += late,
                    Err(error) => failed = Some(error),
                }
            }
        }
        for entity in prepared {
            entity.expect_groups();
            match entity.start() {
                Ok(running) => self.entities.push(running),
                Err(error) => failed = Some(error),
            }
        }
        let place = |id: &str| self.document.entities.iter().position(|entity| entity.id == id);
        self.entities.sort_by_key(|running| place(running.id()));
        failed.map_or(Ok(change), Err)
    }

    /// What is to become of each entity, and those that are to be started. Touches nothing.
    fn prepare(
        &self,
        document: &HostDocument,
        programs: &Programs,
    ) -> Result<(Change, Vec<Prepared>), StartError> {
        let (mut change, mut starting) = (Change::default(), Vec::new());
        for entity in &document.entities {
            let program = programs.get(&entity.id);
            let running = self.entities.iter().find(|running| running.id() == entity.id);
            if running.is_some_and(|running| running.is_as(entity, program)) {
                change.kept.push(entity.id.clone());
                continue;
            }
            let prepared = Prepared::new(document, entity, programs, &self.backends, self.incarnation)?;
            let list = match running {
                Some(running) if running.is_as_but_for_partitions(entity, program) => &mut change.reassigned,
                Some(running) => {
                    starting.push(prepared.in_place_of(running));
                    &mut change.restarted
                }
                None => {
                    starting.push(prepared);
                    &mut change.started
                }
            };
            list.push(entity.id.clone());
        }
        Ok((change, starting))
    }

    /// Refuses a document that is older than what runs, or says something else under the same number.
    pub(crate) fn check_generation(&self, document: &HostDocument) -> Result<(), StartError> {
        let (given, running) = (document.generation, self.document.generation);
        if given < running {
            return Err(StartError::OldGeneration { given, running });
        }
        if given == running && *document != self.document {
            return Err(StartError::SameGeneration { generation: given });
        }
        Ok(())
    }

    /// Entities of which a lane has ended though nobody asked it to.
    pub fn stopped(&self) -> Vec<String> {
        let stopped = self.entities.iter().filter(|running| running.stopped_lanes() > 0);
        stopped.map(|running| running.id().to_owned()).collect()
    }

    /// Starts the lanes of an entity again that ended by themselves: what stopped them may have been mended elsewhere.
    pub fn start_again(&mut self, entity: &str) -> Result<(), StartError> {
        let running = self.entities.iter_mut().find(|running| running.id() == entity);
        running.map_or(Ok(()), Running::start_again)
    }

    /// What a host does beside its lanes; whoever runs one calls it about once a second. Says what it did.
    pub fn tend(&mut self) -> Result<Vec<String>, StartError> {
        if !self.watch.can_judge(Instant::now()) {
            return Ok(Vec::new());
        }
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told = Vec::new();
        for running in &mut self.entities {
            told.extend(running.replace_hung(ends.source())?);
        }
        Ok(told)
    }

    /// Threads of lanes that hung and still do.
    #[cfg(test)]
    pub(crate) fn left_behind(&self) -> usize {
        self.entities.iter().map(|running| running.left_behind()).sum()
    }

    /// How everything stands now.
    pub fn status(&self) -> HostStatus {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let entities = self.entities.iter().map(|entity| entity.status(&mut ends)).collect();
        HostStatus { entities }
    }

    /// Asks every lane to commit and let go; returns when all have, at most after `deadline`.
    pub fn stop(mut self, deadline: Duration) -> Result<(), StopError> {
        let mut ending = std::mem::take(&mut self.entities);
        ending.append(&mut self.late);
        end(&mut ending, Instant::now() + deadline);
        match ending.iter().map(Running::lanes).sum() {
            0 => Ok(()),
            lanes => Err(StopError { lanes, waited: deadline }),
        }
    }
}

/// All of them, or none.
fn start_all(prepared: Vec<Prepared>) -> Result<Vec<Running>, StartError> {
    let mut started = Vec::with_capacity(prepared.len());
    for entity in prepared {
        match entity.start() {
            Ok(running) => started.push(running),
            Err(error) => {
                started.iter().for_each(Running::ask_to_end);
                return Err(error);
            }
        }
    }
    Ok(started)
}

/// Asks every lane of these entities to end, and waits for them. Entities of which all did have none left.
fn end(entities: &mut [Running], until: Instant) {
    entities.iter().for_each(Running::ask_to_end);
    loop {
        let left: usize = entities.iter_mut().map(Running::join_finished).sum();
        if left == 0 || Instant::now() > until {
            return;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
