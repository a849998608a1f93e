//! How ownership of a partition begins and ends: rules 1, 2 and 10 of the delivery protocol.
//!
//! take (compare-and-set in the store) → fence whoever may still write → read the stable committed position →
//! raise the epoch if the log knows a higher one → finish (promote what was committed, drop the rest) → the state
//! must stand where the log stands.

use std::time::Instant;

use invoker_core::commit::{CommitId, Token};
use invoker_core::document::{Delivery, InputDocument, OnStateLoss, StartPosition};

use super::emit::Writer;
use super::owned::{LogTail, Owned};
use super::view::StateView;
use super::{LaneSpec, Session, Trouble};
use crate::log::{self, Committed, PollLimit, Source, TopicPartition};
use crate::report::PartitionState;
use crate::state::cache::Budget;
use crate::state::{Answer, Applied, Meta, Scope, Take};

/// Where the log and the state say that a partition stands.
#[derive(Debug, PartialEq, Eq)]
enum Standing {
    /// Nothing was ever committed.
    Fresh,
    /// Both agree, or the state may rightly be ahead (at-least-once).
    Agreed,
    /// They disagree.
    Lost,
}

impl<'a> Session<'a> {
    /// A new producer, and every partition taken again with it.
    pub(super) fn start(spec: &'a LaneSpec) -> Result<Self, Trouble> {
        let producer =
            spec.log.producer(&spec.transactional_id).map_err(Trouble::log("start the producer"))?;
        let source = spec.log.source().map_err(Trouble::log("start the source"))?;
        let writer = Writer::open(producer, spec)?;
        let limits = &spec.entity.limits;
        let most =
            spec.program.description().max_records.unwrap_or(u32::MAX).min(limits.batch_records).max(1);
        let mut session = Self {
            spec,
            source,
            writer,
            partitions: Vec::with_capacity(spec.partitions.len()),
            slots: Vec::new(),
            batch: Default::default(),
            part: Default::default(),
            scratch: Default::default(),
            budget: Budget::new(limits.state_cache_bytes),
            open_since: None,
            swept_at: Instant::now(),
            limit: PollLimit { records: most as usize, bytes: limits.batch_bytes },
        };
        for &partition in &spec.partitions {
            if spec.stop.requested() {
                break;
            }
            session.take(partition)?;
        }
        Ok(session)
    }

    /// Takes one partition and starts to read it; one that must not run is reported and left out.
    fn take(&mut self, partition: u32) -> Result<(), Trouble> {
        let spec = self.spec;
        let scope = Scope { deployment: spec.deployment.clone(), entity: spec.entity.id.clone(), partition };
        let Owner { token, committed, applied } = own(spec, self.source.as_ref(), &scope)?;
        let refuse = |error: String| {
            tracing::error!(entity = spec.entity.id, partition, error, "partition not started");
            spec.report.set_state(partition, PartitionState::Stopped { error });
        };
        if let Err(error) = check_meta(spec, &scope, token)? {
            refuse(error);
            return Ok(());
        }
        let standing = standing(spec.entity.delivery, &committed, applied.as_ref());
        let positions = match (standing, spec.entity.on_state_loss) {
            (Standing::Lost, OnStateLoss::Fail) => {
                refuse(lost_text(&committed, applied.as_ref()));
                return Ok(());
            }
            (Standing::Lost, OnStateLoss::Rewind) => {
                tracing::warn!(
                    entity = spec.entity.id,
                    partition,
                    "state lost: going back to where the state stands"
                );
                let next = applied.as_ref().map(|applied| applied.next.as_slice()).unwrap_or_default();
                positions(spec, self.source.as_ref(), partition, |input| next.get(input).copied())?
            }
            _ => positions(spec, self.source.as_ref(), partition, |input| {
                committed.get(input).and_then(Option::as_ref).map(|committed| committed.offset)
            })?,
        };
        let mut slots = Vec::with_capacity(positions.len());
        for (input, &position) in positions.iter().enumerate() {
            let slot = self
                .source
                .assign(&input_partition(&spec.entity.inputs, input, partition), position)
                .map_err(Trouble::log("start to read"))?;
            self.slots.resize(self.slots.len().max(slot + 1), (usize::MAX, 0));
            if let Some(entry) = self.slots.get_mut(slot) {
                *entry = (self.partitions.len(), input);
            }
            slots.push(slot);
        }
        spec.report.set_state(partition, PartitionState::Running);
        spec.report.set_committed(partition, &positions, 0);
        self.partitions.push(Owned {
            partition,
            view: StateView::of(&spec.state, &spec.program.description().states, &scope, &self.budget),
            scope,
            token,
            slots,
            committed_next: positions.clone(),
            next: positions,
            committed: applied.map(|applied| applied.id),
            committed_at: Instant::now(),
            sequence: 0,
            touched: false,
            unpromoted: false,
            unsaved: committed.iter().any(Option::is_none),
            processor: None,
            retry: None,
            stopped: false,
            log: LogTail::default(),
        });
        Ok(())
    }

    /// A planned end: commit, promote, clear the own transactional id so that the next taker fences nobody.
    pub(super) fn finish(mut self) -> Result<(), Trouble> {
        self.commit()?;
        self.promote()?;
        for owned in &self.partitions {
            self.spec
                .state
                .release(&owned.scope, owned.token)
                .map_err(Trouble::state("release a partition"))?;
        }
        Ok(())
    }
}

pub(super) fn input_partition(inputs: &[InputDocument], input: usize, partition: u32) -> TopicPartition {
    TopicPartition {
        topic: inputs.get(input).map(|input| input.topic.clone()).unwrap_or_default(),
        partition,
    }
}

/// What is known of a partition once it is owned.
struct Owner {
    token: Token,
    /// Per input.
    committed: Vec<Option<Committed>>,
    applied: Option<Applied>,
}

/// Becomes the owner. When it returns, nobody else can commit for this partition.
fn own(spec: &LaneSpec, source: &dyn Source, scope: &Scope) -> Result<Owner, Trouble> {
    let failed = || Trouble::state("take a partition");
    let nonce = rand::random::<u64>();
    let (mut token, old_ids) = loop {
        let seen = spec.state.owner(scope).map_err(failed())?;
        match spec.state.take(scope, nonce, &spec.transactional_id, seen).map_err(failed())? {
            Take::Taken { token, old_ids, .. } => break (token, old_ids),
            Take::Moved => {}
        }
    };
    let others: Vec<_> = old_ids.into_iter().filter(|id| *id != spec.transactional_id).collect();
    spec.log.fence(&others).map_err(Trouble::log("fence earlier owners"))?;
    let committed = stable_positions(spec, source, scope.partition)?;
    let known = committed_id(&committed);
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
        Some(applied) => Ok(Owner { token, committed, applied }),
        None => Err(moved(scope)),
    }
}

fn moved(scope: &Scope) -> Trouble {
    Trouble::recover("take a partition", format!("partition {} was taken by another lane", scope.partition))
}

/// The stable committed position of every input. A time-out means ask again, never fall back.
fn stable_positions(
    spec: &LaneSpec,
    source: &dyn Source,
    partition: u32,
) -> Result<Vec<Option<Committed>>, Trouble> {
    let one = |input: usize| loop {
        let tp = input_partition(&spec.entity.inputs, input, partition);
        match source.committed(&spec.group, &tp) {
            Err(log::Error::TimedOut { what }) if spec.stop.requested() => {
                return Err(Trouble::recover("read committed positions", what));
            }
            Err(log::Error::TimedOut { .. }) => {}
            answer => return answer.map_err(Trouble::log("read committed positions")),
        }
    };
    (0..spec.entity.inputs.len()).map(one).collect()
}

/// The commit id in the metadata; every input that has a position carries the same.
fn committed_id(committed: &[Option<Committed>]) -> Option<CommitId> {
    let mut ids = committed.iter().flatten().map(|committed| committed.metadata.parse::<CommitId>().ok());
    let first = ids.next()??;
    ids.all(|id| id == Some(first)).then_some(first)
}

fn standing(delivery: Delivery, committed: &[Option<Committed>], applied: Option<&Applied>) -> Standing {
    let any = committed.iter().any(Option::is_some);
    let id = committed_id(committed);
    match (delivery, id, applied) {
        (_, _, None) if !any => Standing::Fresh,
        // No state is kept, and positions set by hand are a user's good right.
        (Delivery::AtMostOnce, _, _) => Standing::Agreed,
        // State is written before the offsets are, so it may be ahead; behind means that writes were lost.
        (Delivery::AtLeastOnce, None, Some(_)) if !any => Standing::Agreed,
        (Delivery::AtLeastOnce, Some(id), Some(applied)) if order(applied.id) >= order(id) => {
            Standing::Agreed
        }
        (Delivery::ExactlyOnce, Some(id), Some(applied)) if applied.id == id && same(committed, applied) => {
            Standing::Agreed
        }
        _ => Standing::Lost,
    }
}

fn order(id: CommitId) -> (u64, u64) {
    (id.token.epoch, id.sequence)
}

/// Whether both name the same positions. An input that was added since has no say.
fn same(committed: &[Option<Committed>], applied: &Applied) -> bool {
    committed
        .iter()
        .zip(&applied.next)
        .all(|(committed, next)| committed.as_ref().is_none_or(|committed| committed.offset == *next))
}

fn lost_text(committed: &[Option<Committed>], applied: Option<&Applied>) -> String {
    let log: Vec<_> = committed
        .iter()
        .map(|committed| {
            committed.as_ref().map_or("none".to_owned(), |c| format!("{} ({})", c.offset, c.metadata))
        })
        .collect();
    let state =
        applied.map_or("nothing".to_owned(), |applied| format!("{:?} ({})", applied.next, applied.id));
    format!(
        "state and committed offsets disagree: the log stands at {}, the state at {state}; \
         set onStateLoss to rewind or accept to go on",
        log.join(", ")
    )
}

/// The position of each input: what was read, else where reading is to start.
fn positions(
    spec: &LaneSpec,
    source: &dyn Source,
    partition: u32,
    known: impl Fn(usize) -> Option<u64>,
) -> Result<Vec<u64>, Trouble> {
    let one = |(input, document): (usize, &InputDocument)| match known(input) {
        Some(offset) => Ok(offset),
        None => {
            let tp = input_partition(&spec.entity.inputs, input, partition);
            start_position(source, &tp, &document.start).map_err(Trouble::log("find the start position"))
        }
    };
    spec.entity.inputs.iter().enumerate().map(one).collect()
}

fn start_position(
    source: &dyn Source,
    tp: &TopicPartition,
    start: &StartPosition,
) -> Result<u64, log::Error> {
    match start {
        StartPosition::Earliest => Ok(source.bounds(tp)?.0),
        StartPosition::Latest => Ok(source.bounds(tp)?.1),
        StartPosition::Timestamp(at) => source.offset_for_time(tp, *at),
        StartPosition::Offsets(offsets) => match offsets.get(&tp.partition) {
            Some(&offset) => Ok(offset),
            None => Ok(source.bounds(tp)?.0),
        },
    }
}

/// Whether this function may read the state that is there; if so the versions it writes are noted.
fn check_meta(spec: &LaneSpec, scope: &Scope, token: Token) -> Result<Result<(), String>, Trouble> {
    let failed = || Trouble::state("read what is known of the state");
    let states = &spec.program.description().states;
    if states.is_empty() {
        return Ok(Ok(()));
    }
    let old = spec.state.meta(scope).map_err(failed())?;
    if let Some(old) = &old {
        if old.partition_count != spec.entity.partition_count {
            return Ok(Err(format!(
                "the state was written with {} partitions and the inputs now have {}, so keys would miss their \
                 state; give the topics their old partition count, or the entity a new id",
                old.partition_count, spec.entity.partition_count
            )));
        }
        for state in states {
            match old.versions.get(&state.name) {
                Some(version) if *version != state.version && !state.reads.contains(version) => {
                    return Ok(Err(format!(
                        "state {:?} was written in version {version}, and the function reads {:?} and {:?} only",
                        state.name, state.version, state.reads
                    )));
                }
                _ => {}
            }
        }
    }
    let mut meta = old.clone().unwrap_or_else(|| Meta {
        format: 1,
        partition_count: spec.entity.partition_count,
        partitioner: "murmur2".to_owned(),
        ..Meta::default()
    });
    meta.versions.extend(states.iter().map(|state| (state.name.clone(), state.version)));
    if old.as_ref() != Some(&meta)
        && spec.state.set_meta(scope, token, &meta).map_err(failed())? == Answer::Refused
    {
        return Err(moved(scope));
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(epoch: u64, sequence: u64) -> CommitId {
        CommitId { token: Token { epoch, nonce: 9 }, sequence }
    }

    fn at(offset: u64, id: CommitId) -> Option<Committed> {
        Some(Committed { offset, metadata: id.to_string() })
    }

    fn applied(id: CommitId, next: &[u64]) -> Applied {
        Applied { id, next: next.to_vec() }
    }

    #[test]
    fn a_partition_never_committed_is_fresh() {
        for delivery in [Delivery::ExactlyOnce, Delivery::AtLeastOnce, Delivery::AtMostOnce] {
            assert_eq!(standing(delivery, &[None, None], None), Standing::Fresh);
        }
    }

    #[test]
    fn exactly_once_demands_the_same_id_and_positions() {
        let known = [at(5, id(2, 7)), at(9, id(2, 7))];
        let is = |applied: &Applied| standing(Delivery::ExactlyOnce, &known, Some(applied));
        assert_eq!(is(&applied(id(2, 7), &[5, 9])), Standing::Agreed);
        assert_eq!(is(&applied(id(2, 6), &[5, 9])), Standing::Lost, "another commit");
        assert_eq!(is(&applied(id(2, 7), &[5, 8])), Standing::Lost, "offsets set by hand");
        assert_eq!(standing(Delivery::ExactlyOnce, &known, None), Standing::Lost, "state gone");
        assert_eq!(
            standing(Delivery::ExactlyOnce, &[None, None], Some(&applied(id(2, 7), &[5, 9]))),
            Standing::Lost,
            "offsets gone"
        );
    }

    #[test]
    fn offsets_without_a_readable_id_count_as_lost() {
        let by_hand = [Some(Committed { offset: 5, metadata: String::new() })];
        assert_eq!(standing(Delivery::ExactlyOnce, &by_hand, Some(&applied(id(1, 1), &[5]))), Standing::Lost);
    }

    #[test]
    fn an_input_added_later_does_not_count() {
        let known = [at(5, id(2, 7)), None];
        let applied = applied(id(2, 7), &[5]);
        assert_eq!(standing(Delivery::ExactlyOnce, &known, Some(&applied)), Standing::Agreed);
    }

    #[test]
    fn at_least_once_lets_the_state_be_ahead_but_not_behind() {
        let known = [at(5, id(2, 7))];
        let is = |id| standing(Delivery::AtLeastOnce, &known, Some(&applied(id, &[6])));
        assert_eq!(
            (is(id(2, 8)), is(id(3, 1)), is(id(2, 6))),
            (Standing::Agreed, Standing::Agreed, Standing::Lost)
        );
        assert_eq!(
            standing(Delivery::AtLeastOnce, &[None], Some(&applied(id(1, 1), &[6]))),
            Standing::Agreed,
            "stopped before the first offsets were written"
        );
    }

    #[test]
    fn a_lost_partition_names_both_positions() {
        let text = lost_text(&[at(5, id(2, 7))], Some(&applied(id(2, 6), &[4])));
        assert!(text.contains("the log stands at 5 (2.0000000000000009.7)"), "{text}");
        assert!(text.contains("the state at [4] (2.0000000000000009.6)"), "{text}");
    }
}
