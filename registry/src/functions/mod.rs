//! Functions by name and version: what the gRPC interface and the JSON one have in common. Owns what references mean and how
//! lists are paged; rights are asked for before it is called, and what is kept is the store's business.

mod find;
mod lists;
mod register;
mod watch;

pub(crate) use find::{Version, delete, deprecate, find, pointed, version};
pub(crate) use lists::{
    FunctionPage, FunctionSummary, Page, VersionPage, VersionSummary, functions, versions,
};
pub(crate) use register::{Registration, register};
pub(crate) use watch::{Change, Kind, Watch};

use crate::name::NameError;
use crate::store::StoreError;

/// Why something cannot be done with a function.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FunctionError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("`{field}`: {error}")]
    Name { field: &'static str, error: NameError },
    #[error("`{field}` {why}")]
    Field { field: &'static str, why: String },
    #[error(
        "{0:?} is not a function\n\
         its config has not the media type application/vnd.wasm.config.v0+json\n\
         pull it as any artifact, from /v2/"
    )]
    Foreign(String),
}

impl FunctionError {
    /// Reads a name; `field` is where it came from.
    pub(crate) fn read<T: std::str::FromStr<Err = NameError>>(
        field: &'static str,
        text: &str,
    ) -> Result<T, Self> {
        text.parse().map_err(|error| Self::Name { field, error })
    }

    pub(crate) fn field(field: &'static str, why: impl Into<String>) -> Self {
        Self::Field { field, why: why.into() }
    }
}
