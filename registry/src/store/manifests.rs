//! Manifests: read with their digest verified, and deleted with what points to them.

use bytes::Bytes;
use object_store::{ObjectStoreExt, PutMode};

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

/// How a manifest lies in the store.
fn record(manifest: &StoredManifest) -> Vec<u8> {
    [manifest.media_type.as_bytes(), b"\n", &manifest.content].concat()
}

impl Store {
    /// The manifest that a tag or digest names.
    pub async fn manifest(
        &self,
        repository: &Repository,
        reference: &Reference,
    ) -> Result<StoredManifest, StoreError> {
        let unknown = || StoreError::ManifestUnknown(reference.to_string());
        let tag = match reference {
            Reference::Digest(digest) => {
                return self.manifest_by_digest(repository, digest).await?.ok_or_else(unknown);
            }
            Reference::Tag(tag) => tag,
        };
        let mut digest = self.pointed(repository, tag).await?.ok_or_else(unknown)?;
        loop {
            if let Some(found) = self.manifest_by_digest(repository, &digest).await? {
                return Ok(found);
            }
            // The tag may have moved, and the manifest that it pointed to be deleted, in between.
            match self.pointed(repository, tag).await? {
                Some(moved) if moved != digest => digest = moved,
                _ => return Err(unknown()),
            }
        }
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
            self.stats.damaged.inc();
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

    /// Writes a manifest. The media type of one that is there stays: it may be released.
    pub(crate) async fn write_manifest(
        &self,
        repository: &Repository,
        manifest: &StoredManifest,
    ) -> Result<(), StoreError> {
        let path = Paths(repository).manifest(&manifest.digest);
        let created = self.objects.put_opts(&path, record(manifest).into(), PutMode::Create.into()).await;
        if !matches!(created, Err(object_store::Error::AlreadyExists { .. })) {
            return Ok(created.map(|_| ())?);
        }
        let record = match self.manifest_by_digest(repository, &manifest.digest).await {
            Err(StoreError::Damaged { .. } | StoreError::Record { .. }) => record(manifest),
            found => record(found?.as_ref().unwrap_or(manifest)),
        };
        // Written again even if it is the same: garbage collection leaves alone what is young.
        self.objects.put(&path, record.into()).await?;
        Ok(())
    }

    /// Deletes a manifest, the tags that point to it and its place among referrers.
    pub async fn delete_manifest(&self, repository: &Repository, digest: &Digest) -> Result<(), StoreError> {
        // A damaged one can be deleted too; what it refers to is then for garbage collection.
        let subject = match self.manifest_by_digest(repository, digest).await {
            Err(StoreError::Damaged { .. } | StoreError::Record { .. }) => None,
            found => match found? {
                Some(found) => {
                    let read = Manifest::read(Some(&found.media_type), &found.content);
                    read.ok().and_then(|read| read.subject)
                }
                // A delete that was killed leaves the tags.
                None if self.delete_tags_of(repository, digest).await? => return Ok(()),
                None => return Err(StoreError::ManifestUnknown(digest.to_string())),
            },
        };
        self.remove(&Paths(repository).manifest(digest)).await?;
        self.delete_tags_of(repository, digest).await?;
        // The same content may be pushed anew, and is then as good as new.
        self.deprecate(repository, digest, None).await?;
        match subject {
            Some(subject) => self.remove(&Paths(repository).referrer(&subject, digest)).await,
            None => Ok(()),
        }
    }
}
