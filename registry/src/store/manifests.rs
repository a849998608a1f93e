//! Manifests: read with their digest verified, and deleted with what points to them.

use bytes::Bytes;
use object_store::ObjectStoreExt;

use super::{Paths, Store, StoreError};
use crate::digest::Digest;
use crate::manifest::Manifest;
use crate::name::{Reference, Repository};

/// A manifest as it was pushed.
#[derive(Clone, Debug)]
pub struct StoredManifest {
    pub digest: Digest,
    pub media_type: String,
    pub content: Bytes,
}

impl Store {
    /// The manifest that a tag or digest names.
    pub async fn manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
    ) -> Result<StoredManifest, StoreError> {
        let unknown = || StoreError::ManifestUnknown(reference.to_string());
        let digest = match reference {
            Reference::Digest(digest) => digest.clone(),
            Reference::Tag(tag) => self.resolve(repository, tag).await?.ok_or_else(unknown)?,
        };
        self.manifest_by_digest(repository, &digest).await?.ok_or_else(unknown)
    }

    pub(crate) async fn manifest_by_digest(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<StoredManifest>, StoreError> {
        let path = Paths(repository).manifest(digest);
        let record = match self.objects.get(&path).await {
            Err(error) if StoreError::is_missing(&error) => return Ok(None),
            found => found?.bytes().await?,
        };
        let broken = |why: &str| StoreError::Record { path: path.to_string(), why: why.to_owned() };
        let end = record.iter().position(|byte| *byte == b'\n').ok_or_else(|| broken("no media type"))?;
        let content = record.slice(end + 1..);
        let found = Digest::of(digest.algorithm(), &content);
        if found != *digest {
            tracing::error!(%digest, %found, "content is damaged in the store");
            return Err(StoreError::Damaged { digest: digest.clone(), found });
        }
        let media_type =
            String::from_utf8(record.slice(..end).into()).map_err(|_| broken("no media type"))?;
        Ok(Some(StoredManifest { digest: digest.clone(), media_type, content }))
    }

    pub(crate) async fn has_manifest(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<bool, StoreError> {
        match self.objects.head(&Paths(repository).manifest(digest)).await {
            Err(error) if StoreError::is_missing(&error) => Ok(false),
            found => Ok(found.map(|_| true)?),
        }
    }

    pub(crate) async fn write_manifest(
        &self,
        repository: &Repository,
        manifest: &StoredManifest,
    ) -> Result<(), StoreError> {
        let mut record = Vec::with_capacity(manifest.media_type.len() + 1 + manifest.content.len());
        record.extend_from_slice(manifest.media_type.as_bytes());
        record.push(b'\n');
        record.extend_from_slice(&manifest.content);
        self.objects.put(&Paths(repository).manifest(&manifest.digest), record.into()).await?;
        Ok(())
    }

    /// Deletes a manifest, the tags that point to it and its place among referrers.
    pub async fn delete_manifest(&self, repository: &Repository, digest: &Digest) -> Result<(), StoreError> {
        let unknown = || StoreError::ManifestUnknown(digest.to_string());
        // A damaged one can be deleted too; what it refers to is then for garbage collection.
        let subject = match self.manifest_by_digest(repository, digest).await {
            Err(StoreError::Damaged { .. }) => None,
            found => {
                let found = found?.ok_or_else(unknown)?;
                Manifest::read(Some(&found.media_type), &found.content).ok().and_then(|read| read.subject)
            }
        };
        self.remove(&Paths(repository).manifest(digest)).await?;
        self.delete_tags_of(repository, digest).await?;
        match subject {
            Some(subject) => self.remove(&Paths(repository).referrer(&subject, digest)).await,
            None => Ok(()),
        }
    }
}
