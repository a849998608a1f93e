//! Checks what a function returned before anybody uses it.

use invoker_core::records::ColumnError;

/// Why a result cannot be used. `field` is the name of the list in the contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResultError {
    #[error("`consumed` is {consumed}, but the batch has {records} records")]
    Consumed { consumed: u32, records: usize },
    #[error("`{field}`: {error}")]
    Column { field: String, error: ColumnError },
}
