//! What librdkafka says on its own: to the log, and kept to explain what fails next.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

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

/// What was heard explains a call that fails within this time; librdkafka repeats a lasting trouble every 30 s.
const FRESH: Duration = Duration::from_secs(35);

/// See the module's words.
#[derive(Clone, Default)]
pub(super) struct Context {
    last: Arc<Mutex<Option<Heard>>>,
    undelivered: Arc<Mutex<Option<Undelivered>>>,
}

struct Heard {
    code: RDKafkaErrorCode,
    text: String,
    at: Instant,
}

/// A record that Kafka did not take.
#[derive(Clone)]
pub(super) struct Undelivered {
    pub(super) code: RDKafkaErrorCode,
    pub(super) topic: String,
}

impl Context {
    fn note(&self, code: RDKafkaErrorCode, text: &str) {
        let heard = Heard { code, text: text.to_owned(), at: Instant::now() };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(heard);
    }

    /// What kind of trouble was heard of lately.
    pub(super) fn heard(&self) -> Option<RDKafkaErrorCode> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().filter(|heard| heard.at.elapsed() < FRESH).map(|heard| heard.code)
    }

    /// The first record that was not taken since [`Context::forget_undelivered`].
    pub(super) fn undelivered(&self) -> Option<Undelivered> {
        self.undelivered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn forget_undelivered(&self) {
        *self.undelivered.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A line of librdkafka's log; `level` as in syslog.
    pub(super) fn line(&self, level: i32, facility: &str, message: &str) {
        // What it says while it connects again by itself is no error of ours.
        match level {
            ..=2 => tracing::error!(target: "kafka", facility, "{message}"),
            3..=5 => {
                tracing::debug!(target: "kafka", facility, "{message}");
                if let Some(code) = errors::code_in(message) {
                    self.note(code, message);
                }
            }
            _ => tracing::trace!(target: "kafka", facility, "{message}"),
        }
    }

    /// An error of a call, with what was heard before it: a call whose connection cannot be made only times out.
    pub(super) fn explain(&self, error: KafkaError, action: &'static str) -> Error {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(heard) if errors::says_nothing(&error) && heard.at.elapsed() < FRESH => {
                errors::heard(heard.code, heard.text.clone(), action)
            }
            _ => errors::failed(action)(error),
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.line(level as i32, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(target: "kafka", %error, "{reason}");
        match error.rdkafka_error_code() {
            // Says less than what was heard of each of them.
            Some(RDKafkaErrorCode::AllBrokersDown) if self.heard().is_some() => {}
            Some(code) => self.note(code, reason),
            None => {}
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
            tracing::debug!(target: "kafka", topic = message.topic(), partition = message.partition(), %error, "not delivered");
            let mut first = self.undelivered.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| Undelivered { code, topic: message.topic().to_owned() });
        }
    }
}

/// The admin client takes no context of ours.
pub(super) type AdminContext = DefaultClientContext;
