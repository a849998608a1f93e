//! Why a host does not start, or cannot take up a document.

use invoker_core::exit::Exit;
use invoker_core::message::{Message, described};

use super::functions::FunctionError;
use crate::app::{StartError, StopError};
use crate::config::ConfigError;
use crate::services::ServiceError;

/// Why a host does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the configuration cannot be used")]
    Config(#[from] ConfigError),
    #[error("a function cannot be used")]
    Function(#[from] FunctionError),
    #[error("a service cannot be used")]
    Service(#[from] ServiceError),
    #[error("the document cannot be run")]
    Start(#[from] StartError),
    #[error("the host did not end in order")]
    Stop(#[from] StopError),
}

impl Error {
    /// Whether waiting can help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Service(error) => error.is_retryable(),
            Self::Start(error) => error.is_retryable(),
            Self::Function(error) => error.is_retryable(),
            Self::Config(_) | Self::Stop(_) => false,
        }
    }

    /// What a shell sees.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config(_) => Exit::Topology,
            Self::Function(error) if error.is_of_service() => Exit::Service,
            Self::Function(_) => Exit::Function,
            Self::Service(ServiceError::Data { .. } | ServiceError::Log(_) | ServiceError::State(_)) => {
                Exit::Data
            }
            Self::Service(ServiceError::Secret { .. }) => Exit::Topology,
            Self::Service(_) | Self::Start(StartError::Log(_)) => Exit::Service,
            Self::Start(StartError::Thread(_)) => Exit::Internal,
            Self::Start(_) => Exit::Topology,
            Self::Stop(_) => Exit::Interrupted,
        }
    }

    /// What, why and what to do; several where several fields are wrong.
    pub fn messages(&self) -> Vec<Message> {
        match self {
            Self::Config(error) => error.messages(),
            Self::Function(error) => vec![error.message()],
            Self::Service(error) => vec![error.message()],
            Self::Start(error) => vec![Message::new(self.to_string(), described(error), start_help(error))],
            Self::Stop(error) => {
                let help = "nothing to mend: another host goes on from the last commit";
                vec![Message::new(self.to_string(), error, help)]
            }
        }
    }
}

fn start_help(error: &StartError) -> &'static str {
    match error {
        StartError::NoTopic { .. } => "make the topic, or correct its name",
        StartError::NoPartition { .. } => "give the entity partitions that its inputs have",
        StartError::StateInGroup { .. } => "a group is for functions without state: name its partitions",
        StartError::Settings { .. } | StartError::NoFunction { .. } => "mend the entity in the document",
        StartError::OldGeneration { .. } | StartError::SameGeneration { .. } => {
            "give the changed document a higher generation"
        }
        StartError::OtherGround => "stop the host and start it with the new document",
        StartError::Log(_) => "check that the log can be reached",
        StartError::Thread(_) => "raise the limits of the process on threads and memory",
    }
}
