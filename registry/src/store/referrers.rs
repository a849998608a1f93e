//! Referrers: manifests that name another one as their subject.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};
use serde::{Deserialize, Serialize};

use super::paths::digest_of;
use super::{Paths, Store, StoreError, StoredManifest};
use crate::digest::Digest;
use crate::manifest::Manifest;
use crate::name::Repository;

/// Records that are read at once.
const READS: usize = 16;

/// A manifest with a subject, as lists show it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Referrer {
    pub media_type: String,
    pub digest: String,
    pub size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub annotations: BTreeMap<String, String>,
}

impl Store {
    /// The referrers of a manifest behind `last`, by digest.
    ///
    /// Ends early, with true, once the descriptors have `bytes` bytes. The subject itself need not be there.
    pub async fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        artifact_type: Option<&str>,
        last: Option<&Digest>,
        bytes: usize,
    ) -> Result<(Vec<Referrer>, bool), StoreError> {
        let folder = Paths(repository).referrers(subject);
        let found: Vec<ObjectMeta> = self.objects.list(Some(&folder)).try_collect().await?;
        let mut digests: Vec<Digest> =
            found.iter().filter_map(|object| digest_of(&object.location)).collect();
        digests.sort();
        digests.retain(|digest| last.is_none_or(|last| digest > last));
        let mut reads = stream::iter(digests)
            .map(|digest| async move { self.referrer(repository, subject, &digest).await })
            .buffered(READS);
        let (mut referrers, mut size) = (Vec::new(), 0);
        while let Some(read) = reads.next().await {
            let Some((referrer, length)) = read? else { continue };
            if artifact_type.is_some_and(|wanted| referrer.artifact_type.as_deref() != Some(wanted)) {
                continue;
            }
            size += length;
            if size > bytes && !referrers.is_empty() {
                return Ok((referrers, true));
            }
            referrers.push(referrer);
        }
        Ok((referrers, false))
    }

    /// Nothing if the manifest is not there: its record is written first, and may be all that is.
    async fn referrer(
        &self,
        repository: &Repository,
        subject: &Digest,
        digest: &Digest,
    ) -> Result<Option<(Referrer, usize)>, StoreError> {
        if !self.has_manifest(repository, digest).await? {
            return Ok(None);
        }
        let path = Paths(repository).referrer(subject, digest);
        let record = match self.objects.get(&path).await {
            Err(error) if StoreError::is_missing(&error) => return Ok(None),
            found => found?.bytes().await?,
        };
        let broken = |path: &Path, why: String| StoreError::Record { path: path.to_string(), why };
        let referrer = serde_json::from_slice(&record).map_err(|error| broken(&path, error.to_string()))?;
        Ok(Some((referrer, record.len())))
    }

    pub(crate) async fn write_referrer(
        &self,
        repository: &Repository,
        subject: &Digest,
        stored: &StoredManifest,
        manifest: &Manifest,
    ) -> Result<(), StoreError> {
        let referrer = Referrer {
            media_type: stored.media_type.clone(),
            digest: stored.digest.to_string(),
            size: stored.content.len() as u64,
            artifact_type: manifest.artifact_type.clone(),
            annotations: manifest.annotations.clone(),
        };
        let path = Paths(repository).referrer(subject, &stored.digest);
        let record = serde_json::to_vec(&referrer)
            .map_err(|error| StoreError::Record { path: path.to_string(), why: error.to_string() })?;
        self.objects.put(&path, record.into()).await?;
        Ok(())
    }
}
