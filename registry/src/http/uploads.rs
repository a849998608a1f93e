//! Uploads of blobs: in one request, in two, in chunks, or not at all because the blob is in another repository.

use axum::body::Body as HttpBody;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::app::{Answer, Call, DIGEST};
use super::blobs::set;
use super::body::admitted;
use super::error::{ApiError, Code};
use super::range::chunk;
use crate::auth::Right;
use crate::digest::{Algorithm, Digest};
use crate::name::{NameError, Repository};
use crate::store::{Received, StoreError};

const UPLOAD_ID: header::HeaderName = header::HeaderName::from_static("docker-upload-uuid");

/// Repositories in which a blob is looked for that is to be mounted from anywhere.
const SIBLINGS: usize = 64;

/// POST: begins an upload; with `digest`, it is all of it; with `mount`, it may not be needed.
pub(super) async fn start(call: &Call<'_>, name: &Repository, body: HttpBody) -> Answer {
    let app = call.app;
    if let Some(algorithm) = call.query.get("digest-algorithm") {
        algorithm.parse::<Algorithm>().map_err(NameError::Digest)?;
    }
    if let Some(mount) = call.query.get("mount") {
        let digest: Digest = mount.parse().map_err(NameError::Digest)?;
        if is_mounted(call, name, &digest).await? {
            return Ok(created(name, &digest));
        }
    } else if call.query.get("digest").is_some() {
        let digest = digest(call)?;
        let limit = app.options.limits.blob_bytes;
        let body = admitted(body, call.declared_length(), limit, &app.options.limits).await?;
        app.store.write_blob(name, &digest, body, limit).await?;
        return Ok(created(name, &digest));
    }
    let id = app.store.start_upload(name).await?;
    Ok(progress(StatusCode::ACCEPTED, name, id, 0))
}

/// Mounts only what the caller may pull where it is. A refusal is not told: it would tell that there is something.
///
/// Without `from`, the blob is looked for in the repositories beside this one.
async fn is_mounted(call: &Call<'_>, name: &Repository, digest: &Digest) -> Result<bool, ApiError> {
    let store = &call.app.store;
    let places: Vec<Repository> = match call.query.get("from") {
        Some(from) => vec![from.parse()?],
        None => store.siblings(name).await?.into_iter().take(SIBLINGS).collect(),
    };
    for from in places.iter().filter(|from| call.access.check(from, Right::Pull).is_ok()) {
        if store.mount_blob(from, name, digest).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// PATCH: the next chunk.
pub(super) async fn append(call: &Call<'_>, name: &Repository, id: Uuid, body: HttpBody) -> Answer {
    let received = received(call, body).await?;
    let limit = call.app.options.limits.blob_bytes;
    match call.app.store.append(name, id, received, limit).await {
        Ok(offset) => Ok(progress(StatusCode::ACCEPTED, name, id, offset)),
        Err(error) => Err(misplaced(name, id, error)),
    }
}

/// PUT: the last bytes, if any are left, and the digest of all.
pub(super) async fn finish(call: &Call<'_>, name: &Repository, id: Uuid, body: HttpBody) -> Answer {
    let digest = digest(call)?;
    let received = received(call, body).await?;
    let limit = call.app.options.limits.blob_bytes;
    match call.app.store.finish_upload(name, id, &digest, received, limit).await {
        Ok(_) => Ok(created(name, &digest)),
        Err(error) => Err(misplaced(name, id, error)),
    }
}

/// GET: where it stands.
pub(super) async fn status(call: &Call<'_>, name: &Repository, id: Uuid) -> Answer {
    let offset = call.app.store.upload_offset(name, id).await?;
    Ok(progress(StatusCode::NO_CONTENT, name, id, offset))
}

/// DELETE: gives it up.
pub(super) async fn cancel(call: &Call<'_>, name: &Repository, id: Uuid) -> Answer {
    call.app.store.cancel_upload(name, id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The body, and where it says that it belongs.
async fn received(call: &Call<'_>, body: HttpBody) -> Result<Received, ApiError> {
    let limits = &call.app.options.limits;
    let declared = call.declared_length();
    let body = admitted(body, declared, limits.blob_bytes, limits).await?;
    let range = call.header(header::CONTENT_RANGE).map(|text| {
        chunk(text).ok_or_else(|| {
            let message = "the header Content-Range is not of the form FIRST-LAST";
            ApiError::new(StatusCode::BAD_REQUEST, Code::BlobUploadInvalid, message)
        })
    });
    let range = range.transpose()?;
    if let (Some((_, length)), Some(declared)) = (range, declared)
        && length != declared
    {
        return Err(StoreError::Length { declared: length, found: declared }.into());
    }
    Ok(Received { body, range })
}

fn digest(call: &Call<'_>) -> Result<Digest, ApiError> {
    let text = call.query.get("digest").ok_or_else(|| {
        let message = "the query has no `digest`, which closes an upload";
        ApiError::new(StatusCode::BAD_REQUEST, Code::DigestInvalid, message)
    })?;
    Ok(text.parse().map_err(NameError::Digest)?)
}

/// An error, and for a chunk in the wrong place where the upload goes on.
fn misplaced(name: &Repository, id: Uuid, error: StoreError) -> ApiError {
    let expected = match &error {
        StoreError::OutOfOrder { expected, .. } => Some(*expected),
        _ => None,
    };
    let error = ApiError::from(error);
    match expected {
        Some(expected) => {
            error.with(header::LOCATION, &location(name, id)).with(header::RANGE, &range(expected))
        }
        None => error,
    }
}

fn location(name: &Repository, id: Uuid) -> String {
    format!("/v2/{name}/blobs/uploads/{id}")
}

/// The bytes that came. Nothing reads as one byte, as everywhere: the form has no word for it.
fn range(offset: u64) -> String {
    format!("0-{}", offset.saturating_sub(1))
}

fn progress(status: StatusCode, name: &Repository, id: Uuid, offset: u64) -> Response {
    let mut response = status.into_response();
    set(&mut response, header::LOCATION, &location(name, id));
    set(&mut response, header::RANGE, &range(offset));
    set(&mut response, UPLOAD_ID, &id.to_string());
    response
}

fn created(name: &Repository, digest: &Digest) -> Response {
    let mut response = StatusCode::CREATED.into_response();
    set(&mut response, header::LOCATION, &format!("/v2/{name}/blobs/{digest}"));
    set(&mut response, DIGEST, &digest.to_string());
    response
}
