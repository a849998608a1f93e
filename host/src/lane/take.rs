//! How ownership of partitions begins and ends: rules 1, 2 and 10 of the delivery protocol.
//!
//! take (compare-and-set in the store) → fence whoever may still write → read the stable committed position →
//! raise the epoch if the log knows a higher one → finish (promote what was committed, drop the rest) → the state
//! must stand where the log stands. Each step is done for all partitions before the next, so that the slow one, the
//! fence, is waited for once.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use invoker_core::commit::Token;
use invoker_core::document::InputDocument;

use super::assignment::Assignment;
use super::emit::Writer;
use super::inputs::{inputs, note_partitions_of_nobody};
use super::owned::{LogTail, Owned};
use super::positions::{Known, known, note, positions};
use super::pulse::Doing;
use super::standing::{committed_id, resume};
use super::times::transaction_timeout;
use super::upkeep::FIRST_RENEWAL;
use super::view::StateView;
use super::{LaneSpec, Session, Trouble};
use crate::log::{self, Committed, PollLimit, Source, TopicPartition};
use crate::report::PartitionState;
use crate::state::cache::Budget;
use crate::state::{Answer, Applied, Scope, Take};

impl<'a> Session<'a> {
    /// A new producer, and every partition of the assignment taken again with it.
    pub(super) fn start(spec: &'a LaneSpec, assignment: &'a mut Assignment) -> Result<Self, Trouble> {
        spec.beat(Doing::Starting);
        let producer = spec
            .log
            .producer_within(&spec.transactional_id, transaction_timeout(spec))
            .map_err(Trouble::log("start the producer"))?;
        let source = spec.log.source().map_err(Trouble::log("start the source"))?;
        let plain = match spec.goes_without_transactions() {
            true => spec.log.plain_producer().map_err(Trouble::log("start the producer of records"))?,
            false => None,
        };
        let writer = Writer::open(producer, plain, spec)?;
        let limits = &spec.entity.limits;
        let most =
            spec.program.description().max_records.unwrap_or(u32::MAX).min(limits.batch_records).max(1);
        let partitions = assignment.wanted();
        let inputs = inputs(spec).map_err(Trouble::log("look at the inputs"))?;
        note_partitions_of_nobody(spec, &inputs);
        let mut session = Self {
            spec,
            assignment,
            source,
            writer,
            inputs,
            inputs_checked_at: Instant::now(),
            partitions: Vec::with_capacity(partitions.len()),
            slots: Vec::new(),
            batch: Default::default(),
            part: Default::default(),
            scratch: Default::default(),
            budget: Budget::new(limits.state_cache_bytes),
            open_since: None,
            sweep_at: Instant::now(),
            stall_checked_at: Instant::now(),
            empty_polls: 0,
            has_committed: false,
            limit: PollLimit { records: most as usize, bytes: limits.batch_bytes },
        };
        session.take(&partitions)?;
        Ok(session)
    }

    /// Takes partitions and starts to read them; one that must not run is reported and left out.
    pub(super) fn take(&mut self, partitions: &[u32]) -> Result<(), Trouble> {
        let (mut taken, mut old_ids) = (Vec::with_capacity(partitions.len()), BTreeSet::new());
        for &partition in partitions {
            self.spec.beat(Doing::Taking);
            let scope = self.spec.scope(partition);
            if let Some((token, old)) = self.claim(&scope)? {
                old_ids.extend(old);
                taken.push((scope, token));
            }
        }
        old_ids.remove(&self.spec.transactional_id);
        let old_ids: Vec<_> = old_ids.into_iter().collect();
        for some in old_ids.chunks(log::FENCED_AT_ONCE) {
            self.spec.beat(Doing::Fencing);
            self.spec.log.fence(some).map_err(Trouble::log("fence earlier owners"))?;
        }
        for (scope, token) in taken {
            self.settle_in(scope, token)?;
        }
        Ok(())
    }

    /// Becomes the owner in the store; `None` = another host took the partition after this lane had it.
    fn claim(&mut self, scope: &Scope) -> Result<Option<(Token, Vec<String>)>, Trouble> {
        let (spec, failed) = (self.spec, || Trouble::state("take a partition"));
        loop {
            let seen = spec.state.owner(scope).map_err(failed())?;
            // What was seen before it was given up is no longer so, and the take is refused.
            spec.must_be_wanted()?;
            let Some(nonce) = self.assignment.nonce_for(scope.partition, seen) else {
                self.lose(scope.partition);
                return Ok(None);
            };
            match spec.state.take(scope, nonce, &spec.transactional_id, seen).map_err(failed())? {
                Take::Taken { token, old_ids, .. } => {
                    self.assignment.owned(scope.partition, token);
                    return Ok(Some((token, old_ids)));
                }
                Take::Moved => {}
            }
        }
    }

    /// The rest of a take, when nobody else can commit for the partition any more.
    fn settle_in(&mut self, scope: Scope, token: Token) -> Result<(), Trouble> {
        let (spec, partition) = (self.spec, scope.partition);
        let committed = stable_positions(spec, self.source.as_ref(), partition)?;
        let (token, applied) = finish(spec, &scope, token, &committed)?;
        self.assignment.owned(partition, token);
        let (changed, unnoted) = match known(spec, &scope, &self.inputs)? {
            Known::Fit { changed, note } => (changed, note),
            Known::Unfit(error) => {
                refuse(spec, partition, error);
                return Ok(());
            }
        };
        let resumed = match resume(spec, &committed, applied.as_ref(), &changed) {
            Ok(resumed) => resumed,
            Err(error) => {
                refuse(spec, partition, error);
                return Ok(());
            }
        };
        if let Some(meta) = unnoted {
            note(spec, &scope, token, &meta)?;
        }
        let positions =
            positions(spec, self.source.as_ref(), partition, |input| resumed.get(input).copied().flatten())?;
        // A position that was chosen must be kept even if no record comes.
        let is_saved = committed.iter().all(Option::is_some);
        let until_renewal = if is_saved { FIRST_RENEWAL.mul_f64(rand::random()) } else { Duration::ZERO };
        self.read(scope, token, positions, applied, Instant::now() + until_renewal)
    }

    /// Starts to read a partition at these positions, one per input.
    fn read(
        &mut self,
        scope: Scope,
        token: Token,
        positions: Vec<u64>,
        applied: Option<Applied>,
        renew_at: Instant,
    ) -> Result<(), Trouble> {
        let (spec, partition) = (self.spec, scope.partition);
        let mut slots = Vec::with_capacity(positions.len());
        for (input, &position) in positions.iter().enumerate() {
            let slot = self
                .source
                .assign(&input_partition(&spec.entity.inputs, input, partition), position)
                .map_err(Trouble::log("start to read"))?;
            self.slots.resize(self.slots.len().max(slot + 1), NO_SLOT);
            if let Some(entry) = self.slots.get_mut(slot) {
                *entry = (self.partitions.len(), input);
            }
            slots.push(slot);
        }
        spec.set_state(partition, PartitionState::Running);
        spec.set_committed(partition, &positions, 0);
        self.partitions.push(Owned {
            partition,
            view: StateView::of(&spec.state, &spec.program.description().states, &scope, &self.budget),
            scope,
            token,
            slots,
            committed_next: positions.clone(),
            next: positions,
            committed: applied.map(|applied| applied.id),
            renew_at,
            sequence: 0,
            touched: false,
            unpromoted: false,
            idle: Vec::new(),
            processor: None,
            retry: None,
            stopped: false,
            log: LogTail::default(),
        });
        Ok(())
    }

    /// A planned end: commit, promote, clear the own transactional id so that the next taker fences nobody.
    pub(super) fn finish(&mut self) -> Result<(), Trouble> {
        let all: Vec<_> = self.partitions.iter().map(|owned| owned.partition).collect();
        self.let_go(&all)
    }

    /// The planned end of some partitions; the others go on.
    pub(super) fn let_go(&mut self, partitions: &[u32]) -> Result<(), Trouble> {
        // If this aborts, what was not committed is read again by whoever comes next.
        self.commit()?;
        self.promote()?;
        for partition in partitions {
            let Some(owned) = self.drop_partition(*partition) else { continue };
            let release = self.spec.state.release(&owned.scope, owned.token);
            release.map_err(Trouble::state("release a partition"))?;
        }
        Ok(())
    }

    /// Stops reading a partition and forgets all that is in memory of it.
    pub(super) fn drop_partition(&mut self, partition: u32) -> Option<Owned> {
        let at = self.partitions.iter().position(|owned| owned.partition == partition)?;
        let owned = self.partitions.swap_remove(at);
        for &slot in &owned.slots {
            self.source.unassign(slot);
            self.slots.get_mut(slot).into_iter().for_each(|entry| *entry = NO_SLOT);
        }
        for &slot in self.partitions.get(at).into_iter().flat_map(|moved| &moved.slots) {
            self.slots.get_mut(slot).into_iter().for_each(|entry| entry.0 = at);
        }
        Some(owned)
    }
}

/// A slot of the source that no partition has.
const NO_SLOT: (usize, usize) = (usize::MAX, 0);

/// Reports a partition that must not run.
fn refuse(spec: &LaneSpec, partition: u32, error: String) {
    tracing::error!(entity = spec.entity.id, partition, error, "partition not started");
    spec.set_state(partition, PartitionState::Stopped { error });
}

pub(super) fn input_partition(inputs: &[InputDocument], input: usize, partition: u32) -> TopicPartition {
    TopicPartition {
        topic: inputs.get(input).map(|input| input.topic.clone()).unwrap_or_default(),
        partition,
    }
}

/// Makes what was committed the state, under an epoch that is above every committed one.
fn finish(
    spec: &LaneSpec,
    scope: &Scope,
    mut token: Token,
    committed: &[Option<Committed>],
) -> Result<(Token, Option<Applied>), Trouble> {
    let failed = || Trouble::state("take a partition");
    let known = committed_id(committed);
    if let Some(id) = known
        && id.token.epoch >= token.epoch
    {
        let epoch = id.token.epoch + 1;
        if spec.state.raise(scope, token, epoch).map_err(failed())? != Answer::Ok {
            return Err(moved(scope));
        }
        token.epoch = epoch;
    }
    match spec.state.finish(scope, token, known).map_err(failed())? {
        Some(applied) => Ok((token, applied)),
        None => Err(moved(scope)),
    }
}

pub(super) fn moved(scope: &Scope) -> Trouble {
    Trouble::recover("take a partition", format!("partition {} was taken by another lane", scope.partition))
}

/// The stable committed position of every input. A time-out means ask again, never fall back.
fn stable_positions(
    spec: &LaneSpec,
    source: &dyn Source,
    partition: u32,
) -> Result<Vec<Option<Committed>>, Trouble> {
    let began = Instant::now();
    let one = |input: usize| loop {
        spec.beat(Doing::LookingUpPositions);
        let tp = input_partition(&spec.entity.inputs, input, partition);
        match source.committed(&spec.group, &tp) {
            Err(log::Error::TimedOut { what }) if spec.stop.requested() => {
                return Err(Trouble::recover("read committed positions", what));
            }
            Err(log::Error::TimedOut { what }) => {
                let (entity, waited) = (&spec.entity.id, began.elapsed());
                let why = "a transaction of an earlier owner is open, or the group has no coordinator";
                tracing::warn!(entity, partition, what, why, ?waited, "waiting for the committed position");
            }
            answer => return answer.map_err(Trouble::log("read committed positions")),
        }
    };
    (0..spec.entity.inputs.len()).map(one).collect()
}
