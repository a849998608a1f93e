//! What every part of Invoker agrees on: names, topologies and their validation, the host
//! document, records in columns, the partitioner. No threads, no I/O.

pub mod assignment;
pub mod commit;
pub mod document;
pub mod exit;
pub mod function;
pub mod function_name;
pub mod message;
pub mod names;
pub mod partitioner;
pub mod plan;
pub mod records;
pub mod settings;
pub mod topology;
