//! Lanes over the embedded log and state, driven by a function in plain Rust.

mod faults;
mod native;
mod rules;
