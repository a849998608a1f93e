//! What of an entity must be there before a lane starts.

use invoker_core::document::{EntityDocument, OnFailure};

use super::{Backends, StartError};

/// Its topics exist, and its inputs have the partitions that it is to own.
pub(super) fn topics(entity: &EntityDocument, backends: &Backends) -> Result<(), StartError> {
    let dead_letters = (entity.on_failure == OnFailure::DeadLetter).then_some(&entity.dead_letter_topic);
    let inputs = entity.inputs.iter().map(|input| &input.topic);
    let written = entity.outputs.iter().flatten().chain(dead_letters);
    for topic in inputs {
        let found = partitions(entity, topic, backends)?;
        if let Some(&partition) = entity.partitions.iter().find(|&&partition| partition >= found) {
            let (entity, topic) = (entity.id.clone(), topic.clone());
            return Err(StartError::NoPartition { entity, topic, found, partition });
        }
    }
    for topic in written {
        partitions(entity, topic, backends)?;
    }
    Ok(())
}

fn partitions(entity: &EntityDocument, topic: &str, backends: &Backends) -> Result<u32, StartError> {
    match backends.log.topics().describe(topic)? {
        Some(topic) => Ok(topic.partitions),
        None => Err(StartError::NoTopic { entity: entity.id.clone(), topic: topic.to_owned() }),
    }
}
