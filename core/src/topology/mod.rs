//! Topologies: what `topology.yaml` may say, reading it, and what is wrong with it. The types are those of the
//! Kubernetes resource `InvokerDeployment` too (feature `schema`). What becomes of a topology is the planner's.
//!
//! ```
//! use invoker_core::topology;
//!
//! let text = "
//! apiVersion: invoker.io/v1alpha1
//! kind: InvokerDeployment
//! metadata: { name: wordcount }
//! spec:
//!   statefulEntities:
//!     - { name: split, function: ./split.wasm, inputTpic: lines }
//! ";
//! let problems = topology::parse("topology.yaml", text.as_bytes()).unwrap_err();
//! assert!(problems.to_string().starts_with(
//!     "topology.yaml:7:46: spec.statefulEntities[0].inputTpic: unknown field",
//! ));
//! ```

pub(crate) mod check;
mod entity;
mod local;
mod parse;
mod problem;
mod resource;
#[cfg(feature = "schema")]
pub mod schema;
mod service;
mod time;
mod units;
mod yaml;

pub use check::{Functions, Outside, Unavailable, check, check_functions};
pub use entity::{
    Assignment, Autoscale, Grants, Input, LimitsSpec, Pod, Resources, RetryPolicy, StatefulEntity,
};
pub use local::{Ground, unused_services, without_local_meaning};
pub use parse::{Document, Placed, parse, read};
pub use problem::{Position, Problem, Problems, nearest};
pub use resource::{
    API_VERSION, DeletePolicy, DeploymentSpec, ImagePullPolicy, InvokerDeployment, KIND, LocalReference,
    Metadata, Topic,
};
pub use service::{
    Kafka, Redis, Sasl, SaslMechanism, SecretRef, State, Tls, addresses, is_kafka_address, is_redis_address,
    without_login,
};
pub use units::{Bytes, Millis, PartitionRange, Quantity, Start};
pub(crate) use yaml::{path_of_field, path_of_item};
