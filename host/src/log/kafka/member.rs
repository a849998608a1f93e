//! A member of Kafka's consumer group.
//!
//! Membership is all it is for: what librdkafka is told to read is always nothing, whatever the group deals out, so that
//! nothing is fetched and no position is kept twice. Each decision of the group is confirmed all the same; one that takes
//! something away only when [`Member::let_go`] says so, and the group waits for that.
//!
//! * **`cooperative-sticky`**: only what moves stops. The eager assignors would take everything from everybody first.
//! * **No `group.instance.id`**: a host that ends leaves its groups at once, and the others need not wait for its session
//!   to expire. A host that is started again is a new member; what it had moves twice.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::{RDKafkaErrorCode as Code, RDKafkaRespErr};
use rdkafka::{ClientContext, TopicPartitionList};

use super::config::Settings;
use super::context::Context;
use super::errors::{failed, heard};
use crate::log::{Dealt, Error, Member};

/// See the module's words.
pub(super) struct KafkaMember {
    client: BaseConsumer<Listener>,
    group: String,
    /// The last trouble that was told.
    told: Option<Code>,
}

/// Keeps what the group decides until it is polled.
#[derive(Default)]
struct Listener {
    context: Context,
    dealt: Mutex<VecDeque<Dealt>>,
    /// Nobody polls any more: what is taken is let go of.
    leaving: AtomicBool,
}

impl ClientContext for Listener {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.context.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.context.error(error, reason);
    }
}

impl ConsumerContext for Listener {
    fn rebalance(&self, client: &BaseConsumer<Self>, what: RDKafkaRespErr, of: &mut TopicPartitionList) {
        let given = what == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
        if self.leaving.load(Ordering::Relaxed) {
            confirm(client, given);
            return;
        }
        let partitions = of.elements().iter().map(|element| element.partition() as u32).collect();
        let dealt = match (given, client.assignment_lost()) {
            (true, _) => Dealt::Given(partitions),
            (false, false) => Dealt::Taken(partitions),
            (false, true) => Dealt::Lost(partitions),
        };
        if given {
            confirm(client, true);
        }
        self.dealt.lock().unwrap_or_else(PoisonError::into_inner).push_back(dealt);
    }
}

/// Says that a decision is carried out: nothing is read before it, and nothing is read behind it.
fn confirm(client: &BaseConsumer<Listener>, given: bool) {
    let nothing = TopicPartitionList::new();
    let confirmed =
        if given { client.incremental_assign(&nothing) } else { client.incremental_unassign(&nothing) };
    if let Err(error) = confirmed {
        // It ends, or has a fatal error, which the next poll tells.
        tracing::debug!(%error, given, "confirm what a group decided");
    }
}

impl KafkaMember {
    pub(super) fn join(settings: &Settings, group: &str, name: &str, topic: &str) -> Result<Self, Error> {
        let action = "join a group";
        let client: BaseConsumer<Listener> =
            settings.member(group, name).create_with_context(Listener::default()).map_err(failed(action))?;
        client.subscribe(&[topic]).map_err(failed(action))?;
        Ok(Self { client, group: group.to_owned(), told: None })
    }

    fn next(&self) -> Option<Dealt> {
        self.client.context().dealt.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Trouble that is not the end: librdkafka goes on trying by itself.
    fn tell(&mut self, error: &KafkaError) {
        let code = error.rdkafka_error_code();
        let passes = matches!(
            code,
            None | Some(
                Code::PartitionEOF
                    | Code::OperationTimedOut
                    | Code::BrokerTransportFailure
                    | Code::AllBrokersDown
                    | Code::Resolve
            )
        );
        if !passes && self.told != code {
            self.told = code;
            tracing::warn!(group = self.group, %error, "no word of the group");
        }
    }
}

impl Member for KafkaMember {
    fn poll(&mut self, wait: Duration) -> Result<Option<Dealt>, Error> {
        let until = Instant::now() + wait;
        loop {
            if let Some(dealt) = self.next() {
                self.told = None;
                return Ok(Some(dealt));
            }
            if let Some((code, text)) = self.client.client().fatal_error() {
                return Err(heard(code, text, "stay in a group"));
            }
            let left = until.saturating_duration_since(Instant::now());
            let trouble = self.client.poll(left).and_then(Result::err);
            if let Some(error) = trouble {
                self.tell(&error);
            }
            if Instant::now() >= until {
                return Ok(self.next());
            }
        }
    }

    fn let_go(&mut self) -> Result<(), Error> {
        confirm(&self.client, false);
        Ok(())
    }
}

impl Drop for KafkaMember {
    /// The client leaves the group when it is dropped, and polls until it has.
    fn drop(&mut self) {
        self.client.context().leaving.store(true, Ordering::Relaxed);
        // A decision that nobody heard of, or that was not carried out yet.
        confirm(&self.client, false);
    }
}
