//! `invoker run`, `invoker host` and what looks in on real Kafka and Redis, as their users see them. Output is read with kcat, not
//! with a client of ours.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests")]

mod host;
mod hosting;
mod looking;
mod refusals;
mod rights;
mod run;
mod workplace;
