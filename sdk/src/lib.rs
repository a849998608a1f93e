//! What the author of a function in Rust uses.
