//! The host document: what one host runs. The planner makes it from a topology; a host takes it from a file, from
//! the control API, or in-process from `invoker run`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What one host runs. A document with an older `generation` than the running one is refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostDocument {
    pub generation: u64,
    /// `spec.id` of the topology.
    pub deployment: String,
    /// First part of every name in a shared service (groups, transactional ids, Redis keys).
    #[serde(default = "default_prefix")]
    pub prefix: String,
    /// Name of this host among the hosts of the deployment.
    pub host: String,
    pub entities: Vec<EntityDocument>,
}

fn default_prefix() -> String {
    "invoker".to_owned()
}

/// One entity as this host runs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EntityDocument {
    pub id: String,
    /// Where the component comes from: a path or a registry reference, as the topology says it.
    pub function: String,
    /// In the order in which the function declares its inputs.
    pub inputs: Vec<InputDocument>,
    /// Topic per output of the function, in the order of its declaration; `None` = that output is not wired and what
    /// goes there is dropped.
    pub outputs: Vec<Option<String>>,
    /// Partitions this host owns.
    pub partitions: Vec<u32>,
    /// Partitions the entity has in all.
    pub partition_count: u32,
    /// Lanes (threads) to spread the owned partitions over; at most one per partition is used.
    pub lanes: u32,
    pub delivery: Delivery,
    pub settings: BTreeMap<String, serde_json::Value>,
    pub retry: Retry,
    pub on_failure: OnFailure,
    pub dead_letter_topic: String,
    pub on_state_loss: OnStateLoss,
    pub limits: Limits,
    /// Longest time between two commits under load, milliseconds.
    pub commit_interval_ms: u64,
}

/// One input of an entity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InputDocument {
    pub topic: String,
    pub start: StartPosition,
}

/// Where reading starts when nothing was committed yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StartPosition {
    #[default]
    Earliest,
    Latest,
    /// The first record at or after this time, milliseconds since the Unix epoch.
    Timestamp(i64),
    /// Per partition.
    Offsets(BTreeMap<u32, u64>),
}

/// What a user is promised about each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Offsets, outputs and state commit together: each record counts once.
    ExactlyOnce,
    /// Outputs are visible at once; after a failure some come again.
    AtLeastOnce,
    /// Offsets commit first; after a failure some records are lost. Stateless entities only.
    AtMostOnce,
}

/// What happens to a record that cannot be processed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// It is written to the dead-letter topic and the partition goes on.
    #[default]
    DeadLetter,
    /// It is counted and dropped.
    Skip,
    /// The partition stops in front of it.
    Stop,
}

/// What happens when state and committed offsets disagree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum OnStateLoss {
    /// The partition stops and both positions are reported.
    #[default]
    Fail,
    /// Go back to the position that the state belongs to: state right, outputs repeated.
    Rewind,
    /// Go on from the committed offsets with the state as it is.
    Accept,
}

/// How a transient failure is tried again. The record and everything behind it in its partition wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retry {
    /// Tries after the first one.
    pub attempts: u32,
    /// Wait before the first retry, milliseconds; doubled for each further one, with up to a quarter of jitter.
    pub backoff_ms: u64,
    /// Longest wait, milliseconds.
    pub max_backoff_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 5, backoff_ms: 100, max_backoff_ms: 10_000 }
    }
}

/// Bounds of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Records of one call.
    pub batch_records: u32,
    /// Bytes of one call; a larger record goes alone.
    pub batch_bytes: usize,
    /// Time of one record, milliseconds. A call may take this, or `batch_deadline_ms` where that is longer.
    pub record_deadline_ms: u64,
    /// Time of one call, milliseconds.
    pub batch_deadline_ms: u64,
    /// Linear memory of one instance, bytes.
    pub memory_bytes: usize,
    /// What one call may return, bytes.
    pub output_bytes: usize,
    /// Keys and values cached per lane, bytes.
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
