//! An entity without state whose partitions a group of the log deals out: any number of hosts share them.
//!
//! The group is the source of the assignment and no more. What it gives is taken as any other partition is, which fences
//! whoever had it; so a member that was frozen, or that the group has given up, can do no harm, whatever it believes.
//! What it takes away is committed and let go of before the group hears that another may have it, so that the next host
//! need not fence anybody.
//!
//! Two hosts may believe for a moment that they have the same partition, and the one that the group forgot may take it
//! last. Then nobody would read it: so a host takes back what the group still says is its own, after a while in which
//! the other has heard better.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::StartError;
use super::lanes::{Lanes, Patience};
use crate::log::{self, Dealt, Log, Member};
use crate::report::Report;
use crate::stop::Stop;

/// How often it is looked at what the group does not tell.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long lanes may take to let go of what the group gives to others; then these fence them.
const LET_GO: Duration = Duration::from_secs(20);
/// How often partitions that wait for an input, or for a lane that did not start, are tried again.
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(if cfg!(test) { 20 } else { 1_000 });
/// By then, a host that has lost a partition to this one has heard of it, if the group hears of that host at all.
const TAKE_BACK_AFTER: Duration = Duration::from_millis(if cfg!(test) { 50 } else { 5_000 });
/// Waits before a group is joined anew.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The thread that follows a group.
pub(super) struct Membership {
    stop: Stop,
    thread: JoinHandle<()>,
}

/// What it needs.
pub(super) struct Follower {
    pub(super) entity: String,
    pub(super) group: String,
    pub(super) host: String,
    /// The first is what the group deals out.
    pub(super) inputs: Vec<String>,
    pub(super) log: Arc<dyn Log>,
    pub(super) lanes: Arc<Mutex<Lanes>>,
    pub(super) report: Arc<Report>,
}

impl Membership {
    pub(super) fn start(follower: Follower) -> Result<Self, StartError> {
        let stop = Stop::default();
        let (stopped, name) = (stop.clone(), format!("group {}", follower.entity));
        follower.report.unassigned.store(true, Ordering::Relaxed);
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            Following::new(follower, stopped).run();
        })?;
        Ok(Self { stop, thread })
    }

    /// Lets go of everything, then leaves the group.
    pub(super) fn ask_to_end(&self) {
        self.stop.request();
    }

    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}

struct Following {
    follower: Follower,
    stop: Stop,
    /// What the group says is this host's.
    dealt: BTreeSet<u32>,
    /// Partitions of these that another host has taken, since when.
    taken: BTreeMap<u32, Instant>,
    /// Partitions that each further input was last seen to have.
    counts: BTreeMap<String, u32>,
    /// When the lanes were last given what the group says.
    given: Instant,
}

impl Following {
    fn new(follower: Follower, stop: Stop) -> Self {
        let (dealt, taken, counts) = Default::default();
        Self { follower, stop, dealt, taken, counts, given: Instant::now() }
    }

    fn run(mut self) {
        let mut wait = FIRST_WAIT;
        while !self.stop.requested() {
            let (entity, group) = (self.follower.entity.clone(), self.follower.group.clone());
            let joined = Instant::now();
            if let Err(error) = self.follow() {
                let why = crate::lane::described(&error);
                tracing::warn!(entity, group, why, "not in the group any more, and joins again");
                self.lose();
            }
            wait = if joined.elapsed() > LONGEST_WAIT { FIRST_WAIT } else { (wait * 2).min(LONGEST_WAIT) };
            self.stop.wait(wait);
        }
        self.end();
    }

    /// Joins, and does what the group says until it is to end or the membership does.
    fn follow(&mut self) -> Result<(), log::Error> {
        let Follower { log, group, host, inputs, .. } = &self.follower;
        let topic = inputs.first().map(String::as_str).unwrap_or_default();
        let mut member = log.join(group, host, topic)?;
        while !self.stop.requested() {
            match member.poll(LOOK_EVERY)? {
                Some(dealt) => self.carry_out(dealt, member.as_mut())?,
                None => self.look(),
            }
        }
        self.end();
        Ok(())
    }

    fn carry_out(&mut self, dealt: Dealt, member: &mut dyn Member) -> Result<(), log::Error> {
        self.taken.clear();
        let entity = &self.follower.entity;
        match dealt {
            Dealt::Given(partitions) => {
                tracing::info!(entity, ?partitions, "the group has given partitions");
                self.dealt.extend(partitions);
                self.own();
                self.follower.report.unassigned.store(false, Ordering::Relaxed);
                Ok(())
            }
            Dealt::Taken(partitions) => {
                tracing::info!(entity, ?partitions, "the group takes partitions away");
                self.dealt.retain(|partition| !partitions.contains(partition));
                self.own();
                member.let_go()
            }
            Dealt::Lost(partitions) => {
                tracing::warn!(entity, ?partitions, "the group has not heard of this host for too long");
                self.lose();
                member.let_go()
            }
        }
    }

    fn lose(&mut self) {
        self.follower.report.unassigned.store(true, Ordering::Relaxed);
        self.dealt.clear();
        self.own();
    }

    /// Gives the lanes what the group says, as far as it can be read.
    fn own(&mut self) {
        self.given = Instant::now();
        let count = self.readable();
        let readable: Vec<u32> = self.dealt.iter().copied().filter(|&partition| partition < count).collect();
        let until = Instant::now() + LET_GO;
        let patience = Patience { until, unless: Some(&self.stop), taken: false };
        if let Err(error) = self.lanes().own(&readable, patience) {
            tracing::error!(entity = self.follower.entity, %error, "a lane did not start");
        }
    }

    /// Partitions that every input has: one that has grown before the others waits for them. Of an input that cannot be
    /// looked at counts what it was seen to have; of one that never could, none can be read yet.
    fn readable(&mut self) -> u32 {
        let Self { follower: Follower { entity, inputs, log, .. }, counts, .. } = self;
        let mut least = u32::MAX;
        for input in inputs.iter().skip(1) {
            match log.topics().describe(input) {
                Ok(Some(topic)) => drop(counts.insert(input.clone(), topic.partitions)),
                Ok(None) => tracing::debug!(entity, input, "an input is not there"),
                Err(error) => tracing::debug!(entity, input, %error, "an input cannot be looked at"),
            }
            least = least.min(counts.get(input).copied().unwrap_or_default());
        }
        least
    }

    /// What the group does not tell: partitions that others have taken though they are not theirs, inputs that have
    /// grown, lanes that did not start.
    fn look(&mut self) {
        let (now, taken) = (Instant::now(), self.follower.report.taken());
        self.taken.retain(|partition, _| taken.contains(partition));
        for partition in taken.into_iter().filter(|partition| self.dealt.contains(partition)) {
            let since = *self.taken.entry(partition).or_insert(now);
            if now - since > TAKE_BACK_AFTER {
                tracing::info!(entity = self.follower.entity, partition, "taken back, for the group says so");
                self.taken.remove(&partition);
                self.lanes().take_back(partition);
            }
        }
        let waits = |lanes: &Lanes| lanes.partitions().len() < self.dealt.len();
        if self.given.elapsed() > TRY_AGAIN_AFTER && waits(&self.lanes()) {
            self.own();
        }
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.follower.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything is let go of before the group is left, so that who is given it finds it free.
    fn end(&self) {
        self.lanes().ask_to_end();
        let all = |lanes: &Lanes| lanes.finished() == lanes.count();
        while !all(&self.lanes()) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
