//! Tags, moved by compare-and-set.
//!
//! A tag is a folder of numbered records, each created once and only if it is not there; the highest counts. Moving a tag
//! is creating the next number, which only one of several can. So is deleting it: the record then says so. The highest
//! record is never removed, so a number is not used twice.

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutMode};

use super::paths::number_of;
use super::{Paths, Store, StoreError};
use crate::digest::Digest;
use crate::name::{Repository, Tag};

/// Tags that are read at once.
const READS: usize = 16;

/// Record of a tag that is deleted.
const DELETED: &[u8] = b"deleted";

/// Whether a tag that points to something may be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Allowed,
    Refused,
}

/// The record of a tag that counts.
#[derive(Debug)]
pub(crate) struct Current {
    pub(crate) number: u64,
    /// `None` = the tag is deleted.
    pub(crate) digest: Option<Digest>,
}

impl Store {
    /// What a tag points to. One whose manifest is gone points to nothing.
    pub async fn resolve(&self, repository: &Repository, tag: &Tag) -> Result<Option<Digest>, StoreError> {
        let Some(digest) = self.pointed(repository, tag).await? else { return Ok(None) };
        Ok(self.has_manifest(repository, &digest).await?.then_some(digest))
    }

    /// What a tag points to, whether it is there or not.
    pub(super) async fn pointed(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<Option<Digest>, StoreError> {
        Ok(self.current(repository, tag).await?.and_then(|current| current.digest))
    }

    /// All tags of a repository, sorted.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, StoreError> {
        let found = stream::iter(self.tag_folders(repository).await?)
            .map(|tag| async move {
                let is_there = self.resolve(repository, &tag).await?.is_some();
                Ok::<_, StoreError>(is_there.then_some(tag))
            })
            .buffered(READS)
            .try_filter_map(|tag| async move { Ok(tag) });
        found.try_collect().await
    }

    /// All names that are or were tags, sorted.
    pub(crate) async fn tag_folders(&self, repository: &Repository) -> Result<Vec<Tag>, StoreError> {
        let folder = Paths(repository).folder("_tags");
        let listed = self.objects.list_with_delimiter(Some(&folder)).await?;
        let tag = |path: &Path| path.filename()?.parse().ok();
        let mut tags: Vec<Tag> = listed.common_prefixes.iter().filter_map(tag).collect();
        tags.sort();
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
            let number = current.as_ref().map_or(0, |current| current.number + 1);
            match current.and_then(|current| current.digest) {
                Some(found) if found == *digest => return Ok(()),
                Some(found) if moving == Move::Refused && self.has_manifest(repository, &found).await? => {
                    return Err(StoreError::Conflict { tag: tag.to_string(), found });
                }
                _ => {}
            }
            if !self.create(repository, tag, number, Some(digest)).await? {
                continue;
            }
            let highest = self.forget(repository, tag, number).await?;
            // A record that came late, below one that others made meanwhile, counts for nothing. A tag that moves is as
            // if it had moved before theirs; a version must not be answered for.
            if moving == Move::Allowed || highest <= number {
                return Ok(());
            }
        }
    }

    /// Deletes a tag. False if there was none.
    pub async fn delete_tag(&self, repository: &Repository, tag: &Tag) -> Result<bool, StoreError> {
        while let Some(Current { number, digest: Some(digest) }) = self.current(repository, tag).await? {
            let is_there = self.has_manifest(repository, &digest).await?;
            if self.entomb(repository, tag, number).await? {
                return Ok(is_there);
            }
        }
        Ok(false)
    }

    /// Deletes the tags that point to a manifest, if it is not there. False if there were none.
    pub(super) async fn delete_tags_of(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<bool, StoreError> {
        let pointing = stream::iter(self.tag_folders(repository).await?)
            .map(|tag| async move {
                let current = self.current(repository, &tag).await?;
                let points = current.as_ref().is_some_and(|found| found.digest.as_ref() == Some(digest));
                Ok::<_, StoreError>(current.filter(|_| points).map(|current| (tag, current.number)))
            })
            .buffer_unordered(READS)
            .try_filter_map(|found| async move { Ok(found) });
        let pointing: Vec<(Tag, u64)> = pointing.try_collect().await?;
        for (tag, number) in &pointing {
            self.drop_dangling(repository, tag, *number, digest).await?;
        }
        Ok(!pointing.is_empty())
    }

    /// Deletes a tag whose record `number` points to a manifest that is not there. False if one of the two changed.
    pub(super) async fn drop_dangling(
        &self,
        repository: &Repository,
        tag: &Tag,
        number: u64,
        digest: &Digest,
    ) -> Result<bool, StoreError> {
        if self.has_manifest(repository, digest).await? || !self.entomb(repository, tag, number).await? {
            return Ok(false);
        }
        // Whoever pushed the manifest meanwhile may have found the tag as it should be.
        if !self.has_manifest(repository, digest).await? {
            return Ok(true);
        }
        match self.set_tag(repository, tag, digest, Move::Refused).await {
            // Others pointed it elsewhere, which came later.
            Err(StoreError::Conflict { .. }) => Ok(false),
            done => done.map(|()| false),
        }
    }

    /// Marks a tag as deleted whose highest record is `number`. False if it no longer is.
    async fn entomb(&self, repository: &Repository, tag: &Tag, number: u64) -> Result<bool, StoreError> {
        let created = self.create(repository, tag, number + 1, None).await?;
        if created {
            self.forget(repository, tag, number + 1).await?;
        }
        Ok(created)
    }

    /// Creates a record. False if its number is taken.
    async fn create(
        &self,
        repository: &Repository,
        tag: &Tag,
        number: u64,
        digest: Option<&Digest>,
    ) -> Result<bool, StoreError> {
        let path = Paths(repository).tag(tag).join(format!("{number:020}"));
        let record = digest.map_or_else(|| DELETED.to_vec(), |digest| digest.to_string().into_bytes());
        match self.objects.put_opts(&path, record.into(), PutMode::Create.into()).await {
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            done => Ok(done.map(|_| true)?),
        }
    }

    /// The record that counts; `None` if there never was one.
    pub(crate) async fn current(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<Option<Current>, StoreError> {
        loop {
            let records = self.records(repository, tag).await?;
            let Some(path) = records.last() else { return Ok(None) };
            let record = match self.objects.get(path).await {
                // A higher one was made since it was listed.
                Err(error) if StoreError::is_missing(&error) => continue,
                found => found?.bytes().await?,
            };
            let number = number_of(path).unwrap_or_default();
            if record == DELETED {
                return Ok(Some(Current { number, digest: None }));
            }
            let broken = |why: String| StoreError::Record { path: path.to_string(), why };
            let text = std::str::from_utf8(&record).map_err(|error| broken(error.to_string()))?;
            let digest = text.parse().map_err(|error: crate::DigestError| broken(error.to_string()))?;
            return Ok(Some(Current { number, digest: Some(digest) }));
        }
    }

    /// Paths of a tag's records, by number.
    async fn records(&self, repository: &Repository, tag: &Tag) -> Result<Vec<Path>, StoreError> {
        let folder = Paths(repository).tag(tag);
        loop {
            let found: Vec<ObjectMeta> = self.objects.list(Some(&folder)).try_collect().await?;
            let mut paths: Vec<Path> = found.into_iter().map(|object| object.location).collect();
            paths.retain(|path| number_of(path).is_some());
            paths.sort();
            // A listing of a folder leaves out files that go while it is made: all of them, if the tag moves just then.
            if !paths.is_empty() || !self.holds_records(&folder) {
                return Ok(paths);
            }
        }
    }

    /// Whether a tag has records, in a store that is a folder.
    fn holds_records(&self, folder: &Path) -> bool {
        let Some(root) = &self.folder else { return false };
        let Ok(entries) = std::fs::read_dir(root.join(folder.as_ref())) else { return false };
        entries
            .flatten()
            .any(|entry| entry.file_name().to_str().is_some_and(|name| name.parse::<u64>().is_ok()))
    }

    /// Deletes the records below the one that was created. Returns the highest number.
    async fn forget(&self, repository: &Repository, tag: &Tag, number: u64) -> Result<u64, StoreError> {
        let mut highest = number;
        for path in self.records(repository, tag).await? {
            let Some(found) = number_of(&path) else { continue };
            highest = highest.max(found);
            if found < number {
                self.remove(&path).await?;
            }
        }
        Ok(highest)
    }
}

#[cfg(test)]
mod tests;
