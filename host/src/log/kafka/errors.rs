//! Errors of librdkafka in our words: what may pass, and what somebody must mend.

use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::log::Error;

/// Calls again while librdkafka says that it may.
pub(super) fn retried(
    patience: Duration,
    mut call: impl FnMut() -> Result<(), KafkaError>,
) -> Result<(), KafkaError> {
    let deadline = Instant::now() + patience;
    loop {
        match call() {
            Err(KafkaError::Transaction(error)) if error.is_retriable() && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(10));
            }
            result => return result,
        }
    }
}

/// An error of a call that did `action`.
pub(super) fn failed(action: &'static str) -> impl Fn(KafkaError) -> Error {
    move |error| {
        if let KafkaError::ClientConfig(_, description, name, value) = &error {
            let text = format!("{description} ({name} = {value:?}); see librdkafka's list of properties");
            return Error::Backend { action, retryable: false, source: text.into() };
        }
        match error.rdkafka_error_code() {
            Some(code) => coded(code, text_of(&error), action),
            None => Error::Backend { action, retryable: false, source: error.into() },
        }
    }
}

/// The words of an error, without the crate's own around them.
fn text_of(error: &KafkaError) -> String {
    match error {
        KafkaError::Transaction(error) => error.string(),
        _ => error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| code.to_string()),
    }
}

/// An error about one topic.
pub(super) fn of_topic(error: KafkaError, topic: &str, action: &'static str) -> Error {
    match error.rdkafka_error_code() {
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition) => {
            Error::UnknownTopic { topic: topic.to_owned() }
        }
        Some(code) => coded(code, format!("topic {topic:?}: {}", text_of(&error)), action),
        None => failed(action)(error),
    }
}

/// Something that was heard of before a call timed out.
pub(super) fn heard(code: Code, text: String, action: &'static str) -> Error {
    coded(code, text, action)
}

fn coded(code: Code, text: String, action: &'static str) -> Error {
    let help = match code {
        Code::OperationTimedOut | Code::RequestTimedOut | Code::MessageTimedOut => {
            return Error::TimedOut { what: format!("Kafka to {action}") };
        }
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => {
            return Error::Fenced { id: text };
        }
        Code::Authentication | Code::SaslAuthenticationFailed => {
            "give the user and password of Kafka, and the mechanism it wants"
        }
        Code::SSL => "check that Kafka speaks TLS on this port, and the certificate of the authority",
        Code::TopicAuthorizationFailed => {
            "the user needs Read and Describe on inputs, Write and Describe on outputs"
        }
        Code::GroupAuthorizationFailed => {
            "the user needs Read and Describe on groups that begin with the prefix"
        }
        Code::TransactionalIdAuthorizationFailed => {
            "the user needs Write and Describe on transactional ids that begin with the prefix"
        }
        Code::ClusterAuthorizationFailed => "the user needs IdempotentWrite on the cluster",
        _ => return Error::Backend { action, retryable: may_pass(code), source: text.into() },
    };
    Error::Backend { action, retryable: false, source: format!("{text}; {help}").into() }
}

/// Whether waiting may help: what concerns the network, or a broker that is busy, moving or away.
fn may_pass(code: Code) -> bool {
    !matches!(
        code,
        Code::InvalidArgument
            | Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::InvalidTopic
            | Code::MessageSizeTooLarge
            | Code::UnsupportedVersion
            | Code::UnsupportedFeature
            | Code::InvalidConfig
            | Code::PolicyViolation
            | Code::InvalidTransactionTimeout
    )
}

/// Whether the reason of an error is elsewhere.
pub(super) fn says_nothing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(Code::OperationTimedOut | Code::BrokerTransportFailure | Code::AllBrokersDown)
    )
}

/// The kind of trouble with a connection, or of a transaction, that a line of librdkafka's log tells of.
pub(super) fn code_in(line: &str) -> Option<Code> {
    let has = |text: &str| line.contains(text);
    if has("(TOPIC_AUTHORIZATION_FAILED)") {
        Some(Code::TopicAuthorizationFailed)
    } else if has("uthentication failed") || has("SaslAuthenticate") || has("authentication failure") {
        Some(Code::Authentication)
    } else if has("SSL handshake failed") || has("ssl_handshake") {
        Some(Code::SSL)
    } else if has("Failed to resolve") {
        Some(Code::Resolve)
    } else if has("Connect to") && has("failed") {
        Some(Code::BrokerTransportFailure)
    } else {
        None
    }
}
