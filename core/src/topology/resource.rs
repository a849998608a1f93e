//! The resource as a whole: `InvokerDeployment`, its metadata and what holds for all of its entities. Types only; the
//! rules are in `check`, the defaults that depend on more than the field are the planner's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::entity::{Resources, StatefulEntity};
use super::service::{Kafka, Redis, State};

/// `apiVersion` of the resource.
pub const API_VERSION: &str = "invoker.io/v1alpha1";
/// `kind` of the resource.
pub const KIND: &str = "InvokerDeployment";

/// A topology: what `topology.yaml` holds and what `kubectl apply` takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InvokerDeployment {
    /// Version of this format: `invoker.io/v1alpha1`.
    pub api_version: String,
    /// Kind of the resource: `InvokerDeployment`.
    pub kind: String,
    /// Name, namespace and labels.
    pub metadata: Metadata,
    /// The topology itself.
    pub spec: DeploymentSpec,
    /// Written by the operator, ignored when read. Default: none.
    #[serde(default, skip_serializing)]
    pub status: Option<serde_json::Value>,
}

impl InvokerDeployment {
    /// `spec.id`, or `<namespace>.<name>`.
    pub fn id(&self) -> String {
        match &self.spec.id {
            Some(id) => id.clone(),
            None => format!("{}.{}", self.metadata.namespace(), self.metadata.name),
        }
    }
}

/// What Kubernetes knows of every object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// Name of the deployment: lower-case letters, digits, `-` and `.`, at most 253 characters.
    pub name: String,
    /// Namespace. Default: `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Labels, for selection. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations, for tools. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Set by Kubernetes; accepted, as the other fields that it sets, so that what `kubectl get` prints can be read.
    /// Default: none.
    #[serde(default, skip_serializing)]
    pub uid: Option<serde_json::Value>,
    /// Set by Kubernetes. Default: none.
    #[serde(default, skip_serializing)]
    pub resource_version: Option<serde_json::Value>,
    /// Set by Kubernetes. Default: none.
    #[serde(default, skip_serializing)]
    pub generation: Option<serde_json::Value>,
    /// Set by Kubernetes. Default: none.
    #[serde(default, skip_serializing)]
    pub creation_timestamp: Option<serde_json::Value>,
    /// Set by Kubernetes. Default: none.
    #[serde(default, skip_serializing)]
    pub managed_fields: Option<serde_json::Value>,
    /// Set by Kubernetes. Default: none.
    #[serde(default, skip_serializing)]
    pub finalizers: Option<serde_json::Value>,
    /// Set by Kubernetes. Default: none.
    #[serde(default, skip_serializing)]
    pub owner_references: Option<serde_json::Value>,
}

impl Metadata {
    /// The namespace, or `default`.
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }
}

/// What is to run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeploymentSpec {
    /// Identity of the deployment in shared services (groups, transactional ids, state, dead letters). Changing it
    /// starts anew. Letters, digits, `.`, `_` and `-`. Default: `<namespace>.<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// First part of every name in shared services, for access rules. Default: `invoker`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// A label of the user's own, shown in status. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Image of the host, the same for every entity. Default: that of the operator's release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// When Kubernetes pulls the image. Default: `IfNotPresent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_pull_policy: Option<ImagePullPolicy>,
    /// Secrets to pull the image with. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 16)))]
    pub image_pull_secrets: Vec<LocalReference>,
    /// Revisions kept for a rollback, 0 to 100. Default: `3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(max = 100)))]
    pub history_limit: Option<u32>,
    /// Address of the registry that function names without a host are looked up in, e.g.
    /// `http://invoker-registry:8080`; what stands behind the host goes in front of each name. Plain HTTP is spoken where
    /// it begins with `http://`, and with this machine. Default: the operator's; locally, `INVOKER_REGISTRY`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// Public keys, `ed25519:…`: every function must be signed by one of them (`invoker sign`), and a file is not.
    /// Default: none; nothing need be signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 100)))]
    pub require_signature: Vec<String>,
    /// Address of Kafka, `host:port` with commas between; short for `kafka.bootstrapServers`. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io_address: Option<String>,
    /// Kafka with encryption or a login. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kafka: Option<Kafka>,
    /// Where keyed state lives. Default: none; `invoker run` keeps it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Topics by name, for what is to be said about them; a topic that an entity reads or writes need not stand here.
    /// Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub topics: BTreeMap<String, Topic>,
    /// Whether missing topics are made on Kafka; in the embedded log they always are. Default: `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_topics: Option<bool>,
    /// Resources of every pod, unless the entity or the pod says otherwise. Default: the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// The stages of the topology, 1 to 100.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 100)))]
    #[cfg_attr(
        feature = "schema",
        schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))
    )]
    pub stateful_entities: Vec<StatefulEntity>,
    /// Whether all entities stand still, with their positions and state kept. Default: `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<bool>,
    /// What becomes of offsets and state when the resource is deleted. Default: `retain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delete_policy: Option<DeletePolicy>,
}

impl DeploymentSpec {
    /// Kafka, as `kafka` or its short form `ioAddress` names it.
    pub fn kafka(&self) -> Option<Kafka> {
        self.kafka.clone().or_else(|| self.io_address.as_ref().map(Kafka::at))
    }

    /// Redis, where state lives there.
    pub fn redis(&self) -> Option<&Redis> {
        self.state.as_ref().map(|state| &state.redis)
    }
}

/// A Secret in the namespace of the deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LocalReference {
    /// Name of the Secret.
    pub name: String,
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ImagePullPolicy {
    /// At every start of a pod.
    Always,
    /// Where the node does not have it.
    #[default]
    IfNotPresent,
    /// Never: the node must have it.
    Never,
}

/// What becomes of offsets and state of a deleted deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum DeletePolicy {
    /// They stay, and a deployment of the same id goes on with them.
    #[default]
    Retain,
    /// They are removed too.
    Purge,
}

/// What is to be said about a topic.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Topic {
    /// Partitions, 1 to 10000. Default: those it has; a new one gets 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 10000)))]
    pub partitions: Option<u32>,
    /// Copies that Kafka keeps of a new topic, 1 to 100. Default: the broker's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 100)))]
    pub replication_factor: Option<u16>,
    /// Kafka's settings of a new topic, e.g. `retention.ms: "86400000"`. Default: the broker's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
}
