//! From a reference to a version: tags, ranges, digests.

use std::collections::BTreeMap;

use chrono::{SecondsFormat, Utc};
use semver::VersionReq;
use serde::Serialize;
use utoipa::ToSchema;

use super::FunctionError;
use crate::digest::Digest;
use crate::name::{Reference, Repository, Tag};
use crate::store::{Compatibility, Deprecation, FunctionRecord, Store, StoreError};

/// Most bytes of the message of a deprecation.
const MESSAGE_BYTES: usize = 1000;

/// What a reference points to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The tag that the reference came to; `None` if it was a digest.
    pub(crate) tag: Option<Tag>,
    /// Digest of the manifest.
    pub(crate) digest: Digest,
}

/// A version of a function, with everything that is known of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Version {
    pub(crate) name: String,
    /// The tag that was asked for, or that a range came to; `null` if it was a digest.
    pub(crate) tag: Option<String>,
    /// Digest of the manifest.
    pub(crate) digest: String,
    /// Digest of the component.
    pub(crate) component: String,
    /// What it says of itself, and what was found in its component.
    pub(crate) declaration: FunctionRecord,
    /// `null` = it may be used.
    pub(crate) deprecation: Option<Deprecation>,
    /// `null` = there was no lower release when it was pushed, or it is not a version.
    pub(crate) compatibility: Option<Compatibility>,
    /// Annotations of the manifest.
    pub(crate) annotations: BTreeMap<String, String>,
}

/// What a reference points to: a tag, else a range such as `^1.2`, else a digest. Empty = the highest release.
pub(crate) async fn find(store: &Store, name: &Repository, text: &str) -> Result<Found, FunctionError> {
    let unknown = || StoreError::ManifestUnknown(text.to_owned());
    if text.contains(':') {
        return pointed(store, name, text).await;
    }
    let tag = FunctionError::read::<Tag>("reference", text);
    if let Ok(tag) = &tag
        && let Some(digest) = store.resolve(name, tag).await?
    {
        return Ok(Found { tag: Some(tag.clone()), digest });
    }
    let range = if text.is_empty() { Some(VersionReq::STAR) } else { VersionReq::parse(text).ok() };
    let Some(range) = range else {
        return Err(match tag {
            Ok(_) => unknown().into(),
            Err(error) => error,
        });
    };
    let (tag, digest) =
        store.highest(name, |version| range.matches(version)).await?.ok_or_else(|| match text {
            "" => StoreError::ManifestUnknown("latest release".to_owned()),
            _ => unknown(),
        })?;
    Ok(Found { tag: Some(tag), digest })
}

/// What a tag or a digest points to; ranges are refused.
pub(crate) async fn pointed(store: &Store, name: &Repository, text: &str) -> Result<Found, FunctionError> {
    let unknown = || StoreError::ManifestUnknown(text.to_owned());
    match FunctionError::read("reference", text)? {
        Reference::Digest(digest) if store.has_manifest(name, &digest).await? => {
            Ok(Found { tag: None, digest })
        }
        Reference::Digest(_) => Err(unknown().into()),
        Reference::Tag(tag) => {
            let digest = store.resolve(name, &tag).await?.ok_or_else(unknown)?;
            Ok(Found { tag: Some(tag), digest })
        }
    }
}

/// Everything that is known of the version that was found.
pub(crate) async fn version(
    store: &Store,
    name: &Repository,
    found: &Found,
) -> Result<Version, FunctionError> {
    let function = store.function_of(name, &found.digest).await?;
    let Some((function, declaration)) = function else {
        return Err(FunctionError::Foreign(format!("{name}@{}", found.digest)));
    };
    let compatibility = match &found.tag {
        Some(tag) => store.compatibility(name, tag, &found.digest).await?,
        None => None,
    };
    Ok(Version {
        name: name.to_string(),
        tag: found.tag.as_ref().map(Tag::to_string),
        digest: found.digest.to_string(),
        component: function.component.digest.to_string(),
        declaration,
        deprecation: store.deprecation(name, &found.digest).await?,
        compatibility,
        annotations: function.annotations,
    })
}

/// Says of a version that it should no longer be used; `None` takes that back.
pub(crate) async fn deprecate(
    store: &Store,
    name: &Repository,
    digest: &Digest,
    message: Option<&str>,
    by: String,
) -> Result<(), FunctionError> {
    let Some(message) = message.map(str::trim) else {
        return Ok(store.deprecate(name, digest, None).await?);
    };
    if message.is_empty() || message.len() > MESSAGE_BYTES {
        let why = format!("has {} bytes, and takes 1 to {MESSAGE_BYTES}", message.len());
        return Err(FunctionError::field("message", why));
    }
    let at = Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true);
    let deprecation = Deprecation { message: message.to_owned(), by, at };
    Ok(store.deprecate(name, digest, Some(&deprecation)).await?)
}

/// Deletes a tag, or by digest a manifest with its tags. Returns the digest that was pointed to.
pub(crate) async fn delete(
    store: &Store,
    name: &Repository,
    reference: &str,
) -> Result<Digest, FunctionError> {
    let Found { tag, digest } = pointed(store, name, reference).await?;
    match tag {
        None => store.delete_manifest(name, &digest).await?,
        Some(tag) => {
            if !store.delete_tag(name, &tag).await? {
                return Err(StoreError::ManifestUnknown(tag.to_string()).into());
            }
        }
    }
    Ok(digest)
}
