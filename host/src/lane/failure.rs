//! What happens when a record cannot be processed: it is found, tried again if that may help, and then goes where
//! the entity's `onFailure` says.

use std::ops::Range;
use std::time::{Duration, Instant};

use invoker_core::document::{Delivery, OnFailure, Retry};
use invoker_engine::{CallError, FailureKind};

use super::emit::{LOG, TooLarge};
use super::owned::Retrying;
use super::{Session, Trouble};
use crate::report::{PartitionState, add};

/// Why a record, or a call that held it, failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    /// Short and stable, for counting.
    pub(super) code: String,
    pub(super) message: String,
}

/// What sort of failure it is; the text is what dead letters carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Rejected,
    Transient,
    Panic,
    Trap,
    Deadline,
    Memory,
    OutputTooLarge,
    BadResult,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Transient => "transient",
            Self::Panic => "panic",
            Self::Trap => "trap",
            Self::Deadline => "deadline",
            Self::Memory => "memory",
            Self::OutputTooLarge => "output-too-large",
            Self::BadResult => "bad-result",
        }
    }
}

impl Failure {
    pub(super) fn new(kind: Kind, code: &str, message: impl Into<String>) -> Self {
        Self { kind, code: code.to_owned(), message: message.into() }
    }

    /// A failure that the function itself reported.
    pub(super) fn reported(failure: &invoker_engine::Failure) -> Self {
        let kind = match failure.kind {
            FailureKind::Rejected => Kind::Rejected,
            FailureKind::Transient => Kind::Transient,
        };
        Self::new(kind, &failure.code, failure.message.clone())
    }

    /// What a failed call means for its records, and the record that it names. `Err` where the records are not to
    /// blame.
    pub(super) fn of_call(error: &CallError) -> Result<(Self, Option<u32>), Trouble> {
        let text = super::described(error);
        let failure = match error {
            CallError::Failed(failure) => Self::reported(failure),
            CallError::Panicked { .. } => Self::new(Kind::Panic, "panic", text),
            CallError::Trapped { .. } => Self::new(Kind::Trap, "trap", text),
            CallError::Deadline { .. } => Self::new(Kind::Deadline, "deadline", text),
            CallError::Memory { .. } => Self::new(Kind::Memory, "memory", text),
            CallError::OutputTooLarge { .. } => Self::new(Kind::OutputTooLarge, "output-too-large", text),
            CallError::BadResult(_) | CallError::BadArgument(_) => {
                Self::new(Kind::BadResult, "bad-result", text)
            }
            _ => return Err(Trouble::recover("call the function", text)),
        };
        let named = if let CallError::Panicked { record, .. } = error { *record } else { None };
        Ok((failure, named))
    }
}

/// What is to be done with a range of records whose call failed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Run these, the last one first.
    Isolate(Vec<Range<usize>>),
    /// The record stands alone: it is the one.
    Poison(usize),
}

/// Cuts a failed range so that the poison record comes to stand alone; `named` is the record that the function blames.
pub(super) fn isolate(range: Range<usize>, named: Option<usize>) -> Next {
    if range.len() <= 1 {
        return Next::Poison(range.start);
    }
    let parts = match named.filter(|named| range.contains(named)) {
        Some(named) => vec![named + 1..range.end, named..named + 1, range.start..named],
        None => {
            let middle = range.start + range.len() / 2;
            vec![middle..range.end, range.start..middle]
        }
    };
    Next::Isolate(parts.into_iter().filter(|part| !part.is_empty()).collect())
}

/// The wait before try `attempt` (from 1): doubled each time, up to a quarter of jitter on top (`jitter` in 0..1).
pub(super) fn backoff(retry: &Retry, attempt: u32, jitter: f64) -> Duration {
    let doubled = retry.backoff_ms.saturating_mul(1 << attempt.saturating_sub(1).min(32));
    Duration::from_millis(doubled.min(retry.max_backoff_ms)).mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 4.0)
}

impl Session<'_> {
    /// Puts record `at` of the polled batch off, if it has tries left: the partition reads it again after a wait, and
    /// everything behind it waits too. False = it has none left.
    pub(super) fn retry_later(
        &mut self,
        partition: usize,
        input: usize,
        at: usize,
        failure: &Failure,
    ) -> Result<bool, Trouble> {
        let policy = self.spec.entity.retry;
        let offset = self.batch.offsets.get(at).copied().unwrap_or_default();
        let Some(owned) = self.partitions.get_mut(partition) else { return Ok(false) };
        let attempt = owned.attempt_of(input, offset) + 1;
        if attempt > policy.attempts {
            return Ok(false);
        }
        add(&self.spec.report.retries, 1);
        let until = Instant::now() + backoff(&policy, attempt, rand::random());
        owned.retry = Some(Retrying { input, offset, attempt, until: Some(until) });
        for (&slot, &next) in owned.slots.iter().zip(&owned.next) {
            self.source.pause(slot);
            self.source.seek(slot, next).map_err(Trouble::log("go back to a record"))?;
        }
        let error = format!("{}: {}", failure.code, failure.message);
        self.spec.set_state(owned.partition, PartitionState::Retrying { offset, attempt, error });
        Ok(true)
    }

    /// Record `at` of the polled batch failed for good. False = the partition stops in front of it.
    pub(super) fn fail(
        &mut self,
        partition: usize,
        input: usize,
        at: usize,
        failure: &Failure,
    ) -> Result<bool, Trouble> {
        let entity = &self.spec.entity;
        let Some(owned) = self.partitions.get(partition) else { return Ok(true) };
        let number = owned.partition;
        let topic = entity.inputs.get(input).map(|input| input.topic.as_str()).unwrap_or_default();
        let offset = self.batch.offsets.get(at).copied().unwrap_or_default();
        let log_tail = owned.log.to_string();
        let stops = match entity.on_failure {
            OnFailure::Stop => {
                let key = self.batch.keys.get(at).map(String::from_utf8_lossy);
                let place = match entity.delivery {
                    Delivery::AtMostOnce => "here, and the records polled with it count as done",
                    _ => "in front of it",
                };
                Some(format!(
                    "{topic}[{number}] offset {offset}, key {key:?}: {} ({}): {}; the partition stops {place} \
                     (onFailure: stop)",
                    failure.kind.name(),
                    failure.code,
                    failure.message,
                ))
            }
            OnFailure::Skip => {
                add(&self.spec.report.skipped, 1);
                None
            }
            OnFailure::DeadLetter => {
                let time = self.batch.timestamps.get(at).copied().unwrap_or(-1);
                let provenance = vec![
                    ("invoker-format", "1".to_owned()),
                    ("invoker-entity", entity.id.clone()),
                    ("invoker-topic", topic.to_owned()),
                    ("invoker-partition", number.to_string()),
                    ("invoker-offset", offset.to_string()),
                    ("invoker-timestamp", time.to_string()),
                    ("invoker-error-kind", failure.kind.name().to_owned()),
                    ("invoker-error-code", failure.code.clone()),
                    ("invoker-error-message", failure.message.clone()),
                    ("invoker-function", self.spec.program.digest().to_owned()),
                    (LOG, log_tail),
                ];
                self.writer.begin_records()?;
                let written = self.writer.dead_letter(&self.batch, at, number, provenance);
                match written.map_err(Trouble::log("write a dead letter"))? {
                    Ok(()) => {
                        add(&self.spec.report.dead_letters, 1);
                        None
                    }
                    Err(TooLarge { topic: letters, bytes, limit }) => Some(format!(
                        "{topic}[{number}] offset {offset} failed ({}: {}), and its dead letter of {bytes} bytes, without \
                         value and headers, is over the limit of {limit} of topic {letters:?}; the partition stops in front of \
                         it: allow larger records there, or choose another onFailure",
                        failure.code, failure.message,
                    )),
                }
            }
        };
        add(&self.spec.report.rejected, 1);
        let Some(error) = stops else { return Ok(true) };
        self.go_back(partition)?;
        self.stop_partition(number, &error);
        Ok(false)
    }

    /// The next poll of a partition starts behind what was processed.
    pub(super) fn go_back(&mut self, partition: usize) -> Result<(), Trouble> {
        let Some(owned) = self.partitions.get(partition) else { return Ok(()) };
        for (&slot, &next) in owned.slots.iter().zip(&owned.next) {
            self.source.seek(slot, next).map_err(Trouble::log("go back to a record"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_run_in_order() {
        assert_eq!(isolate(4..8, None), Next::Isolate(vec![6..8, 4..6]));
        assert_eq!(isolate(4..7, None), Next::Isolate(vec![5..7, 4..5]));
        assert_eq!(isolate(4..5, None), Next::Poison(4));
    }

    #[test]
    fn a_named_record_is_run_alone_behind_those_before_it() {
        assert_eq!(isolate(4..8, Some(6)), Next::Isolate(vec![7..8, 6..7, 4..6]));
        assert_eq!(isolate(4..8, Some(4)), Next::Isolate(vec![5..8, 4..5]));
        assert_eq!(isolate(4..8, Some(7)), Next::Isolate(vec![7..8, 4..7]));
        assert_eq!(isolate(4..8, Some(9)), Next::Isolate(vec![6..8, 4..6]), "not of this range");
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let retry = Retry { attempts: 9, backoff_ms: 100, max_backoff_ms: 1_000 };
        let waits: Vec<_> = (1..6).map(|attempt| backoff(&retry, attempt, 0.0).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1000]);
        assert_eq!(backoff(&retry, 1, 1.0).as_millis(), 125);
        assert_eq!(backoff(&retry, u32::MAX, 0.0).as_millis(), 1000);
    }
}
