//! Records that lost what they are about: referrers, descriptions of functions, notes, the repository itself.
//!
//! Each is looked at once more after it was deleted, and put back if what it is about came meanwhile.

use object_store::{ObjectMeta, ObjectStoreExt};

use super::super::paths::digest_of;
use super::super::{Paths, StoreError};
use super::Run;
use crate::digest::Digest;
use crate::manifest::Manifest;
use crate::name::Repository;

impl Run<'_> {
    pub(super) async fn records(&mut self, repository: &Repository) -> Result<(), StoreError> {
        self.referrers(repository).await?;
        self.functions(repository).await?;
        self.notes(repository).await?;
        self.marker(repository).await
    }

    async fn referrers(&mut self, repository: &Repository) -> Result<(), StoreError> {
        for object in self.old(repository, "_referrers").await? {
            let Some(digest) = digest_of(&object.location) else { continue };
            if self.store.has_manifest(repository, &digest).await? {
                continue;
            }
            self.found.records += 1;
            if self.options.dry_run {
                continue;
            }
            self.store.remove(&object.location).await?;
            self.restore_referrer(repository, &digest).await?;
        }
        Ok(())
    }

    async fn restore_referrer(&self, repository: &Repository, digest: &Digest) -> Result<(), StoreError> {
        let Some(stored) = self.store.manifest_by_digest(repository, digest).await? else { return Ok(()) };
        let manifest = Manifest::read(Some(&stored.media_type), &stored.content)?;
        match &manifest.subject {
            Some(subject) => self.store.write_referrer(repository, subject, &stored, &manifest).await,
            None => Ok(()),
        }
    }

    async fn functions(&mut self, repository: &Repository) -> Result<(), StoreError> {
        for object in self.old(repository, "_functions").await? {
            let Some(component) = digest_of(&object.location) else { continue };
            if self.has_blob(repository, &component).await? {
                continue;
            }
            self.found.records += 1;
            if self.options.dry_run {
                continue;
            }
            let record = self.store.function(repository, &component).await?;
            self.store.remove(&object.location).await?;
            if let Some(record) = record
                && self.has_blob(repository, &component).await?
            {
                self.store.write_function(repository, &component, &record).await?;
            }
        }
        Ok(())
    }

    /// Notes of manifests that are gone. One that is lost beside a push of the same manifest is only a note less.
    async fn notes(&mut self, repository: &Repository) -> Result<(), StoreError> {
        for folder in ["_deprecations", "_compatibility"] {
            for object in self.old(repository, folder).await? {
                let Some(manifest) = digest_of(&object.location) else { continue };
                if self.store.has_manifest(repository, &manifest).await? {
                    continue;
                }
                self.found.records += 1;
                if !self.options.dry_run {
                    self.store.remove(&object.location).await?;
                }
            }
        }
        Ok(())
    }

    async fn marker(&mut self, repository: &Repository) -> Result<(), StoreError> {
        let marker = match self.store.objects.head(&Paths(repository).catalog()).await {
            Err(error) if StoreError::is_missing(&error) => return Ok(()),
            found => found?,
        };
        if !self.is_old(&marker) || self.has_manifests(repository).await? {
            return Ok(());
        }
        self.found.records += 1;
        if self.options.dry_run {
            return Ok(());
        }
        self.store.remove(&marker.location).await?;
        if self.has_manifests(repository).await? {
            self.store.add_repository(repository).await?;
        }
        Ok(())
    }

    pub(super) async fn old(
        &self,
        repository: &Repository,
        folder: &str,
    ) -> Result<Vec<ObjectMeta>, StoreError> {
        let mut found = self.list(&Paths(repository).folder(folder)).await?;
        found.retain(|object| self.is_old(object));
        Ok(found)
    }

    async fn has_manifests(&self, repository: &Repository) -> Result<bool, StoreError> {
        Ok(!self.list(&Paths(repository).folder("_manifests")).await?.is_empty())
    }

    async fn has_blob(&self, repository: &Repository, digest: &Digest) -> Result<bool, StoreError> {
        match self.store.blob_size(repository, digest).await {
            Err(StoreError::BlobUnknown(_)) => Ok(false),
            found => Ok(found.map(|_| true)?),
        }
    }
}
