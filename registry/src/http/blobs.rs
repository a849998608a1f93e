//! Blobs: pull, whole or in part, and delete.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::app::{Answer, Call, DIGEST};
use super::error::{ApiError, Code};
use super::range::{Wanted, wanted};
use crate::digest::Digest;
use crate::name::Repository;
use crate::store::BlobStream;

/// GET and HEAD.
pub(super) async fn pull(call: &Call<'_>, method: &Method, name: &Repository, digest: &Digest) -> Answer {
    let store = &call.app.store;
    let size = store.blob_size(name, digest).await?;
    if method == Method::HEAD {
        return Ok(answer(StatusCode::OK, digest, size, Body::empty()));
    }
    match wanted(call.header(header::RANGE), size) {
        Wanted::All => {
            let blob = store.read_blob(name, digest).await?;
            Ok(answer(StatusCode::OK, digest, blob.size, body(blob.content)))
        }
        Wanted::Part(range) => {
            let content = store.read_blob_range(name, digest, range.clone()).await?;
            let length = range.end - range.start;
            let mut response = answer(StatusCode::PARTIAL_CONTENT, digest, length, body(content));
            let value = format!("bytes {}-{}/{size}", range.start, range.end - 1);
            set(&mut response, header::CONTENT_RANGE, &value);
            Ok(response)
        }
        Wanted::Nothing => {
            let message = format!("the blob has {size} bytes, and none of them are in the range");
            let error = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, Code::SizeInvalid, message);
            Err(error.with(header::CONTENT_RANGE, &format!("bytes */{size}")))
        }
    }
}

pub(super) async fn delete(call: &Call<'_>, name: &Repository, digest: &Digest) -> Answer {
    call.app.store.delete_blob(name, digest).await?;
    let mut response = StatusCode::ACCEPTED.into_response();
    set(&mut response, DIGEST, &digest.to_string());
    Ok(response)
}

fn body(content: BlobStream) -> Body {
    Body::from_stream(content)
}

fn answer(status: StatusCode, digest: &Digest, length: u64, body: Body) -> Response {
    let mut response = (status, body).into_response();
    let digest = digest.to_string();
    set(&mut response, DIGEST, &digest);
    set(&mut response, header::CONTENT_TYPE, "application/octet-stream");
    set(&mut response, header::CONTENT_LENGTH, &length.to_string());
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    set(&mut response, header::ETAG, &format!("\"{digest}\""));
    response
}

/// Sets a header; a value that is none is left out.
pub(super) fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(name, value);
    }
}
