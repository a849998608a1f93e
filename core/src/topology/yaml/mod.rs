//! YAML and JSON text to typed values, keeping where everything stood. Owns the tree of nodes with positions and the
//! serde deserializer over it; knows no field of a topology.
//!
//! `granit-parser` gives the events: it is pure Rust, free of unsafe code and panics, bounded in nesting, takes JSON
//! whole (surrogate pairs too) and says what is wrong as a typed error with line and column. The deserializer is our
//! own because the existing ones stop at the first error and forget positions after it: here every unknown field and
//! every wrong type of a document is found in one pass, and validation can name the line of any path later.

mod access;
mod build;
mod de;
mod error;
mod notes;
mod scalar;
mod syntax;
mod tree;

pub(crate) use build::parse;
pub(crate) use de::read;
pub(crate) use tree::{Node, Places, path_of_field, path_of_item};
