//! Lanes over the embedded log and state, driven by a function in plain Rust.

mod changes;
mod group;
mod growth;
mod letters;
mod native;
mod positions;
mod range;
mod rules;
mod sim;
mod stall;
mod upkeep;
