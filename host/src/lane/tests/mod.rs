//! Lanes over the embedded log and state, driven by a function in plain Rust.

mod changes;
mod group;
mod growth;
mod native;
mod range;
mod rules;
mod sim;
mod stall;
