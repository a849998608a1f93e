//! The inputs of a lane while it runs: whether they are still the topics that they were, whether they have grown, and
//! whether there is nothing to read when nothing comes. Owns what changes; what that means for a partition that is taken is
//! told by `positions.rs`.

use std::time::{Duration, Instant};

use invoker_core::document::InputDocument;
use invoker_core::topology::Assignment;

use super::owned::Idle;
use super::times::stall_after;
use super::{LaneSpec, Session, Trouble, take};
use crate::log;

/// How often a lane looks for partitions that stand still, at most: six times until it would be given up itself.
const STALL_CHECK_EVERY: Duration = Duration::from_secs(10);
/// So many polls without a record say that all that was fetched has been read.
const DRAINED: u32 = 3;
/// How often a lane looks whether its inputs are what they were.
const INPUT_CHECK_EVERY: Duration = Duration::from_secs(1);

/// What an input is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    /// Another one when the topic is deleted and made again; `None` where the log does not tell.
    pub(super) id: Option<String>,
    pub(super) partitions: u32,
}

/// What the inputs are now.
pub(super) fn inputs(spec: &LaneSpec) -> Result<Vec<Input>, log::Error> {
    let one = |input: &InputDocument| match spec.log.topics().describe(&input.topic)? {
        Some(topic) => Ok(Input { id: topic.id, partitions: topic.partitions }),
        None => Err(log::Error::UnknownTopic { topic: input.topic.clone() }),
    };
    let inputs: Vec<Input> = spec.entity.inputs.iter().map(one).collect::<Result<_, _>>()?;
    spec.report.set_found(least(&inputs));
    Ok(inputs)
}

/// Partitions that every input has.
fn least(inputs: &[Input]) -> u32 {
    inputs.iter().map(|input| input.partitions).min().unwrap_or_default()
}

impl Session<'_> {
    /// A source that gives nothing of a partition although there is something has stopped working, whatever it says:
    /// start again. A partition has been left behind by others that are read, not by the source, while no poll was empty.
    pub(super) fn check_for_stall(&mut self) -> Result<(), Trouble> {
        let every = stall_after(&self.spec.entity, self.spec.program.description()) / 6;
        if self.stall_checked_at.elapsed() < every.min(STALL_CHECK_EVERY) {
            return Ok(());
        }
        self.stall_checked_at = Instant::now();
        let drained = std::mem::take(&mut self.empty_polls) >= DRAINED;
        for owned in self.partitions.iter_mut().filter(|owned| owned.runs() && owned.retry.is_none()) {
            owned.idle.resize(owned.next.len(), Idle::default());
            let inputs = owned.slots.iter().zip(&owned.next).zip(&mut owned.idle);
            for (input, ((&slot, &position), idle)) in inputs.enumerate() {
                let before = std::mem::replace(idle, Idle { position, stands: false });
                if before.position != position {
                    continue;
                }
                let of = take::input_partition(&self.spec.entity.inputs, input, owned.partition);
                let (_, end) =
                    self.source.bounds(&of).map_err(Trouble::log("look for the end of an input"))?;
                idle.stands = self.source.position(slot) < end;
                if idle.stands && before.stands && drained {
                    let why = format!("{}[{}] stands at {position} of {end}", of.topic, of.partition);
                    return Err(Trouble::recover("read input, which gives nothing", why));
                }
            }
        }
        Ok(())
    }

    /// A topic that was deleted and made again under its name has other records behind the same offsets; one that has
    /// grown has keys in other partitions than their state. Taking anew finds what that means. Nothing is open while
    /// this asks the log.
    pub(super) fn check_inputs(&mut self) -> Result<(), Trouble> {
        if self.inputs_checked_at.elapsed() < INPUT_CHECK_EVERY {
            return Ok(());
        }
        self.inputs_checked_at = Instant::now();
        let now = match inputs(self.spec) {
            Ok(now) if now == self.inputs => return Ok(()),
            Ok(now) => now,
            // The next poll or commit says so, if it matters.
            Err(error) if error.is_retryable() => return Ok(()),
            Err(error) => return Err(Trouble::log("look at the inputs")(error)),
        };
        if now.iter().zip(&self.inputs).any(|(now, before)| now.id != before.id) {
            return Err(Trouble::recover("read input", "a topic was deleted and made again"));
        }
        let counts = |inputs: &[Input]| inputs.iter().map(|input| input.partitions).collect::<Vec<_>>();
        let (before, found) = (counts(&self.inputs), counts(&now));
        if !self.spec.program.description().states.is_empty() {
            let why = format!("its topics had {before:?} partitions and have {found:?} now");
            return Err(Trouble::recover("read input", why));
        }
        tracing::info!(
            entity = self.spec.entity.id,
            ?before,
            ?found,
            "the inputs have other partition counts"
        );
        self.inputs = now;
        note_partitions_of_nobody(self.spec, &self.inputs);
        Ok(())
    }
}

/// Which partitions are read is the document's to say. Those that it does not know of are nobody's yet.
pub(super) fn note_partitions_of_nobody(spec: &LaneSpec, inputs: &[Input]) {
    let (known, found) = (spec.entity.partition_count, least(inputs));
    // A group deals out whatever there is.
    if found > known && spec.entity.assignment == Assignment::Owned {
        tracing::warn!(
            entity = spec.entity.id,
            known,
            found,
            "the inputs have more partitions than the document knows of; nobody reads those until it does"
        );
    }
}
