//! What a lane does when the log does not hold the position that an input has come to: it was away for longer than the
//! records are kept, or the topic was cut behind it.

use std::time::Instant;

use invoker_core::document::{Delivery, OnOffsetOutOfRange};

use super::{Session, Trouble};
use crate::log::Error;
use crate::report::{PartitionState, add};

impl Session<'_> {
    /// Stops the partition, or goes on where the entity's `onOffsetOutOfRange` says. State is not touched. The new
    /// position is part of the next commit, and as it was chosen, of one soon.
    pub(super) fn out_of_range(&mut self, gone: &Error) -> Result<(), Trouble> {
        let Error::OffsetOutOfRange { topic, partition, offset, start, end } = gone else { return Ok(()) };
        let to = match self.spec.entity.on_offset_out_of_range {
            OnOffsetOutOfRange::Stop => {
                let error = format!(
                    "{gone} (onOffsetOutOfRange: stop); choose `earliest` or `latest` to go on without what is missing"
                );
                self.stop_partition(*partition, &error);
                return Ok(());
            }
            OnOffsetOutOfRange::Earliest => *start,
            OnOffsetOutOfRange::Latest => *end,
        };
        let input = self.spec.entity.inputs.iter().position(|input| input.topic == *topic);
        let at = self.partitions.iter().position(|owned| owned.partition == *partition);
        let (Some(input), Some(at)) = (input, at) else { return Ok(()) };
        // Behind the end, there is nothing that could be counted: the log does not know what was there.
        let skipped = to.saturating_sub(*offset);
        let entity = &self.spec.entity.id;
        tracing::warn!(
            entity,
            topic,
            partition,
            position = offset,
            start,
            end,
            to,
            skipped,
            "the log does not hold the position: reading goes on at another (onOffsetOutOfRange)"
        );
        add(&self.spec.report.out_of_range, skipped);
        self.move_to(at, input, to)
    }

    fn move_to(&mut self, at: usize, input: usize, to: u64) -> Result<(), Trouble> {
        let Some(owned) = self.partitions.get_mut(at) else { return Ok(()) };
        let (Some(next), Some(&slot)) = (owned.next.get_mut(input), owned.slots.get(input)) else {
            return Ok(());
        };
        *next = to;
        (owned.touched, owned.renew_at) = (true, Instant::now());
        if owned.retry.is_some_and(|retry| retry.input == input) {
            owned.retry = None;
            self.spec.set_state(owned.partition, PartitionState::Running);
        }
        self.source.seek(slot, to).map_err(Trouble::log("go on at another position"))?;
        if self.delivery() == Delivery::AtMostOnce {
            // There positions are committed in front of records, and at no other time.
            self.count_as_done(at, input)?;
        }
        Ok(())
    }
}
