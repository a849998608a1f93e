//! The command as a user runs it: its messages, its exit codes, what it leaves behind.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod cases;
mod data;
mod failures;
mod files;
mod full;
mod functions;
mod guides;
mod invocation;
mod mistakes;
mod projects;
mod registry;
mod runs;
mod topologies;
mod usage;
mod watching;
