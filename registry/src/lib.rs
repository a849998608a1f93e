//! The registry: keeps functions and other OCI artifacts in an object store, checks them when they are pushed, and serves
//! them by name and digest.
//!
//! A [`Store`] is everything that is kept; a [`Server`] speaks the OCI distribution API over it.

mod audit;
mod auth;
pub mod command;
mod digest;
mod functions;
mod grpc;
mod http;
mod manifest;
mod name;
mod options;
mod store;
mod validation;

pub use auth::{Grant, Right, TokenFileError, Tokens};
pub use digest::{Algorithm, Digest, DigestError};
pub use http::{ServeError, Server, TlsError};
pub use manifest::ManifestError;
pub use name::{NameError, Namespace, Reference, Repository, Tag};
pub use options::{Limits, Options, Tls};
pub use store::{
    Blob, BlobStream, Body, BodyError, CollectOptions, Collected, Compatibility, Deprecation, FunctionRecord,
    Push, Pushed, Received, Referrer, StateProblem, Store, StoreError, StoredManifest,
};
pub use validation::{ValidationError, Validator};
