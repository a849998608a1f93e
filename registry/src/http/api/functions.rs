//! The end points, and what the document says of each.

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::app::{Answer, Call, DIGEST};
use super::super::blobs::set;
use super::super::body::{admitted, whole};
use super::json;
use super::problem::Problem;
use crate::auth::Right;
use crate::functions::{self, FunctionError, FunctionPage, Page, Version, VersionPage, find, pointed};
use crate::name::{Namespace, Repository};
use crate::store::Deprecation;

/// Most bytes of a body.
const BODY_BYTES: usize = 64 << 10;

/// What a reference points to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Resolved {
    /// The tag that the reference came to; `null` if it was a digest.
    tag: Option<String>,
    /// Digest of the manifest.
    digest: String,
    /// `null` = it may be used.
    deprecation: Option<Deprecation>,
}

/// Why a version should no longer be used.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    /// Why, and what to use instead; at most 1000 bytes.
    message: String,
}

/// Functions that the caller may pull, by name
#[utoipa::path(
    get,
    path = "/api/functions",
    params(
        ("namespace" = Option<String>, Query, description = "`team` is `team` and `team/…`; absent = all"),
        ("pageSize" = Option<u32>, Query, description = "Most functions in the answer, at most 1000; absent = 100"),
        ("pageToken" = Option<String>, Query, description = "`nextPageToken` of the page before"),
    ),
    responses(
        (status = 200, body = FunctionPage),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(call: &Call<'_>) -> Answer {
    call.app.require_reader(call.access)?;
    let namespace = call.query.get("namespace").filter(|text| !text.is_empty());
    let namespace: Option<Namespace> =
        namespace.map(|text| FunctionError::read("namespace", text)).transpose()?;
    let page = page(call)?;
    let is_seen = |name: &Repository| call.access.check(name, Right::Pull).is_ok();
    json(&functions::functions(&call.app.store, namespace.as_ref(), is_seen, &page).await?)
}

/// Versions and other tags of a function: full versions first, the highest one first; then other tags by name
#[utoipa::path(
    get,
    path = "/api/functions/{name}/versions",
    params(
        ("name" = String, Path, description = "Such as `team/split`; its slashes may be encoded or not"),
        ("pageSize" = Option<u32>, Query, description = "Most versions in the answer, at most 1000; absent = 100"),
        ("pageToken" = Option<String>, Query, description = "`nextPageToken` of the page before"),
    ),
    responses(
        (status = 200, body = VersionPage),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn versions(call: &Call<'_>, name: &Repository) -> Answer {
    call.require(name, Right::Pull)?;
    json(&functions::versions(&call.app.store, name, &page(call)?).await?)
}

/// One version with everything that is known of it
#[utoipa::path(
    get,
    path = "/api/functions/{name}/versions/{reference}",
    params(
        ("name" = String, Path, description = "Such as `team/split`; its slashes may be encoded or not"),
        ("reference" = String, Path, description = "A tag, a range such as `^1.2`, or a digest"),
    ),
    responses(
        (status = 200, body = Version),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn version(call: &Call<'_>, name: &Repository, reference: &str) -> Answer {
    call.require(name, Right::Pull)?;
    let found = find(&call.app.store, name, reference).await?;
    json(&functions::version(&call.app.store, name, &found).await?)
}

/// Deletes a tag, or by digest a version with every tag that points to it
#[utoipa::path(
    delete,
    path = "/api/functions/{name}/versions/{reference}",
    params(
        ("name" = String, Path, description = "Such as `team/split`; its slashes may be encoded or not"),
        ("reference" = String, Path, description = "A tag or a digest"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(call: &Call<'_>, name: &Repository, reference: &str) -> Answer {
    call.require(name, Right::Admin)?;
    done(&functions::delete(&call.app.store, name, reference).await?.to_string(), || call.app.changed(name))
}

/// What a reference points to now
#[utoipa::path(
    get,
    path = "/api/functions/{name}/resolve",
    params(
        ("name" = String, Path, description = "Such as `team/split`; its slashes may be encoded or not"),
        ("reference" = Option<String>, Query,
            description = "A tag, a range such as `^1.2`, or a digest; absent = the highest release"),
    ),
    responses(
        (status = 200, body = Resolved),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn resolve(call: &Call<'_>, name: &Repository) -> Answer {
    call.require(name, Right::Pull)?;
    let reference = call.query.get("reference").unwrap_or_default();
    let found = find(&call.app.store, name, reference).await?;
    let deprecation = call.app.store.deprecation(name, &found.digest).await?;
    let (tag, digest) = (found.tag.map(|tag| tag.to_string()), found.digest.to_string());
    json(&Resolved { tag, digest, deprecation })
}

/// Says of a version that it should no longer be used
#[utoipa::path(
    put,
    path = "/api/functions/{name}/versions/{reference}/deprecation",
    params(
        ("name" = String, Path, description = "Such as `team/split`; its slashes may be encoded or not"),
        ("reference" = String, Path, description = "A tag or a digest; every tag of the same digest shows it"),
    ),
    request_body = Note,
    responses(
        (status = 204, description = "It is noted"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn deprecate(call: &Call<'_>, name: &Repository, reference: &str, body: Body) -> Answer {
    call.require(name, Right::Push)?;
    let limits = &call.app.options.limits;
    let body = admitted(body, call.declared_length(), BODY_BYTES as u64, limits).await?;
    let body = whole(body, BODY_BYTES).await?;
    let note: Note = serde_json::from_slice(&body)
        .map_err(|error| FunctionError::field("body", format!("is not JSON of a note: {error}")))?;
    annotate(call, name, reference, Some(&note.message)).await
}

/// Takes back that a version should no longer be used
#[utoipa::path(
    delete,
    path = "/api/functions/{name}/versions/{reference}/deprecation",
    params(
        ("name" = String, Path, description = "Such as `team/split`; its slashes may be encoded or not"),
        ("reference" = String, Path, description = "A tag or a digest"),
    ),
    responses(
        (status = 204, description = "It may be used"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn withdraw(call: &Call<'_>, name: &Repository, reference: &str) -> Answer {
    call.require(name, Right::Push)?;
    annotate(call, name, reference, None).await
}

async fn annotate(call: &Call<'_>, name: &Repository, reference: &str, message: Option<&str>) -> Answer {
    let digest = pointed(&call.app.store, name, reference).await?.digest;
    functions::deprecate(&call.app.store, name, &digest, message, call.access.to_string()).await?;
    done(&digest.to_string(), || ())
}

/// The answer to a change, with the digest of what it changed for the audit log.
fn done(digest: &str, tell: impl FnOnce()) -> Answer {
    tell();
    let mut response = StatusCode::NO_CONTENT.into_response();
    set(&mut response, DIGEST, digest);
    Ok(response)
}

fn page(call: &Call<'_>) -> Result<Page, FunctionError> {
    let size = call.query.get("pageSize").map_or(Ok(0), str::parse);
    let size = size.map_err(|_| FunctionError::field("pageSize", "is not a number of entries"))?;
    Page::read(size, call.query.get("pageToken").unwrap_or_default())
}
