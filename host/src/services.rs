//! The services that a document names, connected: the one place that picks backends. Owns how Kafka, Redis and the
//! data folder come together; nothing here waits for a service that is away, that is for who asks.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use invoker_core::message::{Message, described};
use invoker_core::topology::{Kafka, Redis, SecretRef, addresses, without_login};

use crate::app::Backends;
use crate::db::{self, Database};
use crate::log::{self, EmbeddedLog, EmbeddedOptions, Log};
use crate::secrets::{SecretError, Secrets};
use crate::state::{self, EmbeddedState, Journal, StateStore};

/// What to run on.
#[derive(Clone, Debug, Default)]
pub struct Services {
    /// `None` = the embedded log.
    pub kafka: Option<Kafka>,
    /// `None` = the embedded store.
    pub redis: Option<Redis>,
    /// First part of every name in a shared service.
    pub prefix: String,
    /// Where secrets are found.
    pub secrets: Secrets,
    /// For a tool that looks in: nothing is tried out on Redis.
    pub looks: bool,
}

/// Why a service cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error("cannot use Kafka at {address:?}")]
    Kafka {
        address: String,
        #[source]
        source: log::Error,
    },
    #[error("cannot use Redis at {address:?}")]
    Redis {
        address: String,
        #[source]
        source: state::Error,
    },
    #[error("cannot look up the secret of {field}")]
    Secret {
        field: &'static str,
        #[source]
        source: SecretError,
    },
    #[error("cannot open the data folder {dir:?}")]
    Data {
        dir: PathBuf,
        #[source]
        source: db::Error,
    },
    #[error("cannot open the embedded log")]
    Log(#[source] log::Error),
    #[error("cannot open the embedded state")]
    State(#[source] state::Error),
}

impl ServiceError {
    /// Whether waiting can help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Kafka { source, .. } => source.is_retryable(),
            Self::Redis { source, .. } => source.is_retryable(),
            Self::Data { source, .. } => source.is_retryable(),
            Self::Secret { .. } | Self::Log(_) | Self::State(_) => false,
        }
    }

    /// What, why and what to do.
    pub fn message(&self) -> Message {
        let why = std::error::Error::source(self).map(described).unwrap_or_default();
        Message::new(self.to_string(), why, self.help())
    }

    fn help(&self) -> &'static str {
        match self {
            Self::Kafka { .. } if self.is_retryable() => {
                "check the address, and whether a broker answers there; with a login or encryption, that both sides use them"
            }
            Self::Kafka { .. } => "mend what is said of Kafka: address, login, certificates or properties",
            Self::Redis { .. } if self.is_retryable() => "check the address, and whether Redis answers there",
            Self::Redis { .. } => "mend what is said of Redis, or its settings",
            Self::Secret { .. } => "put each secret into a file NAME/KEY of the folder of secrets",
            Self::Data { .. } => "check the folder and the disk it is on",
            Self::Log(_) | Self::State(_) => "start again; if it stays, use another data folder",
        }
    }
}

impl Services {
    /// Whether anything is embedded, and so needs a database.
    pub fn need_data(&self) -> bool {
        self.kafka.is_none() || self.redis.is_none()
    }

    /// Connects; `database` holds what is embedded.
    pub fn connect(&self, database: &Database) -> Result<Backends, ServiceError> {
        Ok(Backends { log: self.log(database)?, state: self.state(database)? })
    }

    /// The log alone.
    pub fn log(&self, database: &Database) -> Result<Arc<dyn Log>, ServiceError> {
        match &self.kafka {
            Some(kafka) => self.kafka(kafka),
            None => {
                let options = EmbeddedOptions::default();
                Ok(Arc::new(EmbeddedLog::open(database.clone(), options).map_err(ServiceError::Log)?))
            }
        }
    }

    /// The state alone.
    pub fn state(&self, database: &Database) -> Result<Arc<dyn StateStore>, ServiceError> {
        match &self.redis {
            Some(redis) => self.redis(redis),
            None => {
                // What Kafka commits must find its state on the disk: nothing else syncs this journal then.
                let journal = if self.kafka.is_some() { Journal::Own } else { Journal::Shared };
                Ok(Arc::new(EmbeddedState::open(database.clone(), journal).map_err(ServiceError::State)?))
            }
        }
    }

    #[cfg(feature = "kafka")]
    fn kafka(&self, kafka: &Kafka) -> Result<Arc<dyn Log>, ServiceError> {
        let tls = match &kafka.tls {
            None => None,
            Some(tls) => {
                let part = |key| self.certificate("kafka.tls", tls.secret_ref.as_ref(), key);
                Some(log::KafkaTls {
                    ca: part("ca.crt")?,
                    certificate: part("tls.crt")?,
                    key: part("tls.key")?,
                })
            }
        };
        let sasl = match &kafka.sasl {
            None => None,
            Some(sasl) => {
                let part = |key| {
                    let secret = SecretRef { name: sasl.secret_ref.name.clone(), key: None };
                    self.secrets
                        .get(&secret, key)
                        .map_err(|source| ServiceError::Secret { field: "kafka.sasl", source })
                };
                let (username, password) = (part("username")?, part("password")?);
                Some(log::KafkaSasl { mechanism: sasl.mechanism, username, password })
            }
        };
        let options = log::KafkaOptions {
            bootstrap_servers: kafka.bootstrap_servers.clone(),
            tls,
            sasl,
            properties: kafka.properties.clone(),
            ..log::KafkaOptions::default()
        };
        let address = kafka.bootstrap_servers.clone();
        match log::KafkaLog::connect(options) {
            Ok(log) => Ok(Arc::new(log)),
            Err(source) => Err(ServiceError::Kafka { address, source }),
        }
    }

    #[cfg(not(feature = "kafka"))]
    fn kafka(&self, kafka: &Kafka) -> Result<Arc<dyn Log>, ServiceError> {
        let source = log::Error::Backend {
            action: "connect",
            retryable: false,
            source: "this invoker was built without Kafka".into(),
        };
        Err(ServiceError::Kafka { address: kafka.bootstrap_servers.clone(), source })
    }

    #[cfg(feature = "redis")]
    fn redis(&self, redis: &Redis) -> Result<Arc<dyn StateStore>, ServiceError> {
        let text = self.redis_address(redis)?;
        let ca = match &redis.tls {
            Some(tls) => self.certificate("redis.tls", tls.secret_ref.as_ref(), "ca.crt")?,
            None => None,
        };
        let options = state::RedisOptions {
            cluster: redis.cluster,
            ca,
            prefix: self.prefix.clone(),
            wait_replicas: redis.wait_replicas.unwrap_or(0),
            looks: self.looks,
            ..state::RedisOptions::new(addresses(&text).map(str::to_owned).collect())
        };
        match state::RedisState::connect(options) {
            Ok(state) => Ok(Arc::new(state)),
            Err(source) => Err(ServiceError::Redis { address: without_login(&text), source }),
        }
    }

    #[cfg(not(feature = "redis"))]
    fn redis(&self, redis: &Redis) -> Result<Arc<dyn StateStore>, ServiceError> {
        let source = state::Error::Backend {
            action: "connect",
            retryable: false,
            source: "this invoker was built without Redis".into(),
        };
        Err(ServiceError::Redis { address: without_login(&self.redis_address(redis)?), source })
    }

    fn redis_address(&self, redis: &Redis) -> Result<String, ServiceError> {
        match (&redis.secret_ref, &redis.url) {
            (Some(secret), _) => self
                .secrets
                .get(secret, "url")
                .map_err(|source| ServiceError::Secret { field: "redis", source }),
            (None, url) => Ok(url.clone().unwrap_or_default()),
        }
    }

    /// A certificate or key of a secret, where it has one. The secret itself must be there.
    fn certificate(
        &self,
        field: &'static str,
        secret: Option<&SecretRef>,
        key: &str,
    ) -> Result<Option<String>, ServiceError> {
        let Some(secret) = secret else { return Ok(None) };
        let secret = SecretRef { name: secret.name.clone(), key: None };
        self.secrets.find(&secret, key).map_err(|source| ServiceError::Secret { field, source })
    }
}

/// Opens the folder of what is embedded.
pub fn open_data(dir: &Path) -> Result<Database, ServiceError> {
    Database::open(dir, db::Durability::Commit)
        .map_err(|source| ServiceError::Data { dir: dir.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_secret_says_which_file_is_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let secret = SecretRef { name: "login".to_owned(), key: None };
        let services = Services {
            redis: Some(Redis { secret_ref: Some(secret), ..Redis::default() }),
            secrets: Secrets::below(dir.path()),
            ..Services::default()
        };
        let error = services.connect(&Database::memory()).err().unwrap();
        let message = error.message();
        assert_eq!(message.what, "cannot look up the secret of redis");
        assert!(message.why.contains("login/url"), "{message}");
        assert!(!error.is_retryable());
    }
}
