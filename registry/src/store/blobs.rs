//! Blobs: written and read with their digest verified.

use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, GetResult, GetResultPayload, ObjectStoreExt};
use tokio_util::io::ReaderStream;

use super::{Body, Paths, Stats, Store, StoreError};
use crate::digest::{Digest, Hasher};
use crate::name::Repository;

/// Bytes that are read from a file at once.
const READ: usize = 256 << 10;
/// Blobs up to this many bytes are verified before their first byte is given.
const SMALL: u64 = 1 << 20;

/// The content of a blob. A damaged one ends with an error before its last bytes are given.
pub type BlobStream = BoxStream<'static, Result<Bytes, StoreError>>;

/// A blob that is read.
pub struct Blob {
    /// Bytes of the whole blob.
    pub size: u64,
    pub content: BlobStream,
}

impl std::fmt::Debug for Blob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blob").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Store {
    /// Writes a blob if its bytes have that digest; at most `limit` bytes.
    pub async fn write_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        body: Body,
        limit: u64,
    ) -> Result<u64, StoreError> {
        self.write(&Paths(repository).blob(digest), digest, body, limit).await
    }

    /// Bytes of a blob.
    pub async fn blob_size(&self, repository: &Repository, digest: &Digest) -> Result<u64, StoreError> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        Ok(self.find_blob(repository, digest, options).await?.meta.size)
    }

    /// Reads a blob and verifies it on the way.
    pub async fn read_blob(&self, repository: &Repository, digest: &Digest) -> Result<Blob, StoreError> {
        let found = self.open_blob(repository, digest).await?;
        let size = found.meta.size;
        let content = verified(raw(found), digest.clone(), self.stats.clone());
        if size > SMALL {
            return Ok(Blob { size, content });
        }
        let whole: Vec<Bytes> = content.try_collect().await?;
        Ok(Blob { size, content: stream::iter(whole.into_iter().map(Ok)).boxed() })
    }

    /// Reads a part of a blob. All of it is verified before the first byte is given: a digest says nothing of parts.
    pub async fn read_blob_range(
        &self,
        repository: &Repository,
        digest: &Digest,
        range: Range<u64>,
    ) -> Result<BlobStream, StoreError> {
        let whole = self.open_blob(repository, digest).await?;
        verified(raw(whole), digest.clone(), self.stats.clone()).try_for_each(|_| async { Ok(()) }).await?;
        let found = self.open_blob(repository, digest).await?;
        Ok(part(raw(found), range))
    }

    /// Reads a blob of at most `limit` bytes into memory.
    pub async fn read_small_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        limit: u64,
    ) -> Result<Vec<u8>, StoreError> {
        let blob = self.read_blob(repository, digest).await?;
        if blob.size > limit {
            return Err(StoreError::TooLarge { limit });
        }
        let whole = Vec::with_capacity(usize::try_from(blob.size).unwrap_or_default());
        let whole = blob.content.try_fold(whole, |mut whole, bytes| async move {
            whole.extend_from_slice(&bytes);
            Ok(whole)
        });
        whole.await
    }

    /// Copies a blob of another repository into this one, verified. False if it is not there.
    pub async fn mount_blob(
        &self,
        from: &Repository,
        to: &Repository,
        digest: &Digest,
    ) -> Result<bool, StoreError> {
        let blob = match self.read_blob(from, digest).await {
            Err(StoreError::BlobUnknown(_)) => return Ok(false),
            found => found?,
        };
        // Not the store's own copy, which may keep the old time: a new blob has a grace period.
        let body = blob.content.map_err(|error| super::BodyError::Source(error.to_string())).boxed();
        self.write_blob(to, digest, body, u64::MAX).await?;
        Ok(true)
    }

    pub async fn delete_blob(&self, repository: &Repository, digest: &Digest) -> Result<(), StoreError> {
        self.blob_size(repository, digest).await?;
        self.remove(&Paths(repository).blob(digest)).await?;
        for path in self.condemned(repository, digest).await? {
            self.remove(&path).await?;
        }
        Ok(())
    }

    /// Deletes an object; that it is gone already is as good.
    pub(crate) async fn remove(&self, path: &Path) -> Result<(), StoreError> {
        match self.objects.delete(path).await {
            Err(error) if StoreError::is_missing(&error) => Ok(()),
            done => Ok(done?),
        }
    }

    async fn open_blob(&self, repository: &Repository, digest: &Digest) -> Result<GetResult, StoreError> {
        self.find_blob(repository, digest, GetOptions::default()).await
    }

    /// A blob that is there, or was condemned and is taken back.
    async fn find_blob(
        &self,
        repository: &Repository,
        digest: &Digest,
        options: GetOptions,
    ) -> Result<GetResult, StoreError> {
        let path = Paths(repository).blob(digest);
        match self.objects.get_opts(&path, options.clone()).await {
            Err(error) if StoreError::is_missing(&error) => self.pardon(repository, digest).await?,
            found => return Ok(found?),
        }
        match self.objects.get_opts(&path, options).await {
            Err(error) if StoreError::is_missing(&error) => Err(StoreError::BlobUnknown(digest.clone())),
            found => Ok(found?),
        }
    }
}

/// The bytes as they lie there. A file is read in pieces that are worth the way to a blocking thread and back.
fn raw(found: GetResult) -> BlobStream {
    match found.payload {
        GetResultPayload::File(file, _) => {
            let file = tokio::fs::File::from_std(file);
            ReaderStream::with_capacity(file, READ).map_err(StoreError::Read).boxed()
        }
        GetResultPayload::Stream(stream) => stream.map_err(StoreError::from).boxed(),
    }
}

/// Holds one piece back, so that nobody has the whole of a damaged blob.
fn verified(content: BlobStream, digest: Digest, stats: Stats) -> BlobStream {
    struct State {
        content: BlobStream,
        hasher: Option<Hasher>,
        held: Option<Bytes>,
        digest: Digest,
        stats: Stats,
    }
    let hasher = Some(digest.algorithm().hasher());
    let state = State { content, hasher, held: None, digest, stats };
    stream::try_unfold(state, |mut state| async move {
        loop {
            if let Some(bytes) = state.content.try_next().await? {
                if let Some(hasher) = &mut state.hasher {
                    hasher.update(&bytes);
                }
                if let Some(held) = state.held.replace(bytes) {
                    return Ok(Some((held, state)));
                }
                continue;
            }
            if let Some(hasher) = state.hasher.take() {
                let found = hasher.finish();
                if found != state.digest {
                    state.stats.damaged.inc();
                    tracing::error!(digest = %state.digest, %found, "content is damaged in the store");
                    return Err(StoreError::Damaged { digest: state.digest, found });
                }
            }
            return Ok(state.held.take().map(|held| (held, state)));
        }
    })
    .boxed()
}

/// The bytes of `range` of a stream.
fn part(content: BlobStream, range: Range<u64>) -> BlobStream {
    let start = 0u64;
    content
        .scan(start, move |at, found| {
            let piece = found.map(|bytes| {
                let (from, to) = (*at, *at + bytes.len() as u64);
                *at = to;
                let cut = |place: u64| usize::try_from(place.clamp(from, to) - from).unwrap_or_default();
                bytes.slice(cut(range.start)..cut(range.end))
            });
            let over = *at >= range.end && matches!(&piece, Ok(bytes) if bytes.is_empty());
            std::future::ready(if over { None } else { Some(piece) })
        })
        .try_filter(|bytes| std::future::ready(!bytes.is_empty()))
        .boxed()
}
