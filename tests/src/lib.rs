//! Helpers of the end-to-end tests: the binary and the guests they run, the examples, and the kill scenario, which the
//! suite runs small and `cargo xtask soak` runs large.

pub mod built;
pub mod example;
pub mod kill;
