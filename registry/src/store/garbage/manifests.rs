//! Manifests that lack what they refer to, and tags that lack their manifest: what pushes and deletes leave that were
//! refused or killed on the way.

use std::collections::HashSet;

use object_store::ObjectStoreExt;

use super::super::paths::digest_of;
use super::super::{Paths, StoreError};
use super::Run;
use crate::digest::Digest;
use crate::manifest::Manifest;
use crate::name::Repository;

impl Run<'_> {
    /// Deletes tags whose manifest is not there.
    pub(super) async fn tags(&mut self, repository: &Repository) -> Result<(), StoreError> {
        for tag in self.store.tag_folders(repository).await? {
            let Some(current) = self.store.current(repository, &tag).await? else { continue };
            let Some(digest) = current.digest else { continue };
            let record = Paths(repository).tag(&tag).join(format!("{:020}", current.number));
            if self.store.has_manifest(repository, &digest).await? || !self.is_old_at(&record).await? {
                continue;
            }
            let dropped = self.options.dry_run
                || self.store.drop_dangling(repository, &tag, current.number, &digest).await?;
            self.found.records += u64::from(dropped);
        }
        Ok(())
    }

    /// Deletes manifests that lack what they refer to, and that neither a tag nor a manifest names.
    pub(super) async fn manifests(&mut self, repository: &Repository) -> Result<(), StoreError> {
        let paths = Paths(repository);
        let mut broken = Vec::new();
        for object in self.old(repository, "_manifests").await? {
            let Some(digest) = digest_of(&object.location) else { continue };
            if !self.is_whole(repository, &digest).await? {
                broken.push(digest);
            }
        }
        if broken.is_empty() {
            return Ok(());
        }
        let mut named: HashSet<Digest> = self.store.referenced(repository).await?;
        for tag in self.store.tag_folders(repository).await? {
            named.extend(self.store.pointed(repository, &tag).await?);
        }
        for digest in broken.into_iter().filter(|digest| !named.contains(digest)) {
            let path = paths.manifest(&digest);
            let Some(stored) = self.store.manifest_by_digest(repository, &digest).await? else { continue };
            // One that was pushed again since is young.
            if !self.is_old_at(&path).await? {
                continue;
            }
            self.found.records += 1;
            if self.options.dry_run {
                continue;
            }
            self.store.remove(&path).await?;
            let manifest = Manifest::read(Some(&stored.media_type), &stored.content)?;
            if self.store.check_links(repository, &manifest).await.is_ok() {
                self.store.write_manifest(repository, &stored).await?;
            }
        }
        Ok(())
    }

    /// Whether what a manifest refers to is there. One of a kind that is not read refers to nothing.
    async fn is_whole(&self, repository: &Repository, digest: &Digest) -> Result<bool, StoreError> {
        let Some(stored) = self.store.manifest_by_digest(repository, digest).await? else { return Ok(true) };
        let Ok(manifest) = Manifest::read(Some(&stored.media_type), &stored.content) else { return Ok(true) };
        match self.store.check_links(repository, &manifest).await {
            Err(StoreError::LinkUnknown { .. }) => Ok(false),
            Err(StoreError::LinkSize { .. }) => Ok(true),
            done => done.map(|()| true),
        }
    }

    async fn is_old_at(&self, path: &object_store::path::Path) -> Result<bool, StoreError> {
        match self.store.objects.head(path).await {
            Err(error) if StoreError::is_missing(&error) => Ok(false),
            found => Ok(self.is_old(&found?)),
        }
    }
}
