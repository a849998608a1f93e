//! What librdkafka says on its own: to the log, and kept to explain what fails next.

use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::ClientContext;
use rdkafka::client::DefaultClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;
use rdkafka::types::RDKafkaErrorCode;

use super::errors;
use crate::log::Error;

/// See the module's words.
#[derive(Clone, Default)]
pub(super) struct Context {
    last: Arc<Mutex<Option<(RDKafkaErrorCode, String)>>>,
}

impl Context {
    fn note(&self, code: RDKafkaErrorCode, text: &str) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((code, text.to_owned()));
    }

    /// An error of a call, with what was heard before it: a call whose connection cannot be made only times out.
    pub(super) fn explain(&self, error: KafkaError, action: &'static str) -> Error {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match last {
            Some((code, text)) if errors::says_nothing(&error) => errors::heard(code, text, action),
            _ => errors::failed(action)(error),
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        // What it says while it connects again by itself is no error of ours.
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(target: "kafka", facility, "{message}");
            }
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning | RDKafkaLogLevel::Notice => {
                tracing::debug!(target: "kafka", facility, "{message}");
                if let Some(code) = errors::code_in(message) {
                    self.note(code, message);
                }
            }
            _ => tracing::trace!(target: "kafka", facility, "{message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "kafka", %error, "{reason}");
        if let Some(code) = error.rdkafka_error_code() {
            self.note(code, reason);
        }
    }
}

impl ConsumerContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            use rdkafka::Message as _;
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
            self.note(code, &format!("a record for {}[{}]: {error}", message.topic(), message.partition()));
        }
    }
}

/// The admin client takes no context of ours.
pub(super) type AdminContext = DefaultClientContext;
