//! Whether entities have processed everything there is.

use invoker_core::document::HostDocument;
use invoker_host::log::{Log, Source, TopicPartition};
use invoker_host::{EntityStatus, HostStatus, PartitionState, PartitionStatus};

use crate::data::log_failed;
use crate::error::Error;

/// Knows the inputs of each entity and where they end.
pub(super) struct Drain {
    source: Box<dyn Source>,
    /// Entity and its input topics, in the order of its committed positions.
    inputs: Vec<(String, Vec<String>)>,
}

impl Drain {
    pub(super) fn new(log: &dyn Log, document: &HostDocument) -> Result<Self, Error> {
        let source = log.source().map_err(|error| log_failed("cannot read the log", &error))?;
        let inputs = document.entities.iter().map(|entity| {
            (entity.id.clone(), entity.inputs.iter().map(|input| input.topic.clone()).collect())
        });
        Ok(Self { source, inputs: inputs.collect() })
    }

    /// Whether every partition has either stopped or committed up to the end of its inputs.
    ///
    /// `status` must have been taken before this is called: ends are read now, so what an entity wrote in a
    /// commit that the status knows is part of its reader's end.
    pub(super) fn is_settled(&self, status: &HostStatus) -> Result<bool, Error> {
        for entity in &status.entities {
            for partition in &entity.partitions {
                if !self.is_done(entity, partition)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn is_done(&self, entity: &EntityStatus, at: &PartitionStatus) -> Result<bool, Error> {
        if matches!(at.state, PartitionState::Stopped { .. }) {
            return Ok(true);
        }
        let Some((_, topics)) = self.inputs.iter().find(|(id, _)| *id == entity.id) else { return Ok(true) };
        if at.committed.len() != topics.len() {
            return Ok(false);
        }
        for (topic, &committed) in topics.iter().zip(&at.committed) {
            let place = TopicPartition { topic: topic.clone(), partition: at.partition };
            let (_, end) = self
                .source
                .bounds(&place)
                .map_err(|error| log_failed(&format!("cannot read topic {topic:?}"), &error))?;
            if committed < end {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
