//! Stand-in for the record log in Kafka: names of its surface only. Every connection is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use invoker_core::topology::SaslMechanism;

use super::{Error, Log, Producer, Source, TopicPartition, Topics};

/// How Kafka is reached.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    pub bootstrap_servers: String,
    pub tls: Option<KafkaTls>,
    pub sasl: Option<KafkaSasl>,
    pub properties: BTreeMap<String, String>,
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

/// Encryption; PEM text.
#[derive(Clone, Debug, Default)]
pub struct KafkaTls {
    pub ca: Option<String>,
    pub certificate: Option<String>,
    pub key: Option<String>,
}

/// Login.
#[derive(Clone, Debug)]
pub struct KafkaSasl {
    pub mechanism: SaslMechanism,
    pub username: String,
    pub password: String,
}

/// The record log in Kafka.
#[derive(Debug)]
pub struct KafkaLog(());

impl KafkaLog {
    /// Refuses.
    pub fn connect(_options: KafkaOptions) -> Result<Self, Error> {
        let source = "this build has no client of Kafka".into();
        Err(Error::Backend { action: "connect to Kafka", retryable: false, source })
    }

    fn missing<T>() -> Result<T, Error> {
        Err(Error::Backend { action: "use Kafka", retryable: false, source: "no client".into() })
    }
}

impl Topics for KafkaLog {
    fn describe(&self, _: &str) -> Result<Option<super::Topic>, Error> {
        Self::missing()
    }
    fn list(&self) -> Result<Vec<super::Topic>, Error> {
        Self::missing()
    }
    fn create(&self, _: &super::TopicSpec) -> Result<(), Error> {
        Self::missing()
    }
}

impl Log for KafkaLog {
    fn topics(&self) -> &dyn Topics {
        self
    }
    fn source(&self) -> Result<Box<dyn Source>, Error> {
        Self::missing()
    }
    fn producer(&self, _: &str) -> Result<Box<dyn Producer>, Error> {
        Self::missing()
    }
    fn fence(&self, _: &[String]) -> Result<(), Error> {
        Self::missing()
    }
    fn delete_group(&self, _: &str) -> Result<(), Error> {
        Self::missing()
    }
    fn group(&self, _: &str) -> Result<Vec<(TopicPartition, super::Committed)>, Error> {
        Self::missing()
    }
}
