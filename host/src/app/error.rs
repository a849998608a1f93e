//! Why a document cannot be run, or does not end in order.

use std::time::Duration;

use crate::log;

/// Why a document cannot be run. What runs already is not touched, but where a lane's thread does not start: then all
/// that can be done of the document is, and the rest when it is taken up again.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("entity {entity:?} has no function")]
    NoFunction { entity: String },
    #[error("entity {entity:?} names topic {topic:?}, which does not exist")]
    NoTopic { entity: String, topic: String },
    #[error(
        "entity {entity:?} reads topic {topic:?} of {found} partitions and is to own partition {partition}"
    )]
    NoPartition { entity: String, topic: String, found: u32, partition: u32 },
    #[error("entity {entity:?} has assignment: group, and its function keeps the state {state:?}")]
    StateInGroup { entity: String, state: String },
    #[error("settings of entity {entity:?}: {problems}")]
    Settings { entity: String, problems: String },
    #[error("generation {given} is older than {running}, which runs")]
    OldGeneration { given: u64, running: u64 },
    #[error("generation {generation} runs already, with other contents")]
    SameGeneration { generation: u64 },
    #[error("the document names other services, or another deployment, prefix or host, than what runs")]
    OtherGround,
    #[error("start of the log's reader failed")]
    Log(#[from] log::Error),
    #[error("start of a lane's thread failed")]
    Thread(#[from] std::io::Error),
}

impl StartError {
    /// Whether waiting can help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Log(error) => error.is_retryable(),
            // The machine has no room for another one at the moment.
            Self::Thread(_) => true,
            _ => false,
        }
    }
}

/// A stop that did not end in time.
#[derive(Debug, thiserror::Error)]
#[error("{lanes} lanes did not end within {waited:?}; what they had not committed will run again")]
pub struct StopError {
    pub lanes: usize,
    pub waited: Duration,
}
