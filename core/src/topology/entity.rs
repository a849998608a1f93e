//! A stateful entity: one stage of a topology, with its wiring, its pods and its policies. Types only.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::units::{Bytes, Millis, PartitionRange, Quantity, Start};
use crate::document::{Delivery, OnFailure, OnOffsetOutOfRange, OnPartitionChange, OnStateLoss};

/// One stage: a function, the topics it reads and writes, its state and how it runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatefulEntity {
    /// Name, unique in the topology: lower-case letters, digits and `-`, at most 63 characters.
    pub name: String,
    /// Identity of its offsets and its state; changing it starts anew. Default: its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The component: a path (`./x`, `../x`, `/x`, relative to this file), or `namespace/name:tag`,
    /// `namespace/name@sha256:…` or `namespace/name@^1.2` in the registry; with a host in front (`host.example/…`,
    /// `localhost:5000/…`) in that one. More in [registry.md](registry.md#for-users).
    pub function: String,
    /// The topic it reads. Default: none; give this or `inputs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_topic: Option<String>,
    /// The topics it reads, where they are several or more is to be said. Default: none; give this or `inputTopic`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 64)))]
    pub inputs: Vec<Input>,
    /// The topic that its first output goes to. Default: none; what the function returns there is dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_topic: Option<String>,
    /// Topic per output, by the name that the function declares. Default: none; an output that is not wired is
    /// dropped.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, String>,
    /// Pods among which the operator spreads the partitions evenly; with `invoker run` threads. 1 to 1000. Default:
    /// one pod; with `invoker run` one thread per core, at most one per partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000)))]
    pub parallelism: Option<u32>,
    /// Pods by hand, each with its partitions. Default: none; the operator spreads them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 1000)))]
    #[cfg_attr(
        feature = "schema",
        schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))
    )]
    pub pods: Vec<Pod>,
    /// Resources of its pods. Default: those of the deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Pods by load. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscale: Option<Autoscale>,
    /// What is promised about each record. Default: `exactly-once` where it has state or a wired output, otherwise
    /// `at-least-once`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
    /// Settings of the function, by the name that it declares; a secret as `{ secretRef: { name, key } }`. Default:
    /// none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, serde_json::Value>,
    /// What the function may reach beyond its records and its state. Not served yet. Default: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Grants>,
    /// How a transient failure is tried again. Default: 5 times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// What becomes of a record that cannot be processed. Default: `dead-letter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// Topic of the records that cannot be processed. Default: `<id>.<entity>.dead-letter`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_topic: Option<String>,
    /// What happens when state and committed offsets disagree. Default: `fail`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_state_loss: Option<OnStateLoss>,
    /// What happens when an input topic grows, so that keys move to other partitions than their state. Default:
    /// `stop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_partition_change: Option<OnPartitionChange>,
    /// What happens when the log no longer holds the position that an input has come to: it was away for longer than
    /// the topic keeps its records, or the topic was cut. Default: `stop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_offset_out_of_range: Option<OnOffsetOutOfRange>,
    /// Bounds of the function. Default: as each of them says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsSpec>,
    /// Where reading starts when nothing was committed yet: `earliest`, `latest`, `timestamp:2026-01-31T00:00:00Z` or
    /// `offsets:0=120,1=98`. Default: `earliest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_position: Option<Start>,
    /// Who decides which host reads which partition. Default: `owned`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<Assignment>,
    /// Longest time between two commits under load, 1ms to 60s. Default: `100ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit_interval: Option<Millis>,
    /// Time without a sign of a thread whose inputs hold more, after which it is given up and another started in its
    /// place, 1s to 24h; never less than twice what a call and a commit may take. Default: `60s`, or four times what a
    /// call and a commit may take where that is longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall_after: Option<Millis>,
}

impl StatefulEntity {
    /// Its `id`, or its name.
    pub fn id(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.name)
    }

    /// The topics it reads, in the order of the document.
    pub fn input_topics(&self) -> impl Iterator<Item = &str> {
        let one = self.input_topic.as_deref();
        one.into_iter().chain(self.inputs.iter().map(|input| input.topic.as_str()))
    }

    /// The topics it writes, without its dead letters.
    pub fn output_topics(&self) -> impl Iterator<Item = &str> {
        let one = self.output_topic.as_deref();
        one.into_iter().chain(self.outputs.values().map(String::as_str))
    }
}

/// One input of an entity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Input {
    /// The topic.
    pub topic: String,
    /// Name that the function declares for this input. Default: none; needed where the function declares several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where reading starts, as `startPosition`. Default: the entity's `startPosition`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// Media type of its records, checked against what the function declares, e.g. `application/json`. Default: not
    /// checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// A pod made by hand.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pod {
    /// Name, unique in the entity: lower-case letters, digits and `-`, at most 63 characters.
    pub name: String,
    /// Its partitions: numbers and ranges in quotes, e.g. `["0-2", 5]`.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 1000)))]
    pub partitions: Vec<PartitionRange>,
    /// Its resources. Default: those of the entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

/// Resources of a pod, as Kubernetes has them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Resources {
    /// What is reserved, e.g. `cpu: 500m`. Default: the limits.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, Quantity>,
    /// What may be used, e.g. `memory: 512Mi`. Default: the requests.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, Quantity>,
}

/// Pods by load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Autoscale {
    /// Fewest pods; 0 = none while there is nothing to do. Default: `1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_pods: Option<u32>,
    /// Most pods, 1 to 1000; more than partitions are never made.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1000)))]
    pub max_pods: u32,
    /// Seconds within which a backlog is to be worked off. Default: `10`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_lag_seconds: Option<u32>,
    /// Seconds of less load before a pod is taken away. Default: `300`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_down_delay_seconds: Option<u32>,
    /// Whether only status says what would be done. Default: `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,
}

/// What a function may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grants {
    /// Hosts it may call over `wasi:http`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 100)))]
    pub http: Vec<String>,
    /// `host:port` it may reach over `wasi:sockets`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 100)))]
    pub sockets: Vec<String>,
    /// Whether it may use `wasi:config`. Default: `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<bool>,
    /// Whether it may use `wasi:logging`. Default: `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<bool>,
}

/// How a transient failure is tried again. The record and everything behind it in its partition wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetryPolicy {
    /// Tries after the first one, 0 to 1000. Default: `5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = 1000)))]
    pub attempts: Option<u32>,
    /// Wait before the first of them; doubled for each further one, with up to a quarter of jitter. Default: `100ms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Millis>,
    /// Longest wait, at most 1h. Default: `10s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_backoff: Option<Millis>,
}

/// Bounds of a function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LimitsSpec {
    /// Time of one record, 1ms to 10m. Default: what the function declares, otherwise `1s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Millis>,
    /// Time of one call with all its records, at least `deadline` and at most 10m. Default: `5s`, or `deadline` where
    /// that is longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_deadline: Option<Millis>,
    /// Linear memory of one instance, 1MiB to 4GiB. Default: `64MiB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
    /// What one call may return, 1KiB to 1GiB. Default: `32MiB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Bytes>,
    /// Records of one call, 1 to 65536. Default: `1024`, or less where the function declares it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 65536)))]
    pub batch_records: Option<u32>,
    /// Bytes of the records of one call, 1KiB to 256MiB; a larger record goes alone. Default: `1MiB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_bytes: Option<Bytes>,
    /// Keys and values of state cached per lane, at most 64GiB. Default: `64MiB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_cache: Option<Bytes>,
}

/// Who decides which host reads which partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Assignment {
    /// Whoever writes the documents (the operator, by `pods` or by itself): each partition is owned by a named host;
    /// with `invoker run`, by this one.
    #[default]
    Owned,
    /// Kafka's own consumer group: any number of hosts share the partitions, and divide them anew when one comes or
    /// goes. For entities without state, and with Redis, where owners are noted. In an embedded log there is one host,
    /// which has them all.
    Group,
}
