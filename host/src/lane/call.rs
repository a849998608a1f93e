//! One call of the function: its batch and state put together, the answer checked against what the log takes, and
//! either all of it kept or none.

use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use invoker_core::document::{Delivery, OnFailure};
use invoker_core::records::RecordBatch;
use invoker_engine::{BatchResult, CallError, InputBatch, NoState, StateAccess};

use super::emit::{Writer, rest};
use super::failure::{Failure, Kind, Next, isolate};
use super::owned::Owned;
use super::pulse::Doing;
use super::times::{COMMIT_ROOM, deadline, transaction_timeout};
use super::view::StateView;
use super::{LaneSpec, Session, Trouble};
use crate::program::StartOptions;
use crate::report::{PartitionState, add};
use crate::state::cache::CallColumns;

/// How a call ended.
enum Outcome {
    /// The first `consumed` records are done; `stopped` is why the next one is not.
    Kept { consumed: usize, stopped: Option<Failure> },
    /// Nothing of the call counts. The record named is an index into the polled batch.
    Failed(Failure, Option<usize>),
}

/// What one call needs beside the records, kept from call to call.
#[derive(Default)]
pub(super) struct Scratch {
    offset_deltas: Vec<u32>,
    /// Per record its own index, -1 where it has no key: for functions without state.
    key_of: Vec<i32>,
    work: Vec<Range<usize>>,
}

impl Session<'_> {
    /// Processes the polled batch: every record of it is done, failed for good, or will be polled again.
    pub(super) fn process(&mut self, partition: usize, input: usize) -> Result<(), Trouble> {
        if self.delivery() == Delivery::AtMostOnce && !self.count_as_done(partition, input)? {
            return Ok(());
        }
        let mut work = std::mem::take(&mut self.scratch.work);
        work.clear();
        work.push(0..self.batch.len());
        let mut isolating = false;
        while let Some(range) = work.pop() {
            if !self.has_time_for_a_call(isolating) && !self.commit()? {
                break;
            }
            let outcome = self.call(partition, input, range.clone(), isolating)?;
            let goes_on = match outcome {
                Outcome::Kept { consumed, stopped } => {
                    let left = rest(range, consumed);
                    match stopped {
                        Some(failure) => self.stop_at(partition, input, left, &failure, &mut work)?,
                        None => {
                            work.push(left);
                            true
                        }
                    }
                }
                Outcome::Failed(failure, named) => {
                    isolating = true;
                    self.find_poison(partition, input, range, named, &failure, &mut work)?
                }
            };
            if !goes_on {
                break;
            }
            while work.last().is_some_and(Range::is_empty) {
                work.pop();
            }
        }
        self.scratch.work = work;
        Ok(())
    }

    /// Whether the open transaction, if there is one, outlives a call that takes all the time it may.
    fn has_time_for_a_call(&self, isolating: bool) -> bool {
        let call = deadline(self.spec, isolating);
        self.writer.open_for() + call + COMMIT_ROOM / 2 < transaction_timeout(self.spec)
    }

    /// The function could not do the first record of `left`. False = the partition goes no further now.
    fn stop_at(
        &mut self,
        partition: usize,
        input: usize,
        left: Range<usize>,
        failure: &Failure,
        work: &mut Vec<Range<usize>>,
    ) -> Result<bool, Trouble> {
        let at = left.start;
        if self.tries_again(failure) && self.retry_later(partition, input, at, failure)? {
            return Ok(false);
        }
        let goes_on = self.fail(partition, input, at, failure)?;
        if goes_on {
            self.advance(partition, input, at + 1);
            work.push(rest(left, 1));
        }
        Ok(goes_on)
    }

    /// A call failed as a whole: try again if that may help, else cut it until the poison record stands alone.
    fn find_poison(
        &mut self,
        partition: usize,
        input: usize,
        range: Range<usize>,
        named: Option<usize>,
        failure: &Failure,
        work: &mut Vec<Range<usize>>,
    ) -> Result<bool, Trouble> {
        if self.tries_again(failure) && self.retry_later(partition, input, range.start, failure)? {
            return Ok(false);
        }
        match isolate(range, named) {
            Next::Isolate(parts) => {
                work.extend(parts);
                Ok(true)
            }
            Next::Poison(at) => {
                let goes_on = self.fail(partition, input, at, failure)?;
                if goes_on {
                    self.advance(partition, input, at + 1);
                }
                Ok(goes_on)
            }
        }
    }

    /// Under at-most-once the record is already accounted for, so there is no second try.
    fn tries_again(&self, failure: &Failure) -> bool {
        failure.kind == Kind::Transient && self.delivery() != Delivery::AtMostOnce
    }

    fn call(
        &mut self,
        partition: usize,
        input: usize,
        range: Range<usize>,
        isolating: bool,
    ) -> Result<Outcome, Trouble> {
        let Some(owned) = self.partitions.get_mut(partition) else {
            return Err(Trouble::recover("call the function", "no such partition"));
        };
        let batch = if range.len() == self.batch.len() {
            &self.batch
        } else {
            self.batch.copy_range(range.clone(), &mut self.part);
            &self.part
        };
        let result = run(self.spec, owned, &mut self.scratch, batch, input, isolating)?;
        let named = |record: usize| Some(range.start + record);
        let result = match result {
            Ok(result) => result,
            Err(error) => {
                let (failure, record) = Failure::of_call(&error)?;
                owned.undo_call(!matches!(error, CallError::Failed(_)));
                return Ok(Outcome::Failed(failure, record.and_then(|record| named(record as usize))));
            }
        };
        if let Err((record, failure)) = acceptable(self.spec, &self.writer, batch, &result)
            .and_then(|()| self.writer.check(batch, &result.outputs))
        {
            owned.undo_call(true);
            return Ok(Outcome::Failed(failure, named(record)));
        }
        self.keep(partition, input, range, result)
    }

    /// Everything that the call gave counts from here on.
    fn keep(
        &mut self,
        partition: usize,
        input: usize,
        range: Range<usize>,
        result: BatchResult,
    ) -> Result<Outcome, Trouble> {
        let Some(owned) = self.partitions.get_mut(partition) else { unreachable_partition() };
        let batch = if range.len() == self.batch.len() { &self.batch } else { &self.part };
        if !result.outputs.sources.is_empty() {
            self.writer.begin_records()?;
        }
        let written = self
            .writer
            .write(batch, owned.partition, &result.outputs)
            .map_err(Trouble::log("write outputs"))?;
        if let Some(view) = &mut owned.view {
            view.keep(&result.states);
        }
        add(&self.spec.report.records_out, written);
        for reject in &result.rejects {
            let failure = Failure::reported(&reject.failure);
            self.fail(partition, input, range.start + reject.record as usize, &failure)?;
        }
        let consumed = result.consumed as usize;
        self.advance(partition, input, range.start + consumed);
        Ok(Outcome::Kept { consumed, stopped: result.stopped.as_ref().map(Failure::reported) })
    }

    /// Records of the polled batch in front of index `to` are done.
    fn advance(&mut self, partition: usize, input: usize, to: usize) {
        let Some(owned) = self.partitions.get_mut(partition) else { return };
        let (Some(&slot), Some(next)) = (owned.slots.get(input), owned.next.get_mut(input)) else { return };
        let before = *next;
        // At the end of a batch the source knows better than the last offset: gaps and markers are behind it.
        *next = self.batch.offsets.get(to).copied().unwrap_or_else(|| self.source.position(slot));
        if *next == before && to == 0 {
            return;
        }
        owned.touched = true;
        if owned.retry.is_some_and(|retry| retry.input == input && retry.offset < *next) {
            owned.retry = None;
            self.spec.set_state(owned.partition, PartitionState::Running);
        }
        let from = self.batch.offsets.partition_point(|&offset| offset < before);
        add(&self.spec.report.records_in, (to.min(self.batch.len()) - from.min(to)) as u64);
    }
}

#[expect(clippy::panic, reason = "indices of partitions are made by this session and never outlive it")]
fn unreachable_partition() -> ! {
    panic!("a partition that was just used is gone")
}

impl Owned {
    /// Forgets what the last call did to the state, and with `replace` the instance too.
    fn undo_call(&mut self, replace: bool) {
        if let Some(view) = &mut self.view {
            view.cache_mut().drop_call();
        }
        if replace {
            self.processor = None;
        }
    }
}

/// Prefetches, calls, and takes the state back.
fn run(
    spec: &LaneSpec,
    owned: &mut Owned,
    scratch: &mut Scratch,
    batch: &RecordBatch,
    input: usize,
    isolating: bool,
) -> Result<Result<BatchResult, CallError>, Trouble> {
    let mut processor = match owned.processor.take() {
        Some(processor) => processor,
        None => match start(spec, owned) {
            Ok(processor) => processor,
            Err(error) if error.is_retryable() => {
                return Err(Trouble::recover("start the function", super::described(&error)));
            }
            Err(error) => {
                return Err(Trouble::Fatal { what: "start the function", why: super::described(&error) });
            }
        },
    };
    let first_offset = batch.offsets.first().copied().unwrap_or_default();
    scratch.offset_deltas.clear();
    scratch.offset_deltas.extend(batch.offsets.iter().map(|offset| (offset - first_offset) as u32));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
    let columns = match &mut owned.view {
        Some(view) => view.begin(batch, now).map_err(Trouble::state("read state"))?,
        None => {
            scratch.key_of.clear();
            let own = |(at, &end): (usize, &i32)| if end < 0 { -1 } else { at as i32 };
            scratch.key_of.extend(batch.keys.ends.iter().enumerate().map(own));
            CallColumns::default()
        }
    };
    let stateless = owned.view.is_none();
    let request = InputBatch {
        input: input as u16,
        partition: owned.partition,
        first_offset,
        offset_deltas: &scratch.offset_deltas,
        event_times: &batch.timestamps,
        watermark: None,
        now,
        attempt: owned.attempt_of(input, first_offset),
        keys: if stateless { &batch.keys } else { &columns.keys },
        key_of: if stateless { &scratch.key_of } else { &columns.key_of },
        values: &batch.values,
        headers: (spec.program.description().headers == invoker_core::function::HeaderUse::Read)
            .then_some(&batch.headers),
        states: &columns.states,
    };
    let deadline = deadline(spec, isolating);
    let lent: Box<dyn StateAccess> = match owned.view.take() {
        Some(view) => view,
        None => Box::new(NoState),
    };
    spec.beat(Doing::Calling);
    let (result, lent) = processor.process(&request, lent, deadline);
    if !stateless {
        let mut view = StateView::back(lent)?;
        view.reuse(columns);
        owned.view = Some(view);
    }
    owned.processor = Some(processor);
    Ok(result)
}

fn start(spec: &LaneSpec, owned: &Owned) -> Result<Box<dyn crate::program::Processor>, CallError> {
    let limits = &spec.entity.limits;
    let tail = owned.log.clone();
    let (entity, partition) = (spec.entity.id.clone(), owned.partition);
    owned.log.clear();
    spec.program.start(StartOptions {
        deployment: &spec.deployment,
        entity: &spec.entity.id,
        settings: &spec.settings,
        memory_bytes: limits.memory_bytes,
        output_bytes: limits.output_bytes,
        init_deadline: Duration::from_millis(limits.batch_deadline_ms),
        log: std::sync::Arc::new(move |line| {
            tail.push(&line);
            crate::program::trace(&entity, partition, &line);
        }),
    })
}

/// What the engine cannot know: a result must bring the partition forward, and nothing may count behind a rejected record
/// that stops the partition.
fn acceptable(
    spec: &LaneSpec,
    writer: &Writer,
    batch: &RecordBatch,
    result: &BatchResult,
) -> Result<(), (usize, Failure)> {
    if result.consumed == 0 && result.stopped.is_none() && !batch.is_empty() {
        let why = "the function accounted for no record and gave no reason";
        return Err((0, Failure::new(Kind::BadResult, "no-progress", why)));
    }
    let may_stop = |record: u32| {
        spec.entity.on_failure == OnFailure::Stop || writer.may_not_bury(batch, record as usize)
    };
    let first =
        result.rejects.iter().filter(|reject| may_stop(reject.record)).min_by_key(|reject| reject.record);
    first.map_or(Ok(()), |first| Err((first.record as usize, Failure::reported(&first.failure))))
}
