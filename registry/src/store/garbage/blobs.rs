//! Blobs that no manifest of their repository refers to.

use std::collections::HashSet;

use chrono::Utc;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use uuid::Uuid;

use super::super::paths::digest_of;
use super::super::{Paths, Store, StoreError};
use super::Run;
use crate::digest::Digest;
use crate::name::Repository;

/// Seconds after which a run that condemned blobs no longer deletes them.
const RUN_SECONDS: i64 = 1800;
/// Seconds after which what a run condemned is taken over: its process was killed.
const DEAD_SECONDS: i64 = 2 * RUN_SECONDS;

impl Run<'_> {
    pub(super) async fn blobs(&mut self, repository: &Repository) -> Result<(), StoreError> {
        let paths = Paths(repository);
        let referenced = self.store.referenced(repository).await?;
        let mut blobs = self.list(&paths.folder("_blobs")).await?;
        blobs.retain(|blob| {
            let digest = digest_of(&blob.location);
            self.is_old(blob) && digest.is_some_and(|digest| !referenced.contains(&digest))
        });
        if self.options.dry_run {
            blobs.iter().for_each(|blob| self.count(blob));
            return Ok(());
        }
        // A folder of its own, so that two runs at once never delete what the other one moved.
        let (began, condemned) = (Utc::now().timestamp(), paths.folder("_condemned"));
        let folder = condemned.clone().join(format!("{began}-{}", Uuid::new_v4()));
        self.take_over(&condemned, &folder, began).await?;
        for blob in &blobs {
            let Some(digest) = digest_of(&blob.location) else { continue };
            self.store.shift(&blob.location, &inside(&folder, &digest)).await?;
        }
        // Listed after the moves: a push whose manifest is not in it has yet to look for its blobs again.
        let condemned = self.list(&folder).await?;
        if condemned.is_empty() {
            return Ok(());
        }
        let referenced = self.store.referenced(repository).await?;
        for object in condemned {
            let Some(digest) = digest_of(&object.location) else { continue };
            if referenced.contains(&digest) {
                self.store.copy_back(&object.location, &paths.blob(&digest)).await?;
            } else if Utc::now().timestamp() - began > RUN_SECONDS {
                return Ok(());
            } else {
                self.count(&object);
            }
            self.store.remove(&object.location).await?;
        }
        Ok(())
    }

    fn count(&mut self, blob: &ObjectMeta) {
        self.found.blobs += 1;
        self.found.blob_bytes += blob.size;
    }

    /// Moves what runs condemned that were killed to this run.
    async fn take_over(&self, condemned: &Path, folder: &Path, now: i64) -> Result<(), StoreError> {
        for object in self.list(condemned).await? {
            let run = object.location.as_ref().rsplit('/').nth(2);
            let began = run.and_then(|run| run.split('-').next()?.parse::<i64>().ok());
            let is_dead = began.is_none_or(|began| now - began > DEAD_SECONDS);
            if let Some(digest) = digest_of(&object.location).filter(|_| is_dead) {
                self.store.shift(&object.location, &inside(folder, &digest)).await?;
            }
        }
        Ok(())
    }
}

fn inside(folder: &Path, digest: &Digest) -> Path {
    folder.clone().join(digest.algorithm().name()).join(digest.hex())
}

impl Store {
    /// Takes back a blob that is condemned, if it is one.
    pub(in crate::store) async fn pardon(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<(), StoreError> {
        for path in self.condemned(repository, digest).await? {
            self.copy_back(&path, &Paths(repository).blob(digest)).await?;
        }
        Ok(())
    }

    /// Where a blob lies that is condemned.
    pub(in crate::store) async fn condemned(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Vec<Path>, StoreError> {
        use futures_util::TryStreamExt;
        let found = self.objects.list(Some(&Paths(repository).folder("_condemned")));
        let paths = found.map_ok(|object| object.location);
        Ok(paths
            .try_filter(|path| std::future::ready(digest_of(path).as_ref() == Some(digest)))
            .try_collect()
            .await?)
    }

    /// Digests that manifests of a repository hold, wherever in them: what a kind of manifest that we do not know refers
    /// to is kept as well.
    pub(super) async fn referenced(&self, repository: &Repository) -> Result<HashSet<Digest>, StoreError> {
        use futures_util::TryStreamExt;
        let listed = self.objects.list(Some(&Paths(repository).folder("_manifests")));
        let listed: Vec<ObjectMeta> = listed.try_collect().await?;
        let mut referenced = HashSet::new();
        for digest in listed.iter().filter_map(|object| digest_of(&object.location)) {
            let Some(manifest) = self.manifest_by_digest(repository, &digest).await? else { continue };
            referenced.extend(digests(&String::from_utf8_lossy(&manifest.content)));
        }
        Ok(referenced)
    }

    /// Moves an object; that it is gone is as good.
    async fn shift(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        gone_is_done(self.objects.rename(from, to).await)
    }

    async fn copy_back(&self, from: &Path, to: &Path) -> Result<(), StoreError> {
        gone_is_done(self.objects.copy(from, to).await)
    }
}

fn gone_is_done(done: object_store::Result<()>) -> Result<(), StoreError> {
    match done {
        Err(error) if StoreError::is_missing(&error) => Ok(()),
        done => Ok(done?),
    }
}

/// Every digest that a text holds.
fn digests(text: &str) -> impl Iterator<Item = Digest> {
    let starts = text.match_indices("sha256:").chain(text.match_indices("sha512:"));
    starts.filter_map(|(at, _)| {
        let rest = text.get(at..)?;
        let end = rest.find(['"', '\\', ' ']).unwrap_or(rest.len());
        rest.get(..end)?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_found_wherever_they_stand() {
        let (one, two) =
            (Digest::of(crate::Algorithm::Sha256, b"one"), Digest::of(crate::Algorithm::Sha512, b"two"));
        let text = format!("{{\"fsLayers\":[{{\"blobSum\":\"{one}\"}}],\"x\":[\"{two}\",\"sha256:ab\"]}}");
        assert_eq!(digests(&text).collect::<Vec<_>>(), [one, two]);
    }
}
