//! What is known of versions besides their content: that one is deprecated, and whether it can go on with the state of the
//! release below it. Neither makes a version visible or hides it.

use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Paths, Store, StoreError};
use crate::digest::Digest;
use crate::manifest::Manifest;
use crate::name::{Repository, Tag};

/// Why a version should no longer be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deprecation {
    /// Why, and what to use instead.
    pub message: String,
    /// Name of the token that said so.
    pub by: String,
    /// When, as RFC 3339 has it.
    pub at: String,
}

/// How a release gets on with the state of the highest release below it, as it was when this one was pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Compatibility {
    /// That release, such as `1.1.0`.
    pub against: String,
    /// Empty = it can go on with all of it.
    pub incompatibilities: Vec<StateProblem>,
}

/// Why a release cannot go on with a state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StateProblem {
    /// Name of the state.
    pub state: String,
    /// `dropped`, `kind-changed`, `version-lowered` or `version-unread`.
    pub reason: String,
    pub message: String,
}

impl Store {
    /// `None` = the version may be used.
    pub async fn deprecation(
        &self,
        repository: &Repository,
        digest: &Digest,
    ) -> Result<Option<Deprecation>, StoreError> {
        self.note(&Paths(repository).deprecation(digest)).await
    }

    /// Says of a manifest that it should no longer be used; `None` takes that back.
    pub async fn deprecate(
        &self,
        repository: &Repository,
        digest: &Digest,
        deprecation: Option<&Deprecation>,
    ) -> Result<(), StoreError> {
        let path = Paths(repository).deprecation(digest);
        match deprecation {
            Some(deprecation) => self.write_note(&path, deprecation).await,
            None => self.remove(&path).await,
        }
    }

    /// `None` = there was no lower release of a function when this was pushed under `tag`.
    pub async fn compatibility(
        &self,
        repository: &Repository,
        tag: &Tag,
        digest: &Digest,
    ) -> Result<Option<Compatibility>, StoreError> {
        self.note(&Paths(repository).compatibility(tag, digest)).await
    }

    /// Compares a function that is about to be a version with the highest release below it, and stores the result.
    pub(super) async fn compare(
        &self,
        repository: &Repository,
        tag: &Tag,
        digest: &Digest,
        manifest: &Manifest,
    ) -> Result<(), StoreError> {
        let Some(component) = manifest.components.first() else { return Ok(()) };
        let Some(newer) = self.function(repository, &component.digest).await? else { return Ok(()) };
        let Some((against, below)) = self.release_below(repository, tag).await? else { return Ok(()) };
        let older = match self.function_of(repository, &below).await {
            // A release that is damaged does not keep the next one away.
            Err(error) if error.is_of_one_record() => {
                tracing::warn!(%repository, %against, %error, "states cannot be compared with the release below");
                return Ok(());
            }
            found => found?,
        };
        let Some((_, older)) = older else { return Ok(()) };
        let found = invoker_engine::state_incompatibilities(&older.description, &newer.description);
        let problem = |found: invoker_engine::StateIncompatibility| StateProblem {
            message: found.to_string(),
            reason: found.reason.name().to_owned(),
            state: found.state,
        };
        let incompatibilities: Vec<StateProblem> = found.into_iter().map(problem).collect();
        if !incompatibilities.is_empty() {
            tracing::warn!(%repository, %tag, %against, count = incompatibilities.len(), "states are incompatible");
        }
        let compatibility = Compatibility { against: against.to_string(), incompatibilities };
        self.write_note(&Paths(repository).compatibility(tag, digest), &compatibility).await
    }

    /// The highest release below a version; versions before a release, such as `1.0.0-rc.1`, do not count.
    async fn release_below(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<Option<(Tag, Digest)>, StoreError> {
        let Some(version) = tag.version() else { return Ok(None) };
        let is_below = |found: &semver::Version| found.pre.is_empty() && *found < version;
        self.highest(repository, is_below).await
    }

    async fn note<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>, StoreError> {
        let record = match self.objects.get(path).await {
            Err(error) if StoreError::is_missing(&error) => return Ok(None),
            found => found?.bytes().await?,
        };
        let broken =
            |error: serde_json::Error| StoreError::Record { path: path.to_string(), why: error.to_string() };
        serde_json::from_slice(&record).map(Some).map_err(broken)
    }

    async fn write_note<T: Serialize>(&self, path: &Path, note: &T) -> Result<(), StoreError> {
        let record = serde_json::to_vec(note)
            .map_err(|error| StoreError::Record { path: path.to_string(), why: error.to_string() })?;
        self.objects.put(path, record.into()).await?;
        Ok(())
    }
}
