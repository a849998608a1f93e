//! Tags, moved by compare-and-set.
//!
//! A tag is a folder of numbered records, each created once and only if it is not there; the highest counts. Moving a tag
//! is creating the next number, which only one of several can.

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt, PutMode};

use super::paths::number_of;
use super::{Paths, Store, StoreError};
use crate::digest::Digest;
use crate::name::{Repository, Tag};

/// Records that are read at once.
const READS: usize = 16;

/// Whether a tag that points to something may be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Allowed,
    Refused,
}

impl Store {
    /// What a tag points to.
    pub async fn resolve(&self, repository: &Repository, tag: &Tag) -> Result<Option<Digest>, StoreError> {
        Ok(self.current(repository, tag).await?.map(|(_, digest)| digest))
    }

    /// All tags of a repository, sorted.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, StoreError> {
        let folder = Paths(repository).folder("_tags");
        let found: Vec<ObjectMeta> = self.objects.list(Some(&folder)).try_collect().await?;
        let tag = |object: &ObjectMeta| object.location.as_ref().rsplit('/').nth(1)?.parse().ok();
        let mut tags: Vec<Tag> = found.iter().filter_map(tag).collect();
        tags.sort();
        tags.dedup();
        Ok(tags)
    }

    /// Points a tag to a manifest. [`Move::Refused`] lets it be set, but not moved.
    pub(crate) async fn set_tag(
        &self,
        repository: &Repository,
        tag: &Tag,
        digest: &Digest,
        moving: Move,
    ) -> Result<(), StoreError> {
        loop {
            let current = self.current(repository, tag).await?;
            let number = match &current {
                Some((_, found)) if found == digest => return Ok(()),
                Some((_, found)) if moving == Move::Refused => {
                    return Err(StoreError::Conflict { tag: tag.to_string(), found: found.clone() });
                }
                Some((number, _)) => number + 1,
                None => 0,
            };
            let path = Paths(repository).tag(tag).join(format!("{number:020}"));
            let record = digest.to_string().into_bytes().into();
            match self.objects.put_opts(&path, record, PutMode::Create.into()).await {
                Err(object_store::Error::AlreadyExists { .. }) => {}
                done => {
                    done?;
                    return self.forget(repository, tag, number).await;
                }
            }
        }
    }

    /// Deletes a tag. False if there was none.
    pub async fn delete_tag(&self, repository: &Repository, tag: &Tag) -> Result<bool, StoreError> {
        let mut existed = false;
        loop {
            let records = self.records(repository, tag).await?;
            if records.is_empty() {
                return Ok(existed);
            }
            existed = true;
            // From the lowest on, so that the tag points to one thing till it is gone.
            for record in records {
                self.remove(&record).await?;
            }
        }
    }

    /// Deletes the tags that point to a manifest.
    pub(crate) async fn delete_tags_of(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<(), StoreError> {
        let tags = self.tags(repository).await?;
        let pointing = stream::iter(tags)
            .map(|tag| async move {
                let points = self.resolve(repository, &tag).await?.as_ref() == Some(digest);
                Ok::<_, StoreError>(points.then_some(tag))
            })
            .buffer_unordered(READS)
            .try_filter_map(|tag| async move { Ok(tag) });
        let pointing: Vec<Tag> = pointing.try_collect().await?;
        for tag in pointing {
            self.delete_tag(repository, &tag).await?;
        }
        Ok(())
    }

    async fn current(&self, repository: &Repository, tag: &Tag) -> Result<Option<(u64, Digest)>, StoreError> {
        loop {
            let records = self.records(repository, tag).await?;
            let Some(path) = records.last() else { return Ok(None) };
            let record = match self.objects.get(path).await {
                // Moved or deleted since it was listed.
                Err(error) if StoreError::is_missing(&error) => continue,
                found => found?.bytes().await?,
            };
            let broken = |why: String| StoreError::Record { path: path.to_string(), why };
            let text = std::str::from_utf8(&record).map_err(|error| broken(error.to_string()))?;
            let digest = text.parse().map_err(|error: crate::DigestError| broken(error.to_string()))?;
            return Ok(Some((number_of(path).unwrap_or_default(), digest)));
        }
    }

    /// Paths of a tag's records, by number.
    async fn records(&self, repository: &Repository, tag: &Tag) -> Result<Vec<Path>, StoreError> {
        let folder = Paths(repository).tag(tag);
        let found: Vec<ObjectMeta> = self.objects.list(Some(&folder)).try_collect().await?;
        let mut paths: Vec<Path> = found.into_iter().map(|object| object.location).collect();
        paths.retain(|path| number_of(path).is_some());
        paths.sort();
        Ok(paths)
    }

    /// Deletes the records below the one that counts.
    async fn forget(&self, repository: &Repository, tag: &Tag, number: u64) -> Result<(), StoreError> {
        for path in self.records(repository, tag).await? {
            if number_of(&path).is_some_and(|found| found < number) {
                self.remove(&path).await?;
            }
        }
        Ok(())
    }
}
