//! Garbage collection: deletes what nothing refers to, beside pushes and pulls. Owns which things are garbage, and in
//! which order they go.
//!
//! A blob is condemned before it is deleted: moved aside, and deleted only if no manifest that is there *then* refers to
//! it. A push looks for its blobs once more after its manifest is written, and takes condemned ones back; so does every
//! read. Whichever of the two comes first, the other one sees it.

mod blobs;
mod folder;
mod manifests;
mod records;
mod uploads;

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use super::paths::REPOSITORIES;
use super::{Store, StoreError};
use crate::name::Repository;

/// How garbage is collected.
#[derive(Clone, Copy, Debug)]
pub struct CollectOptions {
    /// Nothing younger is touched: it may belong to a push that is not done.
    pub grace: Duration,
    /// Only counts.
    pub dry_run: bool,
}

/// What was deleted, or would be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    pub blobs: u64,
    /// Bytes of those blobs.
    pub blob_bytes: u64,
    /// Uploads that were given up.
    pub uploads: u64,
    /// Tags, referrers, descriptions of functions and repositories that lost what they were about, and manifests without
    /// a name that lack what they refer to.
    pub records: u64,
    /// Files of writes that did not end.
    pub files: u64,
    /// Repositories that were left alone from where on a record in them cannot be read.
    pub skipped: u64,
}

/// One run.
struct Run<'a> {
    store: &'a Store,
    options: CollectOptions,
    /// What was written before is old enough.
    before: DateTime<Utc>,
    found: Collected,
}

impl Store {
    /// Deletes what nothing refers to and is older than the grace period.
    pub async fn collect_garbage(&self, options: CollectOptions) -> Result<Collected, StoreError> {
        let grace = chrono::Duration::from_std(options.grace).unwrap_or(chrono::Duration::MAX);
        let before = Utc::now().checked_sub_signed(grace).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let mut run = Run { store: self, options, before, found: Collected::default() };
        for repository in run.repositories().await? {
            match run.repository(&repository).await {
                Err(error) if error.is_of_one_record() => {
                    tracing::warn!(%repository, %error, "no garbage is collected where a record cannot be read");
                    run.found.skipped += 1;
                }
                done => done?,
            }
        }
        if let Some(folder) = self.folder.clone() {
            let (before, dry_run) = (run.before, options.dry_run);
            let swept = tokio::task::spawn_blocking(move || folder::sweep(&folder, before.into(), dry_run));
            run.found.files = swept.await.map_err(|error| StoreError::Read(error.into()))?;
        }
        if !options.dry_run {
            self.stats.collected(&run.found);
        }
        Ok(run.found)
    }
}

impl Run<'_> {
    async fn repository(&mut self, repository: &Repository) -> Result<(), StoreError> {
        self.uploads(repository).await?;
        self.tags(repository).await?;
        self.manifests(repository).await?;
        self.blobs(repository).await?;
        self.records(repository).await
    }

    fn is_old(&self, object: &ObjectMeta) -> bool {
        object.last_modified <= self.before
    }

    async fn list(&self, folder: &Path) -> Result<Vec<ObjectMeta>, StoreError> {
        Ok(self.store.objects.list(Some(folder)).try_collect().await?)
    }

    /// All repositories that have anything, whether a push to them ever ended or not.
    async fn repositories(&self) -> Result<Vec<Repository>, StoreError> {
        let mut found = Vec::new();
        let mut folders = vec![Path::from(REPOSITORIES)];
        while let Some(folder) = folders.pop() {
            let listed = self.store.objects.list_with_delimiter(Some(&folder)).await?;
            let is_own = |path: &Path| path.filename().is_some_and(|name| name.starts_with('_'));
            let (own, deeper): (Vec<Path>, Vec<Path>) = listed.common_prefixes.into_iter().partition(is_own);
            let name = folder.as_ref().strip_prefix(REPOSITORIES).map(|name| name.trim_start_matches('/'));
            if !own.is_empty() {
                found.extend(name.and_then(|name| name.parse::<Repository>().ok()));
            }
            folders.extend(deeper);
        }
        found.sort();
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
