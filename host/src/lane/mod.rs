//! A lane: a thread that owns partitions of one entity, with a transactional producer of its own. It is the unit of
//! commit. Everything here is synchronous and sees traits only.
//!
//! The way of one record, file by file:
//!
//! 1. `mod.rs`: poll a batch of one partition,
//! 2. `call.rs`: prefetch its state, call the function once, check what it wants to write,
//! 3. `emit.rs`: hand outputs to the producer, keep state changes in the cache,
//! 4. `failure.rs`: what happens when a record cannot be processed,
//! 5. `commit.rs`: commit outputs, offsets and state together.
//!
//! `take.rs` is how ownership of a partition begins and ends, `assignment.rs` which partitions those are, `inputs.rs` what
//! happens when the topics change, `pulse.rs` what others see of the lane.

mod assignment;
mod call;
mod commit;
mod emit;
mod failure;
mod inputs;
mod owned;
mod positions;
mod pulse;
mod range;
mod standing;
mod take;
#[cfg(test)]
mod tests;
mod times;
mod upkeep;
mod view;

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use invoker_core::document::{Delivery, EntityDocument};
use invoker_core::function::SettingValue;
pub(crate) use invoker_core::message::described;
use invoker_core::records::RecordBatch;

use crate::log::{self, Log, PollLimit, Source};
use crate::program::Program;
use crate::report::{PartitionState, Report, add};
use crate::state::cache::Budget;
use crate::state::{self, Scope, StateStore};
use crate::stop::Stop;
use assignment::Assignment;
pub(crate) use assignment::{Claims, Command};
use call::Scratch;
use emit::Writer;
use inputs::Input;
use owned::Owned;
pub(crate) use pulse::{Doing, Pulse};
pub(crate) use times::stall_after;

/// Longest wait for input of a lane that has nothing to commit; bounds how soon it sees a stop or a due retry.
const IDLE_WAIT: Duration = Duration::from_millis(20);
/// Uncommitted output at which a lane commits before its interval has passed.
const COMMIT_BYTES: usize = 16 << 20;
/// Output that nobody has consumed yet at which a lane waits, where the log tells.
const BACKLOG_BYTES: u64 = 64 << 20;

/// What a lane is made from.
pub(crate) struct LaneSpec {
    pub(crate) deployment: String,
    pub(crate) group: String,
    pub(crate) transactional_id: String,
    pub(crate) entity: Arc<EntityDocument>,
    pub(crate) program: Arc<dyn Program>,
    pub(crate) settings: Vec<(String, SettingValue)>,
    /// Its partitions.
    pub(crate) claims: Claims,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) report: Arc<Report>,
    pub(crate) stop: Stop,
    pub(crate) pulse: Arc<Pulse>,
}

impl LaneSpec {
    fn scope(&self, partition: u32) -> Scope {
        Scope { deployment: self.deployment.clone(), entity: self.entity.id.clone(), partition }
    }

    /// Whether outputs may come from a host that was taken for dead: what was written before may come again behind what was
    /// written later. Where there is state, the last output of a key must be what its state says.
    fn goes_without_transactions(&self) -> bool {
        self.entity.delivery == Delivery::AtLeastOnce && self.program.description().states.is_empty()
    }
}

/// Why a session cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// Nothing in memory can be relied on: start again with a new producer (rule 1 of the protocol).
    #[error("{what}: {why}")]
    Recover { what: &'static str, why: String },
    /// Starting again would meet the same trouble.
    #[error("{what}: {why}")]
    Fatal { what: &'static str, why: String },
}

impl Trouble {
    pub(crate) fn recover(what: &'static str, why: impl ToString) -> Self {
        Self::Recover { what, why: why.to_string() }
    }

    /// The log failed while the lane tried to do `what`.
    fn log(what: &'static str) -> impl Fn(log::Error) -> Self {
        move |error| match error {
            log::Error::Backend { retryable: false, .. } => Self::Fatal { what, why: described(&error) },
            _ => Self::Recover { what, why: described(&error) },
        }
    }

    /// The state store failed while the lane tried to do `what`.
    fn state(what: &'static str) -> impl Fn(state::Error) -> Self {
        move |error| match error {
            state::Error::NewerFormat { .. }
            | state::Error::Damaged { .. }
            | state::Error::Backend { retryable: false, .. } => Self::Fatal { what, why: described(&error) },
            _ => Self::Recover { what, why: described(&error) },
        }
    }
}

/// Waits between two sessions of a lane.
const FIRST_WAIT: Duration = Duration::from_millis(1);
const LONGEST_WAIT: Duration = if cfg!(test) { FIRST_WAIT } else { Duration::from_secs(5) };

/// Runs a lane until it is stopped. Trouble that may pass is met with a new session, after a wait that grows while
/// nothing can be committed.
pub(crate) fn run(spec: &LaneSpec, commands: &Receiver<Command>) {
    let mut assignment = Assignment::of(&spec.claims);
    let mut wait = FIRST_WAIT;
    while !spec.stop.requested() {
        assignment::note(commands, &mut assignment);
        let mut has_committed = false;
        let outcome = Session::start(spec, &mut assignment).and_then(|mut session| {
            let outcome = session.run(commands);
            has_committed = session.has_committed;
            outcome
        });
        match outcome {
            Ok(()) => return,
            Err(trouble @ Trouble::Recover { .. }) => {
                tracing::warn!(entity = spec.entity.id, lane = spec.transactional_id, %trouble, "lane recovers");
                add(&spec.report.recoveries, 1);
                if has_committed {
                    wait = FIRST_WAIT;
                }
                spec.beat(Doing::Recovering);
                spec.stop.wait(wait);
                wait = (wait * 2).min(LONGEST_WAIT);
            }
            Err(trouble @ Trouble::Fatal { .. }) => {
                tracing::error!(entity = spec.entity.id, lane = spec.transactional_id, %trouble, "lane stopped");
                for partition in assignment.wanted() {
                    spec.set_state(partition, PartitionState::Stopped { error: trouble.to_string() });
                }
                return;
            }
        }
    }
}

/// The life of one producer: what is in memory here ends with it.
struct Session<'a> {
    spec: &'a LaneSpec,
    assignment: &'a mut Assignment,
    source: Box<dyn Source>,
    writer: Writer,
    partitions: Vec<Owned>,
    /// Per slot of the source: index into `partitions`, index of the input.
    slots: Vec<(usize, usize)>,
    batch: RecordBatch,
    /// A part of `batch`, where a call does not take it whole.
    part: RecordBatch,
    scratch: Scratch,
    /// Bytes that the caches of all partitions share.
    budget: Arc<Budget>,
    /// When the first record that is not committed was polled.
    open_since: Option<Instant>,
    limit: PollLimit,
    /// It has brought a partition forward.
    has_committed: bool,
    /// When expired state is removed next.
    sweep_at: Instant,
    stall_checked_at: Instant,
    /// Polls that gave nothing since then.
    empty_polls: u32,
    /// What each input was when it was last looked at.
    inputs: Vec<Input>,
    inputs_checked_at: Instant,
}

impl Session<'_> {
    fn run(&mut self, commands: &Receiver<Command>) -> Result<(), Trouble> {
        let interval = Duration::from_millis(self.spec.entity.commit_interval_ms);
        while !self.spec.stop.requested() {
            self.obey(commands)?;
            self.resume_due_retries();
            let wait = match self.open_since {
                None => IDLE_WAIT,
                Some(since) if self.writer.is_plain() => {
                    interval.saturating_sub(since.elapsed()).min(IDLE_WAIT)
                }
                Some(_) => Duration::ZERO,
            };
            self.spec.beat(Doing::Reading);
            let polled = self.poll(wait)?;
            if let Some((partition, input)) = polled {
                let began = Instant::now();
                self.process(partition, input)?;
                self.open_since.get_or_insert(began);
                if self.delivery() != Delivery::ExactlyOnce {
                    self.publish()?;
                }
                self.spec.report.busy(began.elapsed());
            } else if self.open_since.is_none() {
                self.rest()?;
                continue;
            }
            let due = self.open_since.is_some_and(|since| since.elapsed() >= interval);
            // What goes without transactions is seen without a commit, which can wait for its time.
            let ran_out = polled.is_none() && !self.writer.is_plain();
            if ran_out || due || self.is_full() {
                self.commit()?;
                self.look_after()?;
                self.wait_for_readers();
            }
        }
        self.finish()
    }

    /// Fills `self.batch` with records of one partition.
    fn poll(&mut self, wait: Duration) -> Result<Option<(usize, usize)>, Trouble> {
        match self.source.poll(self.limit, wait, &mut self.batch) {
            Ok(Some(slot)) => Ok(self.slots.get(slot).copied()),
            Ok(None) => {
                self.empty_polls = self.empty_polls.saturating_add(1);
                Ok(None)
            }
            Err(gone @ log::Error::OffsetOutOfRange { .. }) => self.out_of_range(&gone).map(|()| None),
            Err(error) => Err(Trouble::log("poll input")(error)),
        }
    }

    /// Nothing to read and nothing open: settle what was committed.
    fn rest(&mut self) -> Result<(), Trouble> {
        self.spec.beat(Doing::Resting);
        self.promote()?;
        self.partitions.iter_mut().for_each(Owned::relieve);
        self.look_after()
    }

    fn is_full(&self) -> bool {
        self.writer.pending_bytes() >= COMMIT_BYTES
            || self.partitions.iter().any(|owned| owned.touched && owned.wants_commit())
    }

    /// Back-pressure: waits while what this entity wrote is far ahead of its readers.
    fn wait_for_readers(&self) {
        for topic in self.spec.entity.outputs.iter().flatten() {
            while self.spec.log.backlog_bytes(topic) > BACKLOG_BYTES && !self.spec.stop.requested() {
                self.spec.beat(Doing::WaitingForReaders);
                self.spec.stop.wait(Duration::from_millis(2));
            }
        }
    }

    /// A partition whose retry is due reads again.
    fn resume_due_retries(&mut self) {
        for owned in &mut self.partitions {
            if let Some(retry) = &mut owned.retry
                && retry.until.is_some_and(|until| until <= Instant::now())
            {
                retry.until = None;
                owned.slots.iter().for_each(|&slot| self.source.resume(slot));
            }
        }
    }

    /// Stops a partition in front of the record that comes next; the others go on.
    fn stop_partition(&mut self, partition: u32, error: &str) {
        if let Some(owned) = self.partitions.iter_mut().find(|owned| owned.partition == partition) {
            tracing::error!(entity = self.spec.entity.id, partition, error, "partition stopped");
            owned.stopped = true;
            owned.slots.iter().for_each(|&slot| self.source.pause(slot));
            self.spec.set_state(partition, PartitionState::Stopped { error: error.to_owned() });
        }
    }

    fn delivery(&self) -> Delivery {
        self.spec.entity.delivery
    }
}
