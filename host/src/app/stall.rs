//! Lanes that hang: in a call of a client that never returns, a thread cannot help itself, and cannot be ended from
//! outside. Owns when a lane counts as hanging, and how another comes in its place.
//!
//! A lane hangs when it has been at one step for longer than [`lane::stall_after`] while its inputs hold more than it has
//! committed. Each wait of a lane that is in order (for a retry, for readers, between two recoveries, for news) is made of
//! short steps, and each call of a client has a time-out; a partition that was stopped has no say. Where the log does
//! not tell how far its inputs go, it is away, and another lane would be no better off.
//!
//! The thread is left behind. Its lane may wake at any time: the new one has another transactional id, takes the
//! partitions and fences the old id like that of any earlier owner, and so refuses what the old one still tries.

use std::time::{Duration, Instant};

use super::StartError;
use super::lanes::{Lane, Lanes};
use crate::lane::{self, Doing};
use crate::log::{self, Source, TopicPartition};
use crate::report::{PartitionState, add};

/// How often the time may double that a lane is given, when those before it still hang.
const DOUBLINGS: u32 = 6;

/// A watch that was kept at greater intervals than this says nothing: the whole process stood still, lanes too. For as long
/// again they are given time to show that they go on.
const STOOD_STILL: Duration = Duration::from_secs(5);

/// Whether what a watch sees can be trusted.
#[derive(Debug)]
pub(super) struct Watch {
    last: Instant,
    trusted_from: Instant,
}

impl Watch {
    pub(super) fn from(now: Instant) -> Self {
        Self { last: now, trusted_from: now }
    }

    /// To be asked each time that lanes are looked at.
    pub(super) fn can_judge(&mut self, now: Instant) -> bool {
        if now - self.last > STOOD_STILL {
            self.trusted_from = now + STOOD_STILL;
        }
        self.last = now;
        now >= self.trusted_from
    }
}

/// A lane that hangs.
struct Hung {
    doing: Doing,
    since: Duration,
    behind: Behind,
}

/// What waits for a lane.
#[derive(Default)]
struct Behind {
    partitions: Vec<u32>,
    records: u64,
}

impl Lanes {
    /// Gives up lanes that hang, and starts others in their places. Says what it did.
    pub(super) fn replace_hung(&mut self, source: &dyn Source) -> Result<Vec<String>, StartError> {
        self.left_behind.retain(|thread| !thread.is_finished());
        let given = lane::stall_after(&self.made_from.document, self.made_from.program.description());
        // What makes one lane after the other hang would otherwise fill the process with their threads.
        let given = given * 2u32.pow((self.left_behind.len() as u32).min(DOUBLINGS));
        let mut told = Vec::new();
        for at in 0..self.lanes.len() {
            let Some(lane) = self.lanes.get(at) else { continue };
            let Some(Hung { doing, since, behind }) = self.hangs(lane, given, source) else { continue };
            let (entity, lane, seconds) = (&self.made_from.document.id, lane.number, since.as_secs());
            let Behind { partitions, records: lag } = behind;
            let doing = doing.to_string();
            tracing::error!(
                entity,
                lane,
                ?partitions,
                lag,
                seconds,
                doing,
                "lane hangs: it is left behind, and another takes its partitions"
            );
            told.push(format!(
                "entity {entity:?}: lane {lane} {doing} for {seconds} s while {lag} records of partitions {partitions:?} wait; \
                 it is left behind, and another takes them"
            ));
            self.replace(at)?;
        }
        Ok(told)
    }

    /// `None` = it does not hang, or nobody can tell.
    fn hangs(&self, lane: &Lane, given: Duration, source: &dyn Source) -> Option<Hung> {
        if lane.pulse.seen().1 < given || lane.thread.is_finished() {
            return None;
        }
        let behind = self.behind(lane, source).ok().filter(|behind| behind.records > 0)?;
        // It may have come back while the log was asked.
        let (doing, since) = lane.pulse.seen();
        (since >= given).then_some(Hung { doing, since, behind })
    }

    /// Records between what the partitions of a lane have committed and the ends of their inputs.
    fn behind(&self, lane: &Lane, source: &dyn Source) -> Result<Behind, log::Error> {
        let mut behind = Behind::default();
        for &partition in &lane.partitions {
            let standing = self.made_from.report.standing(partition);
            let (state, committed) = standing.unwrap_or((PartitionState::Starting, Vec::new()));
            if state.ended().is_some() {
                continue;
            }
            let mut records = 0;
            for (input, document) in self.made_from.document.inputs.iter().enumerate() {
                let (start, end) =
                    source.bounds(&TopicPartition { topic: document.topic.clone(), partition })?;
                records += end.saturating_sub(committed.get(input).copied().unwrap_or(start));
            }
            if records > 0 {
                behind.partitions.push(partition);
                behind.records += records;
            }
        }
        Ok(behind)
    }

    fn replace(&mut self, at: usize) -> Result<(), StartError> {
        let Some(hung) = self.lanes.get_mut(at) else { return Ok(()) };
        hung.pulse.give_up();
        hung.stop.request();
        let new = hung.next(&self.made_from, self.next_number)?;
        self.next_number += 1;
        self.left_behind.push(std::mem::replace(hung, new).thread);
        add(&self.made_from.report.stalls, 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stood_still_gives_others_time_to_go_on() {
        let start = Instant::now();
        let at = |second| start + Duration::from_secs(second);
        let mut watch = Watch::from(start);
        assert!((1..10).all(|second| watch.can_judge(at(second))));
        let judged: Vec<u64> = (100..110).filter(|&second| watch.can_judge(at(second))).collect();
        assert_eq!(judged, [105, 106, 107, 108, 109], "frozen for a minute and a half");
    }
}
