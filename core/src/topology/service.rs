//! The services a topology runs on: Kafka and Redis, and references to secrets. A host document names them by the same
//! types.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How Kafka is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kafka {
    /// `host:port` with commas between.
    pub bootstrap_servers: String,
    /// Encryption; giving it, even empty, turns it on. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Login. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sasl: Option<Sasl>,
    /// Properties of librdkafka, as it names them, e.g. `compression.type: lz4`; those that delivery stands on are
    /// refused. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
}

impl Kafka {
    /// Kafka at an address, without encryption or login.
    pub fn at(bootstrap_servers: impl Into<String>) -> Self {
        Self { bootstrap_servers: bootstrap_servers.into(), ..Self::default() }
    }
}

/// Encryption of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tls {
    /// Secret with `ca.crt`, and `tls.crt` and `tls.key` where the client shows a certificate too. Default: the
    /// system's authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
}

/// Login at Kafka.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sasl {
    /// How the login is proven. Default: `SCRAM-SHA-512`.
    #[serde(default)]
    pub mechanism: SaslMechanism,
    /// Secret with `username` and `password`.
    pub secret_ref: SecretRef,
}

/// How a login is proven.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SaslMechanism {
    /// The password itself; over `tls` only.
    #[serde(rename = "PLAIN")]
    Plain,
    /// A proof of the password.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// A proof of the password with a longer hash.
    #[default]
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

/// Where keyed state lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct State {
    /// Redis or Valkey.
    pub redis: Redis,
}

/// How Redis is reached: by `url`, or by `secretRef` where the address holds a password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Redis {
    /// Address, e.g. `redis://redis:6379`, encrypted with `rediss://`; several nodes of one Cluster with commas
    /// between. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Secret that holds the address, under `url` unless its key is named. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretRef>,
    /// Whether it is a Redis Cluster. Default: what the server says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<bool>,
    /// Replicas that must have a change before it counts, 0 to 10; they are waited for in the same round trip.
    /// Default: `0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = 10)))]
    pub wait_replicas: Option<u32>,
    /// Authorities to trust with `rediss://`: `ca.crt` of the secret. Default: the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

impl Redis {
    /// Redis at an address.
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: Some(url.into()), ..Self::default() }
    }
}

/// The single addresses of a text with commas between them.
pub fn addresses(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

/// Whether this is `host:port`.
pub fn is_kafka_address(text: &str) -> bool {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
    port.is_some_and(|port| port.parse::<u16>().is_ok())
}

/// Whether this begins as the address of Redis does.
pub fn is_redis_address(text: &str) -> bool {
    ["redis://", "rediss://", "unix://"].iter().any(|scheme| text.starts_with(scheme))
}

/// Addresses as they may be shown: users and passwords are left out.
///
/// ```
/// use invoker_core::topology::without_login;
///
/// assert_eq!(without_login("redis://me:s3,c@ret@a:1/0,rediss://:p@b:2"), "redis://a:1/0,rediss://b:2");
/// ```
pub fn without_login(text: &str) -> String {
    let mut parts = text.split("://");
    let scheme = parts.next().unwrap_or_default().to_owned();
    parts.fold(scheme, |shown, part| {
        let place = part.rsplit_once('@').map_or(part, |(_, place)| place);
        format!("{shown}://{place}")
    })
}

/// A value in a Secret of the deployment's namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretRef {
    /// Name of the Secret.
    pub name: String,
    /// Key in the Secret. Default: as the field that holds the reference says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}
