//! How Kafka is reached, and librdkafka's settings: those the user may choose, and those the protocol stands on.

use std::collections::BTreeMap;
use std::time::Duration;

use invoker_core::topology::SaslMechanism;
use rdkafka::ClientConfig;
use rdkafka::producer::BaseProducer;

use super::context::Context;
use super::errors::failed;
use super::{FETCH_BYTES, QUEUE_KIB, WRITE_KIB};
use crate::log::Error;

/// How Kafka is reached.
#[derive(Clone)]
pub struct KafkaOptions {
    /// `host:port` with commas between.
    pub bootstrap_servers: String,
    /// Encryption; `None` = none.
    pub tls: Option<KafkaTls>,
    /// Login; `None` = none.
    pub sasl: Option<KafkaSasl>,
    /// Properties of librdkafka by name, but for those that the protocol stands on.
    pub properties: BTreeMap<String, String>,
    /// Longest time that a transaction may be open before Kafka aborts it: what a host that died left open blocks
    /// readers of its outputs for as long, unless its partitions are taken before.
    pub transaction_timeout: Duration,
}

impl Default for KafkaOptions {
    fn default() -> Self {
        Self {
            bootstrap_servers: String::new(),
            tls: None,
            sasl: None,
            properties: BTreeMap::new(),
            transaction_timeout: Duration::from_secs(10),
        }
    }
}

impl std::fmt::Debug for KafkaOptions {
    /// Without what may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaOptions")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("transaction_timeout", &self.transaction_timeout)
            .finish_non_exhaustive()
    }
}

/// Encryption, each part PEM text.
#[derive(Clone, Default)]
#[expect(missing_debug_implementations, reason = "holds a private key")]
pub struct KafkaTls {
    /// Certificate of the authority; `None` = the system's authorities.
    pub ca: Option<String>,
    /// Certificate and key that this client shows.
    pub certificate: Option<String>,
    pub key: Option<String>,
}

/// A login.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "holds a password")]
pub struct KafkaSasl {
    pub mechanism: SaslMechanism,
    pub username: String,
    pub password: String,
}

/// Just under what a topic takes that does not say otherwise.
const BATCH: usize = 1_000_000;

/// So long a member may be busy with letting go of partitions, during which the group waits for it.
const MEMBER_SILENCE_MS: u64 = 60_000;

/// Properties that the protocol stands on, and why each cannot be chosen.
const RESERVED: [(&str, &str); 16] = [
    ("bootstrap.servers", "it is what bootstrapServers says"),
    ("metadata.broker.list", "it is what bootstrapServers says"),
    ("group.id", "positions are kept per entity"),
    ("group.instance.id", "a host that ends leaves its groups at once"),
    ("isolation.level", "records of open and aborted transactions must not be read"),
    ("enable.auto.commit", "positions are committed with the outputs"),
    ("enable.auto.offset.store", "positions are committed with the outputs"),
    ("auto.offset.reset", "a position that is gone must not be replaced silently"),
    ("enable.partition.eof", "an idle reader must know where the end is"),
    ("transactional.id", "it names the lane, so that it can be fenced"),
    ("transaction.timeout.ms", "it follows from the deadlines of the function"),
    ("allow.auto.create.topics", "a name that is mistyped must not make a topic"),
    ("delivery.report.only.error", "what was written is waited for without a report of each record"),
    ("group.protocol", "a host joins a group by the protocol that every broker speaks"),
    ("partition.assignment.strategy", "all hosts of a group must have the same"),
    ("enable.idempotence", "a batch that is sent again must be written once"),
];

/// The settings of every client of one log.
#[derive(Clone)]
pub(super) struct Settings {
    common: ClientConfig,
    transaction_timeout: Duration,
}

impl Settings {
    pub(super) fn of(options: KafkaOptions) -> Result<Self, Error> {
        let mut common = ClientConfig::new();
        common
            .set("bootstrap.servers", &options.bootstrap_servers)
            .set("client.id", "invoker")
            .set("allow.auto.create.topics", "false")
            // A coordinator that moves is asked again at once: recovery waits for it.
            .set("retry.backoff.ms", "10")
            .set("retry.backoff.max.ms", "200")
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("topic.metadata.propagation.max.ms", "5000")
            .set("socket.nagle.disable", "true");
        for (name, value) in &options.properties {
            if let Some((_, why)) = RESERVED.iter().find(|(reserved, _)| reserved == name) {
                return Err(Error::Invalid { what: format!("the property {name:?} of Kafka"), why });
            }
            common.set(name, value);
        }
        secure(&mut common, &options);
        Ok(Self { common, transaction_timeout: options.transaction_timeout })
    }

    /// A setting that is not the user's is not changed by one that is.
    fn with(&self, settings: &[(&str, &str)]) -> ClientConfig {
        let mut config = self.common.clone();
        for (name, value) in settings {
            if config.get(name).is_none() {
                config.set(*name, *value);
            }
        }
        config
    }

    pub(super) fn consumer(&self, group: &str) -> ClientConfig {
        let (queue, fetch) = (QUEUE_KIB.to_string(), FETCH_BYTES.to_string());
        let mut config = self.with(&[
            ("queued.max.messages.kbytes", &queue),
            ("fetch.max.bytes", &fetch),
            // A queue that has room again is filled at once.
            ("fetch.queue.backoff.ms", "5"),
            ("fetch.error.backoff.ms", "50"),
            ("fetch.wait.max.ms", "50"),
        ]);
        config
            .set("group.id", group)
            .set("isolation.level", "read_committed")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true");
        config
    }

    /// A client that joins a group as `name` and reads nothing.
    pub(super) fn member(&self, group: &str, name: &str) -> ClientConfig {
        let session = self.common.get("session.timeout.ms").and_then(|time| time.parse().ok());
        let silence = MEMBER_SILENCE_MS.max(session.unwrap_or(0)).to_string();
        let mut config = self.consumer(group);
        for (name, value) in [
            // Nothing rests on it but how long a host that was killed is missed.
            ("session.timeout.ms", "10000"),
            // A member hears that others come or go with the answer to a heartbeat.
            ("heartbeat.interval.ms", "1000"),
            ("max.poll.interval.ms", &silence),
            // So soon a topic that has grown is noticed.
            ("topic.metadata.refresh.interval.ms", "10000"),
        ] {
            if config.get(name).is_none() {
                config.set(name, value);
            }
        }
        let client = config.get("client.id").unwrap_or("invoker").to_owned();
        config
            .set("client.id", format!("{client}.{name}"))
            .set("partition.assignment.strategy", "cooperative-sticky");
        config
    }

    fn producer(&self) -> ClientConfig {
        let write = WRITE_KIB.to_string();
        let mut config = self.with(&[
            ("queue.buffering.max.kbytes", &write),
            ("queue.buffering.max.messages", "1000000"),
            ("linger.ms", "2"),
            // What a topic takes is asked of the topic.
            ("message.max.bytes", "100000000"),
        ]);
        config.set("enable.idempotence", "true").set("delivery.report.only.error", "true");
        config
    }

    /// Largest batch that producers send, bytes, where topics take it.
    pub(super) fn batch(&self) -> usize {
        self.common.get("batch.size").and_then(|size| size.parse().ok()).unwrap_or(BATCH)
    }

    /// A producer that has not fenced anybody yet.
    pub(super) fn transactional(&self, id: &str, batch: usize) -> Result<BaseProducer<Context>, Error> {
        let mut config = self.producer();
        let timeout = self.transaction_timeout.as_millis().to_string();
        config.set("transactional.id", id).set("transaction.timeout.ms", &timeout);
        self.make(config, batch)
    }

    /// A producer without transactions.
    pub(super) fn plain(&self, batch: usize) -> Result<BaseProducer<Context>, Error> {
        self.make(self.producer(), batch)
    }

    fn make(&self, mut config: ClientConfig, batch: usize) -> Result<BaseProducer<Context>, Error> {
        let timeout = self.transaction_timeout.as_millis().to_string();
        config.set("batch.size", batch.to_string());
        // librdkafka wants a message to be given up before its transaction is; no lane waits for longer.
        if config.get("message.timeout.ms").is_none() && config.get("delivery.timeout.ms").is_none() {
            config.set("message.timeout.ms", &timeout);
        }
        config
            .create_with_context::<_, BaseProducer<Context>>(Context::default())
            .map_err(failed("make a producer"))
    }

    pub(super) fn admin(&self) -> ClientConfig {
        self.common.clone()
    }

    pub(super) fn transaction_timeout(&self) -> Duration {
        self.transaction_timeout
    }

    pub(super) fn set_transaction_timeout(&mut self, timeout: Duration) {
        self.transaction_timeout = timeout;
    }

    /// How long one who takes over waits for what others have open.
    pub(super) fn patience(&self) -> Duration {
        self.transaction_timeout + super::ASK
    }
}

fn secure(config: &mut ClientConfig, options: &KafkaOptions) {
    let protocol = match (&options.tls, &options.sasl) {
        (None, None) => None,
        (Some(_), None) => Some("ssl"),
        (None, Some(_)) => Some("sasl_plaintext"),
        (Some(_), Some(_)) => Some("sasl_ssl"),
    };
    if let Some(protocol) = protocol {
        config.set("security.protocol", protocol);
    }
    if let Some(tls) = &options.tls {
        let parts =
            [("ssl.ca.pem", &tls.ca), ("ssl.certificate.pem", &tls.certificate), ("ssl.key.pem", &tls.key)];
        for (name, part) in parts {
            if let Some(part) = part {
                config.set(name, part);
            }
        }
    }
    if let Some(sasl) = &options.sasl {
        let mechanism = match sasl.mechanism {
            SaslMechanism::Plain => "PLAIN",
            SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
            SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
        };
        config
            .set("sasl.mechanism", mechanism)
            .set("sasl.username", &sasl.username)
            .set("sasl.password", &sasl.password);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_protocol_stands_on_cannot_be_chosen() {
        let properties = BTreeMap::from([("isolation.level".to_owned(), "read_uncommitted".to_owned())]);
        let error = Settings::of(KafkaOptions { properties, ..KafkaOptions::default() }).err().unwrap();
        assert_eq!(
            error.to_string(),
            "the property \"isolation.level\" of Kafka is refused: records of open and aborted transactions must not be read"
        );
    }

    #[test]
    fn the_users_choice_stays() {
        let properties = BTreeMap::from([("linger.ms".to_owned(), "50".to_owned())]);
        let settings = Settings::of(KafkaOptions { properties, ..KafkaOptions::default() }).unwrap();
        assert_eq!(settings.producer().get("linger.ms"), Some("50"));
        assert_eq!(settings.producer().get("enable.idempotence"), Some("true"));
    }
}
