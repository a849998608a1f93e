//! The failure table of the delivery protocol: hosts, Kafka and Redis as real processes that are killed, frozen, moved
//! and rolled back while records flow. Afterwards `kcat` and `redis-cli` must find what [`truth`] computed apart from
//! the platform, in order within each partition.

#![expect(clippy::unwrap_used, reason = "these are tests")]

mod change;
mod chaos;
mod feed;
mod group;
mod host;
mod kafka;
mod modes;
mod owners;
mod pipeline;
mod records;
mod recovery;
mod redis;
mod tail;
mod topics;
mod truth;
mod wait;
