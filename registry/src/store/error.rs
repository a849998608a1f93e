//! What goes wrong in the store.

use crate::digest::Digest;
use crate::manifest::ManifestError;

/// Why something cannot be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the object store fails: {0}")]
    Backend(#[from] object_store::Error),
    #[error("cannot read from the object store: {0}")]
    Read(#[source] std::io::Error),
    #[error("the store holds a broken record at {path:?}: {why}")]
    Record { path: String, why: String },
    #[error("blob {0} is not in this repository")]
    BlobUnknown(Digest),
    #[error("manifest {0:?} is not in this repository")]
    ManifestUnknown(String),
    #[error("nothing was pushed to repository {0:?}")]
    RepositoryUnknown(String),
    #[error("upload {0} is unknown: it never began, is finished, or was given up")]
    UploadUnknown(uuid::Uuid),
    #[error("{digest} is damaged in the store: its bytes have the digest {found}")]
    Damaged { digest: Digest, found: Digest },
    #[error("the bytes have the digest {found}, not {declared}")]
    Mismatch { declared: Digest, found: Digest },
    #[error("more than {limit} bytes, which is the most that is taken")]
    TooLarge { limit: u64 },
    #[error("the bytes begin at {found}, but the upload stands at {expected}")]
    OutOfOrder { expected: u64, found: u64 },
    #[error("the range names {declared} bytes, and {found} came")]
    Length { declared: u64, found: u64 },
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("{field} {digest} is not in this repository")]
    LinkUnknown { field: &'static str, digest: Digest },
    #[error("{field} {digest} has {found} bytes here, and the manifest says {declared}")]
    LinkSize { field: &'static str, digest: Digest, found: u64, declared: u64 },
    #[error("version {tag} is there already, as {found}")]
    Conflict { tag: String, found: Digest },
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Function(#[from] crate::validation::ValidationError),
}

/// Why the bytes of a request end early.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the connection ended before the body: {0}")]
    Cut(String),
    #[error("the body is not as it should be: {0}")]
    Form(&'static str),
    #[error("the body comes too slowly")]
    Slow,
    /// It comes from the store itself.
    #[error("cannot read what is in the store: {0}")]
    Source(String),
}

impl StoreError {
    /// Whether one record is broken, and the store as such works.
    pub(crate) fn is_of_one_record(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Record { .. } | Self::Manifest(_))
    }

    /// Whether the object store has no such object.
    pub(crate) fn is_missing(error: &object_store::Error) -> bool {
        matches!(error, object_store::Error::NotFound { .. })
    }
}
