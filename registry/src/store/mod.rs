//! Everything that is kept, in one object store: blobs, uploads, manifests, tags, referrers, results of validation.
//!
//! Owns the layout and the order of writes; knows nothing of HTTP or rights. There is no other memory: any number of
//! processes may work on one store, and any of them may be killed at any time. What makes that right is in
//! `docs/decisions/0008-registry-store.md`.
//!
//! ```text
//! catalog/<name, "+" for "/">                          the repository exists
//! repositories/<name>/_blobs/<algorithm>/<hex>         content
//! repositories/<name>/_condemned/<run>/…               content that garbage collection is about to delete
//! repositories/<name>/_uploads/<uuid>/start, <offset>  an upload and the segments that came
//! repositories/<name>/_manifests/<algorithm>/<hex>     media type, line end, content
//! repositories/<name>/_tags/<tag>/<number>             digest, or `deleted`; the highest number counts
//! repositories/<name>/_referrers/<subject>/<digest>    descriptor
//! repositories/<name>/_functions/<algorithm>/<hex>     what a component declares
//! repositories/<name>/_deprecations/<algorithm>/<hex>  why a manifest should no longer be used
//! repositories/<name>/_compatibility/<tag>/<digest>    how a version gets on with the state of the release below it
//! ```

mod blobs;
mod catalog;
mod error;
mod functions;
mod garbage;
mod manifests;
mod notes;
mod paths;
mod push;
mod referrers;
mod stats;
mod tags;
mod uploads;
mod versions;
mod writer;

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;

pub use blobs::{Blob, BlobStream};
pub use error::{BodyError, StoreError};
pub use functions::FunctionRecord;
pub use garbage::{CollectOptions, Collected};
pub use manifests::StoredManifest;
pub use notes::{Compatibility, Deprecation, StateProblem};
pub use push::{Push, Pushed};
pub use referrers::Referrer;
pub use uploads::Received;

pub(crate) use paths::Paths;
pub(crate) use stats::Stats;
pub(crate) use versions::shown_order;

/// Bytes of a request, as they come.
pub type Body = BoxStream<'static, Result<Bytes, BodyError>>;

/// Most bytes that one write to the object store carries; object stores want parts of at least 5 MiB.
pub(crate) const PART: usize = 5 << 20;

/// A handle to the store. Clones share it.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// The folder, if it is one.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) stats: Stats,
}

impl Store {
    /// A store in a folder, which is made if it is not there. Every write is on disk when it is answered.
    pub fn folder(path: &FilePath) -> Result<Self, StoreError> {
        std::fs::create_dir_all(path).map_err(StoreError::Read)?;
        let objects = LocalFileSystem::new_with_prefix(path)?.with_fsync(true);
        Ok(Self { objects: Arc::new(objects), folder: Some(path.to_owned()), stats: Stats::default() })
    }

    /// A store that is gone with its last handle.
    pub fn memory() -> Self {
        Self::over(Arc::new(InMemory::new()))
    }

    /// A store in any object store that lists what was written, and creates an object only if it is not there.
    pub fn over(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects, folder: None, stats: Stats::default() }
    }
}
