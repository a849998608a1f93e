//! Helpers of the end-to-end tests: the binary and the guests they run, the examples, the servers they run against,
//! and the kill scenario, which the suite runs small and `cargo xtask soak` runs large.

pub mod built;
pub mod example;
pub mod kill;
pub mod servers;
