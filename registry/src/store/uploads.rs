//! Uploads: bytes that come in pieces, before they are a blob.
//!
//! What came lies in segments named by their offset, each created once. Two requests that write at one offset cannot both
//! win, and an upload stands where its segments end, whichever process asks.

use bytes::BytesMut;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt, PutMode};
use uuid::Uuid;

use super::paths::{START, number_of};
use super::{Body, BodyError, PART, Paths, Store, StoreError};
use crate::digest::Digest;
use crate::name::Repository;

/// What a request brings to an upload.
pub struct Received {
    pub body: Body,
    /// First byte and number of bytes, if the request says them.
    pub range: Option<(u64, u64)>,
}

impl std::fmt::Debug for Received {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Received").field("range", &self.range).finish_non_exhaustive()
    }
}

impl Store {
    pub async fn start_upload(&self, repository: &Repository) -> Result<Uuid, StoreError> {
        let id = Uuid::new_v4();
        let start = Paths(repository).upload(id).join(START);
        self.objects.put(&start, Vec::new().into()).await?;
        Ok(id)
    }

    /// Bytes that an upload has.
    pub async fn upload_offset(&self, repository: &Repository, id: Uuid) -> Result<u64, StoreError> {
        let segments = self.segments(repository, id).await?;
        Ok(segments.iter().map(|segment| segment.size).sum())
    }

    /// Puts bytes behind those that came. Returns where the upload stands then.
    ///
    /// A body that ends early leaves the full segments before its end, and the upload can go on behind them.
    pub async fn append(
        &self,
        repository: &Repository,
        id: Uuid,
        received: Received,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let start = self.upload_offset(repository, id).await?;
        if let Some((found, _)) = received.range.filter(|(found, _)| *found != start) {
            return Err(StoreError::OutOfOrder { expected: start, found });
        }
        let declared = received.range.map(|(_, length)| length);
        let folder = Paths(repository).upload(id);
        let mut offset = start;
        let mut body = received.body;
        loop {
            let (segment, is_last) = gather(&mut body, offset, limit).await?;
            let came = offset + segment.len() as u64 - start;
            if let Some(declared) =
                declared.filter(|declared| came > *declared || (is_last && came != *declared))
            {
                return Err(StoreError::Length { declared, found: came });
            }
            if !segment.is_empty() {
                let length = segment.len() as u64;
                self.create_segment(&folder, offset, segment).await?;
                offset += length;
            }
            if is_last {
                return Ok(offset);
            }
        }
    }

    /// Makes a blob of an upload and of the last bytes. Returns its size; the upload is over.
    pub async fn finish_upload(
        &self,
        repository: &Repository,
        id: Uuid,
        digest: &Digest,
        received: Received,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let start = self.upload_offset(repository, id).await?;
        let written = if start == 0 && received.range.is_none() {
            // In one piece: straight to its place.
            self.write_blob(repository, digest, received.body, limit).await
        } else {
            self.append(repository, id, received, limit).await?;
            let segments = self.segments(repository, id).await?;
            self.write_blob(repository, digest, self.joined(segments), limit).await
        };
        if matches!(written, Ok(_) | Err(StoreError::Mismatch { .. })) {
            self.drop_upload(repository, id).await?;
        }
        written
    }

    pub async fn cancel_upload(&self, repository: &Repository, id: Uuid) -> Result<(), StoreError> {
        self.segments(repository, id).await?;
        self.drop_upload(repository, id).await
    }

    /// Its start first: without it nothing else counts.
    pub(crate) async fn drop_upload(&self, repository: &Repository, id: Uuid) -> Result<(), StoreError> {
        let folder = Paths(repository).upload(id);
        self.remove(&folder.clone().join(START)).await?;
        let rest: Vec<ObjectMeta> = self.objects.list(Some(&folder)).try_collect().await?;
        for segment in rest {
            self.remove(&segment.location).await?;
        }
        Ok(())
    }

    /// The segments of an upload, as far as they follow one another.
    async fn segments(&self, repository: &Repository, id: Uuid) -> Result<Vec<ObjectMeta>, StoreError> {
        let folder = Paths(repository).upload(id);
        let mut found: Vec<ObjectMeta> = self.objects.list(Some(&folder)).try_collect().await?;
        if !found.iter().any(|object| object.location.filename() == Some(START)) {
            return Err(StoreError::UploadUnknown(id));
        }
        found.retain(|object| number_of(&object.location).is_some());
        found.sort_by_key(|object| number_of(&object.location));
        let mut end = 0;
        let gap = found.iter().position(|segment| {
            let follows = number_of(&segment.location) == Some(end);
            end += segment.size;
            !follows
        });
        found.truncate(gap.unwrap_or(found.len()));
        Ok(found)
    }

    async fn create_segment(&self, folder: &Path, offset: u64, segment: BytesMut) -> Result<(), StoreError> {
        let path = folder.clone().join(format!("{offset:020}"));
        match self.objects.put_opts(&path, segment.freeze().into(), PutMode::Create.into()).await {
            // Another request was faster.
            Err(object_store::Error::AlreadyExists { .. }) => {
                Err(StoreError::OutOfOrder { expected: offset + 1, found: offset })
            }
            done => Ok(done.map(drop)?),
        }
    }

    fn joined(&self, segments: Vec<ObjectMeta>) -> Body {
        let objects = self.objects.clone();
        let gone = |error: object_store::Error| BodyError::Source(error.to_string());
        stream::iter(segments)
            .then(move |segment| {
                let objects = objects.clone();
                async move { objects.get(&segment.location).await.map_err(gone)?.bytes().await.map_err(gone) }
            })
            .boxed()
    }
}

/// The next segment, and whether the body ends with it.
async fn gather(body: &mut Body, offset: u64, limit: u64) -> Result<(BytesMut, bool), StoreError> {
    let mut segment = BytesMut::new();
    while segment.len() < PART {
        let Some(bytes) = body.next().await.transpose()? else { return Ok((segment, true)) };
        segment.extend_from_slice(&bytes);
        if offset + segment.len() as u64 > limit {
            return Err(StoreError::TooLarge { limit });
        }
    }
    Ok((segment, false))
}
