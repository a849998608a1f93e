//! Lists, by pages. A page reads what it shows, and only names of the rest.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use utoipa::ToSchema;

use super::FunctionError;
use crate::name::{Namespace, Repository, Tag};
use crate::store::{Deprecation, Store, shown_order};

/// Entries of a page, if nobody says how many.
const USUAL: u32 = 100;
/// Most entries of a page.
const MOST: u32 = 1000;
/// Entries that are read at once.
const READS: usize = 16;

/// Which page of a list is wanted.
#[derive(Debug)]
pub(crate) struct Page {
    size: usize,
    /// The last entry of the page before.
    last: Option<String>,
}

/// A function as lists show it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FunctionSummary {
    pub(crate) name: String,
    /// Its highest version; `null` if it has none.
    pub(crate) latest: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FunctionPage {
    pub(crate) functions: Vec<FunctionSummary>,
    /// `null` = there are no more.
    pub(crate) next_page_token: Option<String>,
}

/// A version or another tag, as lists show it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VersionSummary {
    pub(crate) tag: String,
    /// Digest of the manifest.
    pub(crate) digest: String,
    /// `null` = it may be used.
    pub(crate) deprecation: Option<Deprecation>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VersionPage {
    pub(crate) versions: Vec<VersionSummary>,
    /// `null` = there are no more.
    pub(crate) next_page_token: Option<String>,
}

impl Page {
    /// `size` 0 = as many as usual; an empty token = from the start.
    pub(crate) fn read(size: u32, token: &str) -> Result<Self, FunctionError> {
        let size = if size == 0 { USUAL } else { size.min(MOST) } as usize;
        let last = match token {
            "" => None,
            token => {
                let bytes = URL_SAFE_NO_PAD.decode(token).ok();
                let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
                let wrong = || FunctionError::field("page_token", "is not one that a page gave");
                Some(text.ok_or_else(wrong)?)
            }
        };
        Ok(Self { size, last })
    }

    fn token(last: &str) -> String {
        URL_SAFE_NO_PAD.encode(last)
    }
}

/// The functions of a namespace that `is_seen` says yes to, by name.
pub(crate) async fn functions(
    store: &Store,
    namespace: Option<&Namespace>,
    is_seen: impl Fn(&Repository) -> bool,
    page: &Page,
) -> Result<FunctionPage, FunctionError> {
    let mut names = store.repositories().await?;
    names.retain(|name| {
        page.last.as_ref().is_none_or(|last| name.as_str() > last.as_str())
            && namespace.is_none_or(|namespace| namespace.covers(name))
            && is_seen(name)
    });
    let mut found = stream::iter(names)
        .map(|name| async move { summary(store, name).await })
        .buffered(READS)
        .try_filter_map(|found| async move { Ok(found) })
        .boxed();
    let mut functions: Vec<FunctionSummary> = Vec::new();
    while let Some(function) = found.try_next().await? {
        if functions.len() == page.size {
            let next_page_token = functions.last().map(|last| Page::token(&last.name));
            return Ok(FunctionPage { functions, next_page_token });
        }
        functions.push(function);
    }
    Ok(FunctionPage { functions, next_page_token: None })
}

async fn summary(store: &Store, name: Repository) -> Result<Option<FunctionSummary>, FunctionError> {
    if !store.has_functions(&name).await? {
        return Ok(None);
    }
    let latest = store.highest(&name, |_| true).await?.map(|(tag, _)| tag.to_string());
    Ok(Some(FunctionSummary { name: name.to_string(), latest }))
}

/// Versions and other tags of a function, in the order of [`shown_order`].
pub(crate) async fn versions(
    store: &Store,
    name: &Repository,
    page: &Page,
) -> Result<VersionPage, FunctionError> {
    let mut tags = store.ordered_tags(name).await?;
    if tags.is_empty() && !store.has_repository(name).await? {
        return Err(crate::StoreError::RepositoryUnknown(name.to_string()).into());
    }
    if let Some(last) = &page.last {
        let last: Tag = FunctionError::read("page_token", last)?;
        tags.retain(|tag| shown_order(tag, &last).is_gt());
    }
    let mut found = stream::iter(tags)
        .map(|tag| async move { shown(store, name, tag).await })
        .buffered(READS)
        .try_filter_map(|found| async move { Ok(found) })
        .boxed();
    let mut versions: Vec<VersionSummary> = Vec::new();
    while let Some(version) = found.try_next().await? {
        if versions.len() == page.size {
            let next_page_token = versions.last().map(|last| Page::token(&last.tag));
            return Ok(VersionPage { versions, next_page_token });
        }
        versions.push(version);
    }
    Ok(VersionPage { versions, next_page_token: None })
}

async fn shown(store: &Store, name: &Repository, tag: Tag) -> Result<Option<VersionSummary>, FunctionError> {
    let Some(digest) = store.resolve(name, &tag).await? else { return Ok(None) };
    let deprecation = store.deprecation(name, &digest).await?;
    Ok(Some(VersionSummary { tag: tag.to_string(), digest: digest.to_string(), deprecation }))
}
