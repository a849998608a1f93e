//! Writes content under its digest: nothing is visible before the digest was found right, and then all of it is.

use bytes::BytesMut;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStoreExt, WriteMultipart};

use super::{Body, PART, Store, StoreError};
use crate::digest::{Digest, Hasher};

/// Parts of one upload that are on their way at once.
const PARTS: usize = 2;

impl Store {
    /// Writes `body` to `path` if it has the digest `declared`. Returns its size.
    ///
    /// It is gathered to parts, so memory is bounded whatever the size. A body that ends early, is too large or has
    /// another digest leaves nothing.
    pub(crate) async fn write(
        &self,
        path: &Path,
        declared: &Digest,
        mut body: Body,
        limit: u64,
    ) -> Result<u64, StoreError> {
        let mut hasher = declared.algorithm().hasher();
        let mut size = 0;
        let mut first = BytesMut::new();
        while first.len() <= PART {
            let Some(bytes) = body.next().await.transpose()? else {
                check(hasher, declared)?;
                self.objects.put(path, first.freeze().into()).await?;
                return Ok(size);
            };
            size = count(size, &bytes, limit)?;
            hasher.update(&bytes);
            first.extend_from_slice(&bytes);
        }
        let upload = self.objects.put_multipart(path).await?;
        let mut writer = WriteMultipart::new_with_chunk_size(upload, PART);
        writer.put(first.freeze());
        let written = copy(&mut writer, &mut body, hasher, size, limit).await;
        let written = written.and_then(|(hasher, size)| check(hasher, declared).map(|()| size));
        match written {
            Ok(size) => {
                writer.finish().await?;
                Ok(size)
            }
            Err(error) => {
                // What is left of it is for the object store to forget.
                let _ = writer.abort().await;
                Err(error)
            }
        }
    }
}

async fn copy(
    writer: &mut WriteMultipart,
    body: &mut Body,
    mut hasher: Hasher,
    mut size: u64,
    limit: u64,
) -> Result<(Hasher, u64), StoreError> {
    while let Some(bytes) = body.try_next().await? {
        size = count(size, &bytes, limit)?;
        hasher.update(&bytes);
        writer.wait_for_capacity(PARTS).await?;
        writer.put(bytes);
    }
    Ok((hasher, size))
}

fn count(size: u64, bytes: &[u8], limit: u64) -> Result<u64, StoreError> {
    let size = size + bytes.len() as u64;
    if size > limit { Err(StoreError::TooLarge { limit }) } else { Ok(size) }
}

fn check(hasher: Hasher, declared: &Digest) -> Result<(), StoreError> {
    let found = hasher.finish();
    if found == *declared { Ok(()) } else { Err(StoreError::Mismatch { declared: declared.clone(), found }) }
}
