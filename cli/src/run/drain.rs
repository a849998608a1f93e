//! Whether entities have processed everything there is.
//!
//! The end of an input is an offset, and offsets may be gaps: the mark that ends a transaction takes one. Whether a
//! position stands in front of records or of gaps alone is found by reading on from there, once it has stood still.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use invoker_core::document::HostDocument;
use invoker_core::records::RecordBatch;
use invoker_host::log::{self, Log, PollLimit, Source, TopicPartition};
use invoker_host::{EntityStatus, HostStatus, PartitionStatus};

use crate::data::log_failed;
use crate::error::Error;

/// How long a position must stand still in front of an end before it is looked whether anything lies between.
const STILL: Duration = Duration::from_millis(200);
/// How long a look waits for a record.
const LOOK: Duration = Duration::from_millis(500);

/// Knows the inputs of each entity and where they end.
pub(super) struct Drain {
    source: Box<dyn Source>,
    /// Entity and its input topics, in the order of its committed positions.
    inputs: Vec<(String, Vec<String>)>,
    /// Per partition of an entity's input.
    stood: HashMap<(String, TopicPartition), Standstill>,
}

/// A position that stands still in front of an end.
#[derive(Clone, Copy)]
struct Standstill {
    committed: u64,
    end: u64,
    since: Instant,
    /// It was looked, and nothing but gaps lies between.
    gaps_alone: bool,
}

impl Drain {
    pub(super) fn new(log: &dyn Log, document: &HostDocument) -> Result<Self, Error> {
        let source = log.source().map_err(|error| log_failed("cannot read the log", &error))?;
        let inputs = document.entities.iter().map(|entity| {
            (entity.id.clone(), entity.inputs.iter().map(|input| input.topic.clone()).collect())
        });
        Ok(Self { source, inputs: inputs.collect(), stood: HashMap::new() })
    }

    /// Whether every partition of this process has either stopped or committed up to the end of its inputs.
    ///
    /// `status` must have been taken before this is called: ends are read now, so what an entity wrote in a
    /// commit that the status knows is part of its reader's end.
    pub(super) fn is_settled(&mut self, status: &HostStatus) -> Result<bool, Error> {
        for entity in &status.entities {
            if entity.unassigned {
                return Ok(false);
            }
            for partition in &entity.partitions {
                if !self.is_done(entity, partition)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn is_done(&mut self, entity: &EntityStatus, at: &PartitionStatus) -> Result<bool, Error> {
        if at.state.ended().is_some() {
            return Ok(true);
        }
        let Some((_, topics)) = self.inputs.iter().find(|(id, _)| *id == entity.id) else { return Ok(true) };
        if at.committed.len() != topics.len() {
            return Ok(false);
        }
        for (topic, &committed) in topics.clone().iter().zip(&at.committed) {
            let place = TopicPartition { topic: topic.clone(), partition: at.partition };
            let done = self.is_at_end(&entity.id, place, committed);
            if !done.map_err(|error| log_failed(&format!("cannot read topic {topic:?}"), &error))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_at_end(&mut self, entity: &str, place: TopicPartition, committed: u64) -> Result<bool, log::Error> {
        let end = self.source.written(&place)?;
        if committed >= end {
            return Ok(true);
        }
        let fresh = Standstill { committed, end, since: Instant::now(), gaps_alone: false };
        let stood = self.stood.entry((entity.to_owned(), place.clone())).or_insert(fresh);
        if (stood.committed, stood.end) != (committed, end) {
            *stood = fresh;
        }
        if !stood.gaps_alone && stood.since.elapsed() >= STILL {
            stood.gaps_alone = holds_nothing(self.source.as_mut(), &place, committed, end)?;
            stood.since = Instant::now();
        }
        Ok(stood.gaps_alone)
    }
}

/// Whether no record lies from `from` to `end`.
fn holds_nothing(
    source: &mut dyn Source,
    place: &TopicPartition,
    from: u64,
    end: u64,
) -> Result<bool, log::Error> {
    let slot = source.assign(place, from)?;
    let limit = PollLimit { records: 1, bytes: 1 << 20 };
    let (began, mut batch) = (Instant::now(), RecordBatch::default());
    let found = loop {
        match source.poll(limit, LOOK, &mut batch) {
            Ok(Some(_)) => break Ok(false),
            Ok(None) if source.position(slot) >= end => break Ok(true),
            Ok(None) if began.elapsed() >= LOOK => break Ok(false),
            Ok(None) => {}
            Err(error) => break Err(error),
        }
    };
    source.unassign(slot);
    found
}
