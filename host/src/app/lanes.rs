//! The lanes of one entity: how many there are, and which partitions each has. Owns the order in which partitions move
//! between them; who decides what this host has is others' (`app.rs` by its document, `membership.rs` by a group).

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use invoker_core::document::EntityDocument;

use super::StartError;
use super::deal::deal;
use super::entity::Prepared;
use crate::lane::{Claims, Command, Pulse};
use crate::stop::Stop;

/// How often a wait for lanes looks whether it is given up.
const GLANCE: Duration = Duration::from_millis(20);

/// All lanes of an entity.
pub(super) struct Lanes {
    pub(super) made_from: Prepared,
    pub(super) lanes: Vec<Lane>,
    /// Number of the next lane. None is used twice, so that a lane that was left behind has a transactional id that no
    /// later one has.
    pub(super) next_number: u32,
    /// Threads of lanes that hung and were replaced, or did not end when they were to, until they end.
    pub(super) left_behind: Vec<JoinHandle<()>>,
}

/// A running lane.
pub(super) struct Lane {
    pub(super) number: u32,
    pub(super) partitions: Vec<u32>,
    /// What it knows of them.
    pub(super) claims: Claims,
    pub(super) commands: Sender<Command>,
    /// Commands that it was sent.
    pub(super) told: u64,
    pub(super) stop: Stop,
    pub(super) pulse: Arc<Pulse>,
    pub(super) thread: JoinHandle<()>,
}

/// How long lanes are waited for.
#[derive(Clone, Copy)]
pub(super) struct Patience<'a> {
    pub(super) until: Instant,
    /// Ends the wait before its time.
    pub(super) unless: Option<&'a Stop>,
    /// Whether that what is new is taken is waited for, too, or only that what is given up is let go of.
    pub(super) taken: bool,
}

impl Patience<'_> {
    /// Waits until the other end is dropped: nothing is ever sent.
    fn wait(&self, done: &Receiver<()>) {
        while !self.is_over() && done.recv_timeout(GLANCE) == Err(RecvTimeoutError::Timeout) {}
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until || self.unless.is_some_and(Stop::requested)
    }
}

impl Lanes {
    /// Starts with these partitions; all lanes do, or none.
    pub(super) fn start(made_from: Prepared, partitions: &[u32]) -> Result<Self, StartError> {
        let dealt = deal(&[], partitions, made_from.document.lanes as usize);
        let next_number = made_from.first_number;
        let mut lanes = Self { made_from, lanes: Vec::new(), next_number, left_behind: Vec::new() };
        match dealt.into_iter().try_for_each(|partitions| lanes.add(partitions)) {
            Ok(()) => Ok(lanes),
            Err(error) => {
                lanes.ask_to_end();
                Err(error)
            }
        }
    }

    /// Starts one more lane.
    fn add(&mut self, partitions: Vec<u32>) -> Result<(), StartError> {
        let claims = Claims::of(&partitions);
        self.lanes.push(self.made_from.lane(self.next_number, partitions, claims)?);
        self.next_number += 1;
        Ok(())
    }

    /// Lanes that have not been seen to end.
    pub(super) fn count(&self) -> usize {
        self.lanes.len()
    }

    /// The partitions that they have.
    pub(super) fn partitions(&self) -> Vec<u32> {
        self.lanes.iter().flat_map(|lane| lane.partitions.iter().copied()).collect()
    }

    /// Lanes whose thread has ended.
    pub(super) fn finished(&self) -> usize {
        self.lanes.iter().filter(|lane| lane.thread.is_finished()).count()
    }

    /// Starts those lanes again, with the partitions that they had and others have not taken.
    pub(super) fn start_again(&mut self) -> Result<(), StartError> {
        let Self { made_from, lanes, next_number, .. } = self;
        for lane in lanes.iter_mut().filter(|lane| lane.thread.is_finished()) {
            let new = lane.next(made_from, *next_number)?;
            *next_number += 1;
            if std::mem::replace(lane, new).thread.join().is_err() {
                tracing::error!(entity = made_from.document.id, "a lane panicked");
            }
        }
        Ok(())
    }

    /// Lanes that are started from now on are made from this.
    pub(super) fn follow(&mut self, document: &Arc<EntityDocument>) {
        self.made_from.document = Arc::clone(document);
    }

    /// Has exactly these partitions when it returns, or when patience is at its end: lanes first let go of what they
    /// give up, then take what is new. Partitions that stay where they are run on all the while. Says how many lanes
    /// were to end and did not in time: they are left behind, and their partitions taken from them.
    pub(super) fn own(&mut self, partitions: &[u32], patience: Patience<'_>) -> Result<usize, StartError> {
        let held: Vec<Vec<u32>> = self.lanes.iter().map(|lane| lane.partitions.clone()).collect();
        let mut dealt = deal(&held, partitions, self.made_from.document.lanes as usize);
        let new = dealt.split_off(self.lanes.len().min(dealt.len()));
        let keep = |lane: &Lane, dealt: &[u32]| {
            lane.partitions.iter().copied().filter(|partition| dealt.contains(partition)).collect()
        };
        let kept = self.lanes.iter().zip(&dealt).map(|(lane, dealt)| keep(lane, dealt)).collect();
        let waits = self.assign(kept);
        let rest = self.lanes.split_off(dealt.len());
        rest.iter().for_each(|lane| lane.stop.request());
        waits.iter().for_each(|done| patience.wait(done));
        while rest.iter().any(|lane| !lane.thread.is_finished()) && !patience.is_over() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let late = self.leave_behind(rest);
        for &partition in held.iter().flatten().filter(|partition| !partitions.contains(partition)) {
            self.made_from.report.forget(partition);
        }
        partitions.iter().for_each(|&partition| self.made_from.report.expect(partition));
        let waits = self.assign(dealt);
        if patience.taken {
            waits.iter().for_each(|done| patience.wait(done));
        }
        new.into_iter().try_for_each(|partitions| self.add(partitions))?;
        Ok(late)
    }

    /// Lanes that were asked to end: those that have not are given up, and have no say any more. Says how many.
    fn leave_behind(&mut self, ending: Vec<Lane>) -> usize {
        let (done, late): (Vec<_>, Vec<_>) = ending.into_iter().partition(|lane| lane.thread.is_finished());
        done.into_iter().for_each(|lane| self.join(lane));
        let number = late.len();
        for Lane { number: lane, partitions, pulse, thread, .. } in late {
            let entity = &self.made_from.document.id;
            tracing::warn!(entity, lane, ?partitions, "lane does not end: it is left behind");
            pulse.give_up();
            self.left_behind.push(thread);
        }
        number
    }

    fn join(&self, lane: Lane) {
        if lane.thread.join().is_err() {
            tracing::error!(entity = self.made_from.document.id, "a lane panicked");
        }
    }

    /// Takes a partition anew that another host has taken.
    pub(super) fn take_back(&mut self, partition: u32) {
        if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.partitions.contains(&partition)) {
            let partitions = lane.partitions.clone();
            drop(lane.tell(partitions));
        }
    }

    /// Tells each lane what it is to own; gives what to wait for until those that change have done so.
    fn assign(&mut self, dealt: Vec<Vec<u32>>) -> Vec<Receiver<()>> {
        let mut waits = Vec::new();
        for (lane, partitions) in self.lanes.iter_mut().zip(dealt) {
            if lane.partitions != partitions {
                lane.partitions.clone_from(&partitions);
                waits.push(lane.tell(partitions));
            }
        }
        waits
    }

    pub(super) fn ask_to_end(&self) {
        self.lanes.iter().for_each(|lane| lane.stop.request());
    }

    /// Says how many lanes are not done.
    pub(super) fn join_finished(&mut self) -> usize {
        let (done, running): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.lanes).into_iter().partition(|lane| lane.thread.is_finished());
        done.into_iter().for_each(|lane| self.join(lane));
        self.lanes = running;
        self.lanes.len()
    }
}

impl Lane {
    /// Starts the lane that comes in the place of this one.
    pub(super) fn next(&self, made_from: &Prepared, number: u32) -> Result<Self, StartError> {
        let claims = self.claims.handed_on(&self.partitions, self.told);
        made_from.lane(number, self.partitions.clone(), claims)
    }

    /// Tells it what it is to own; what it gives is dropped when that is done, or when it has ended.
    fn tell(&mut self, partitions: Vec<u32>) -> Receiver<()> {
        let (done, wait) = crossbeam_channel::bounded(0);
        self.told += 1;
        drop(self.commands.send(Command::Assign { partitions, done }));
        wait
    }
}
