//! The push of a manifest: the step that makes an artifact visible. Owns the order of its writes.

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};

use super::tags::Move;
use super::{Store, StoreError, StoredManifest};
use crate::digest::{Algorithm, Digest};
use crate::manifest::{Link, Manifest};
use crate::name::{Reference, Repository, Tag};
use crate::validation::Validator;

/// Links that are looked up at once.
const LOOKUPS: usize = 16;

/// A manifest that is pushed.
#[derive(Debug)]
pub struct Push<'a> {
    pub repository: &'a Repository,
    pub reference: &'a Reference,
    /// Tags that point to it besides the reference.
    pub tags: &'a [Tag],
    pub content_type: Option<&'a str>,
    pub content: Bytes,
    /// Whether a version may be pushed again with other content.
    pub overwrite: bool,
    pub validator: &'a Validator,
}

/// A manifest that was pushed.
#[derive(Debug)]
pub struct Pushed {
    pub digest: Digest,
    pub subject: Option<Digest>,
}

impl Push<'_> {
    fn tags(&self) -> impl Iterator<Item = &Tag> {
        let first = match self.reference {
            Reference::Tag(tag) => Some(tag),
            Reference::Digest(_) => None,
        };
        first.into_iter().chain(self.tags)
    }

    fn moving(&self, tag: &Tag) -> Move {
        if tag.is_version() && !self.overwrite { Move::Refused } else { Move::Allowed }
    }

    fn stored(&self, manifest: &Manifest) -> Result<StoredManifest, StoreError> {
        let digest = match self.reference {
            Reference::Tag(_) => Digest::of(Algorithm::Sha256, &self.content),
            Reference::Digest(declared) => {
                let found = Digest::of(declared.algorithm(), &self.content);
                if found != *declared {
                    return Err(StoreError::Mismatch { declared: declared.clone(), found });
                }
                found
            }
        };
        let (media_type, content) = (manifest.media_type.clone(), self.content.clone());
        Ok(StoredManifest { digest, media_type, content })
    }
}

impl Store {
    /// Checks a manifest and makes it visible.
    ///
    /// Everything it refers to is there before it is, and it is there before a tag points to it: whoever is killed between
    /// leaves what nobody sees.
    pub async fn push(&self, push: &Push<'_>) -> Result<Pushed, StoreError> {
        let repository = push.repository;
        let manifest = Manifest::read(push.content_type, &push.content)?;
        let mut stored = push.stored(&manifest)?;
        // What is damaged is written anew below, and any other error comes back there.
        if let Ok(Some(found)) = self.manifest_by_digest(repository, &stored.digest).await {
            stored.media_type = found.media_type;
        }
        for tag in push.tags() {
            self.check_version(push, tag, &stored.digest).await?;
        }
        self.check_links(repository, &manifest).await?;
        push.validator.check(self, repository, &manifest.components).await?;
        if let Some(subject) = &manifest.subject {
            self.write_referrer(repository, subject, &stored, &manifest).await?;
        }
        for tag in push.tags().filter(|tag| tag.is_version()) {
            self.compare(repository, tag, &stored.digest, &manifest).await?;
        }
        // A delete of the same manifest beside may take it, and find the tags or not: then it is pushed anew.
        while !self.show(push, &manifest, &stored).await? {}
        Ok(Pushed { digest: stored.digest, subject: manifest.subject })
    }

    /// Writes a manifest and points its tags to it. False if it is not there any more.
    async fn show(
        &self,
        push: &Push<'_>,
        manifest: &Manifest,
        stored: &StoredManifest,
    ) -> Result<bool, StoreError> {
        let repository = push.repository;
        self.write_manifest(repository, stored).await?;
        // Garbage collection may have seen the blobs before it could see the manifest. It takes them away first and
        // looks for manifests afterwards, so one of the two notices. A manifest that is left without them has no tag and
        // is garbage; it is not removed here, because another push of it may have been acknowledged.
        self.check_links(repository, manifest).await?;
        self.add_repository(repository).await?;
        for tag in push.tags() {
            self.set_tag(repository, tag, &stored.digest, push.moving(tag)).await?;
        }
        self.has_manifest(repository, &stored.digest).await
    }

    /// Early, so that a version that is refused leaves nothing.
    async fn check_version(&self, push: &Push<'_>, tag: &Tag, digest: &Digest) -> Result<(), StoreError> {
        if push.moving(tag) == Move::Allowed {
            return Ok(());
        }
        match self.resolve(push.repository, tag).await? {
            Some(found) if found != *digest => Err(StoreError::Conflict { tag: tag.to_string(), found }),
            _ => Ok(()),
        }
    }

    pub(super) async fn check_links(
        &self,
        repository: &Repository,
        manifest: &Manifest,
    ) -> Result<(), StoreError> {
        let blobs = manifest.blobs.iter().map(|link| ("blob", link));
        let links = blobs.chain(manifest.manifests.iter().map(|link| ("manifest", link)));
        stream::iter(links.map(Ok))
            .try_for_each_concurrent(LOOKUPS, |(field, link)| self.check_link(repository, field, link))
            .await
    }

    async fn check_link(
        &self,
        repository: &Repository,
        field: &'static str,
        link: &Link,
    ) -> Result<(), StoreError> {
        let digest = link.digest.clone();
        if field == "manifest" {
            let there = self.has_manifest(repository, &digest).await?;
            return if there { Ok(()) } else { Err(StoreError::LinkUnknown { field, digest }) };
        }
        match self.blob_size(repository, &digest).await {
            Ok(found) if found == link.size => Ok(()),
            Ok(found) => Err(StoreError::LinkSize { field, digest, found, declared: link.size }),
            Err(StoreError::BlobUnknown(digest)) => Err(StoreError::LinkUnknown { field, digest }),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
