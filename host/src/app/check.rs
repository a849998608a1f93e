//! What of an entity must be there before a lane starts.

use invoker_core::document::{EntityDocument, OnFailure};
use invoker_core::function::Description;
use invoker_core::topology::Assignment;

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

/// A group moves partitions from host to host and back as hosts come and go, and a topic that grows only adds to them:
/// state could not follow.
pub(super) fn assignment(entity: &EntityDocument, function: &Description) -> Result<(), StartError> {
    match (entity.assignment, function.states.first()) {
        (Assignment::Group, Some(state)) => {
            Err(StartError::StateInGroup { entity: entity.id.clone(), state: state.name.clone() })
        }
        _ => Ok(()),
    }
}

fn partitions(entity: &EntityDocument, topic: &str, backends: &Backends) -> Result<u32, StartError> {
    match backends.log.topics().describe(topic)? {
        Some(topic) => Ok(topic.partitions),
        None => Err(StartError::NoTopic { entity: entity.id.clone(), topic: topic.to_owned() }),
    }
}
