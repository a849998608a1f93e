//! Lanes over the embedded log and state, driven by a function in plain Rust.

mod changes;
mod group;
mod native;
mod rules;
mod sim;
mod stall;
