//! The `invoker` command.
fn main() {}
