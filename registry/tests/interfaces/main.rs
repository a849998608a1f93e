//! The interfaces besides the OCI one, as clients meet them: gRPC, JSON under `/api`, metrics.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, unreachable_pub, reason = "these are tests")]

mod api;
#[path = "../distribution/artifact.rs"]
#[allow(dead_code, reason = "the other test binary uses the rest")]
mod artifact;
mod client;
#[path = "../../../engine/tests/components/mod.rs"]
mod components;
mod follow;
mod grpc;
mod metrics;
#[path = "../distribution/registry.rs"]
#[allow(dead_code, reason = "the other test binary uses the rest")]
mod registry;
mod rights;
mod tls;
mod watch;
