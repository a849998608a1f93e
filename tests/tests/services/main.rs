//! `invoker run` and `invoker host` on real Kafka and Redis, as their users see them. Output is read with kcat, not
//! with a client of ours.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod host;
mod refusals;
mod run;
mod workplace;
