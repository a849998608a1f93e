//! The host document: what one host runs. The planner makes it from a topology; a host takes it from a file, from
//! the control API, or in-process from `invoker run`. Owns its types, how it is read and what is wrong with one that
//! can be read (`read.rs`); what becomes of it is the host's.

mod policy;
mod read;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use policy::{Delivery, OnFailure, OnOffsetOutOfRange, OnPartitionChange, OnStateLoss};
pub use read::read;

use crate::topology::{Assignment, Kafka, Redis, Start};

/// What one host runs, and on what. A document with an older `generation` than the running one is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostDocument {
    /// Rises with every change, from 1.
    pub generation: u64,
    /// Identity of the deployment: `spec.id` of the topology.
    pub deployment: String,
    /// First part of every name in a shared service: groups, transactional ids, keys in Redis. Default: `invoker`.
    #[serde(default = "default_prefix")]
    pub prefix: String,
    /// Name of this host among the hosts of the deployment.
    pub host: String,
    /// Kafka, where records are. Default: none; they are in the embedded log, in `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kafka: Option<Kafka>,
    /// Redis, where keyed state is, and who owns what. Kafka without it is for entities of which this host has all
    /// partitions. Default: none; it is in the embedded store, in `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis: Option<Redis>,
    /// Registry that functions are looked up in whose names have no host, e.g. `https://registry.example`; plain HTTP is
    /// spoken where it begins with `http://`, and with this machine. Default: what the host is started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// Public keys, `ed25519:…`: what runs here must be signed by one of them, and a file is not. Default: none; nothing
    /// need be signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub require_signature: Vec<String>,
    /// Folder of what is embedded, relative to that of this document. Default: none; needed unless both `kafka` and
    /// `redis` are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// What runs here.
    pub entities: Vec<EntityDocument>,
}

impl HostDocument {
    /// Whether both run on the same services under the same names, so that what runs by one can go on by the other.
    pub fn stands_on_the_same(&self, other: &Self) -> bool {
        let ground = |document: &Self| {
            let Self {
                generation: _,
                deployment,
                prefix,
                host,
                kafka,
                redis,
                registry: _,
                require_signature: _,
                data,
                entities: _,
            } = document;
            (deployment.clone(), prefix.clone(), host.clone(), kafka.clone(), redis.clone(), data.clone())
        };
        ground(self) == ground(other)
    }
}

fn default_prefix() -> String {
    "invoker".to_owned()
}

/// One entity as this host runs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EntityDocument {
    /// Identity of its positions and its state, unique in the document.
    pub id: String,
    /// The component: a path, relative to the folder of this document (`./x`, `../x`, `/x`, or anything that ends in
    /// `.wasm`), or its name in a registry: `namespace/name:tag`, `namespace/name@sha256:…`, `namespace/name@^1.2`, each
    /// with a host in front if it is not in `registry`.
    pub function: String,
    /// What it reads, in the order in which the function declares its inputs.
    pub inputs: Vec<InputDocument>,
    /// Topic per output, in the order in which the function declares them; `null` = that one is not wired, and what
    /// goes there is dropped. Default: none is wired.
    #[serde(default)]
    pub outputs: Vec<Option<String>>,
    /// Who decides which partitions this host owns. Default: `owned`.
    #[serde(default)]
    pub assignment: Assignment,
    /// Partitions that this host owns; `[]` = it only waits for some. Default: none with `assignment: group`, otherwise
    /// needed.
    #[serde(default)]
    pub partitions: Vec<u32>,
    /// Partitions that the entity has in all; with `assignment: group`, those that it had when this was written.
    pub partition_count: u32,
    /// Lanes (threads) that the owned partitions are spread over, 1 to 1000; at most one per partition is used.
    /// Default: `1`.
    #[serde(default = "one")]
    pub lanes: u32,
    /// What is promised about each record. Default: `exactly-once`.
    #[serde(default)]
    pub delivery: Delivery,
    /// Settings of the function; a secret as `{ secretRef: { name, key } }`. Default: none.
    #[serde(default)]
    pub settings: BTreeMap<String, serde_json::Value>,
    /// How a transient failure is tried again. Default: 5 times.
    #[serde(default)]
    pub retry: Retry,
    /// What becomes of a record that cannot be processed. Default: `dead-letter`.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Topic of the records that cannot be processed. Default: `<deployment>.<id>.dead-letter`.
    #[serde(default)]
    pub dead_letter_topic: String,
    /// What happens when state and committed offsets disagree. Default: `fail`.
    #[serde(default)]
    pub on_state_loss: OnStateLoss,
    /// What happens when the inputs have more partitions than the state was written with. Default: `stop`.
    #[serde(default)]
    pub on_partition_change: OnPartitionChange,
    /// What happens when the log no longer holds the position that an input has come to. Default: `stop`.
    #[serde(default)]
    pub on_offset_out_of_range: OnOffsetOutOfRange,
    /// Bounds of the function. Default: as each of them says.
    #[serde(default)]
    pub limits: Limits,
    /// Longest time between two commits under load, milliseconds, 1 to 60000. Default: `100`.
    #[serde(default = "default_commit_interval")]
    pub commit_interval_ms: u64,
    /// Time without a sign of a lane whose inputs hold more, after which it is given up and another started in its
    /// place, milliseconds, 1000 to 86400000. Never less than twice what a call and a commit may take. Default:
    /// `60000`, or four times what a call and a commit may take where that is longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall_after_ms: Option<u64>,
}

fn one() -> u32 {
    1
}

fn default_commit_interval() -> u64 {
    crate::plan::DEFAULT_COMMIT_INTERVAL_MS
}

/// One input of an entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InputDocument {
    /// The topic.
    pub topic: String,
    /// Where reading starts when nothing was committed yet: `earliest`, `latest`, `timestamp:2026-01-31T00:00:00Z` or
    /// `offsets:0=120,1=98`. Default: `earliest`.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(with = "Start"))]
    pub start: StartPosition,
}

/// Where reading starts when nothing was committed yet. As text it is what a topology calls `startPosition`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StartPosition {
    #[default]
    Earliest,
    Latest,
    /// The first record at or after this time, milliseconds since the Unix epoch.
    Timestamp(i64),
    /// Per partition.
    Offsets(BTreeMap<u32, u64>),
}

impl Serialize for StartPosition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Start(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StartPosition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Start::deserialize(deserializer).map(|start| start.0)
    }
}

/// How a transient failure is tried again. The record and everything behind it in its partition wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Retry {
    /// Tries after the first one. Default: `5`.
    pub attempts: u32,
    /// Wait before the first retry, milliseconds; doubled for each further one, with up to a quarter of jitter.
    /// Default: `100`.
    pub backoff_ms: u64,
    /// Longest wait, milliseconds. Default: `10000`.
    pub max_backoff_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 5, backoff_ms: 100, max_backoff_ms: 10_000 }
    }
}

/// Bounds of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// Records of one call. Default: `1024`.
    pub batch_records: u32,
    /// Bytes of one call; a larger record goes alone. Default: `1048576`.
    pub batch_bytes: usize,
    /// Time of one record, milliseconds. A call may take this, or `batchDeadlineMs` where that is longer. Default:
    /// `1000`.
    pub record_deadline_ms: u64,
    /// Time of one call, milliseconds. Default: `5000`.
    pub batch_deadline_ms: u64,
    /// Linear memory of one instance, bytes. Default: `67108864`.
    pub memory_bytes: usize,
    /// What one call may return, bytes. Default: `33554432`.
    pub output_bytes: usize,
    /// Keys and values cached per lane, bytes. Default: `67108864`.
    pub state_cache_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_records: 1024,
            batch_bytes: 1 << 20,
            record_deadline_ms: 1_000,
            batch_deadline_ms: 5_000,
            memory_bytes: 64 << 20,
            output_bytes: 32 << 20,
            state_cache_bytes: 64 << 20,
        }
    }
}
