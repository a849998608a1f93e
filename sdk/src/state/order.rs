//! The two orders in which the fields of a map are scanned, as types.

use crate::bindings::invoker::udf::types::StateKind;

/// Marks a map that is scanned in no order.
#[derive(Debug)]
pub enum Unsorted {}

/// Marks a map that is scanned in byte order.
#[derive(Debug)]
pub enum Sorted {}

#[doc(hidden)]
pub trait Order {
    const KIND: StateKind;
}

impl Order for Unsorted {
    const KIND: StateKind = StateKind::Map;
}

impl Order for Sorted {
    const KIND: StateKind = StateKind::SortedMap;
}
