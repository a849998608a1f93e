//! Manifests: push, pull, delete; by tag and by digest.

use axum::body::Body as HttpBody;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::IntoResponse;

use super::app::{Answer, Call, DIGEST};
use super::blobs::set;
use super::body::{admitted, whole};
use crate::name::{Reference, Repository, Tag};
use crate::store::{Push, StoreError};

const SUBJECT: header::HeaderName = header::HeaderName::from_static("oci-subject");
const TAG: header::HeaderName = header::HeaderName::from_static("oci-tag");

/// GET and HEAD.
pub(super) async fn pull(
    call: &Call<'_>,
    method: &Method,
    name: &Repository,
    reference: &Reference,
) -> Answer {
    let manifest = call.app.store.manifest(name, reference).await?;
    let deprecation = match call.app.store.deprecation(name, &manifest.digest).await {
        // A note that is broken keeps nobody from what it is about.
        Err(error) if error.is_of_one_record() => {
            tracing::warn!(%error, "a deprecation is not shown");
            None
        }
        found => found?,
    };
    let length = manifest.content.len().to_string();
    let content = if method == Method::HEAD { HttpBody::empty() } else { manifest.content.into() };
    let mut response = content.into_response();
    let digest = manifest.digest.to_string();
    set(&mut response, header::CONTENT_TYPE, &manifest.media_type);
    set(&mut response, header::CONTENT_LENGTH, &length);
    set(&mut response, header::ETAG, &format!("\"{digest}\""));
    set(&mut response, DIGEST, &digest);
    let warning = deprecation.and_then(|deprecation| warning(&deprecation.message));
    response.headers_mut().extend(warning.map(|warning| (header::WARNING, warning)));
    Ok(response)
}

/// A warning as the specification words it, which clients show.
fn warning(message: &str) -> Option<HeaderValue> {
    let mut text = String::new();
    for character in message.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            character if character.is_control() => text.push(' '),
            character => text.push(character),
        }
    }
    HeaderValue::from_bytes(format!("299 - \"deprecated: {text}\"").as_bytes()).ok()
}

/// PUT. With `tag` in the query, as often as wanted, those tags point to it too.
pub(super) async fn push(
    call: &Call<'_>,
    name: &Repository,
    reference: &Reference,
    body: HttpBody,
) -> Answer {
    let app = call.app;
    let limits = &app.options.limits;
    let tags: Vec<Tag> = call.query.all("tag").map(str::parse).collect::<Result<_, _>>()?;
    let limit = limits.manifest_bytes;
    let body = admitted(body, call.declared_length(), limit as u64, limits).await?;
    let content = whole(body, limit).await?;
    let push = Push {
        repository: name,
        reference,
        tags: &tags,
        content_type: call.header(header::CONTENT_TYPE),
        content,
        overwrite: app.options.overwrite.iter().any(|namespace| namespace.covers(name)),
        validator: &app.validator,
    };
    let pushed = app.store.push(&push).await?;
    app.changed(name);
    let mut response = StatusCode::CREATED.into_response();
    let digest = pushed.digest.to_string();
    set(&mut response, header::LOCATION, &format!("/v2/{name}/manifests/{digest}"));
    set(&mut response, DIGEST, &digest);
    if let Some(subject) = pushed.subject {
        set(&mut response, SUBJECT, &subject.to_string());
    }
    for tag in tags {
        response.headers_mut().extend(HeaderValue::from_str(tag.as_str()).ok().map(|value| (TAG, value)));
    }
    Ok(response)
}

pub(super) async fn delete(call: &Call<'_>, name: &Repository, reference: &Reference) -> Answer {
    let store = &call.app.store;
    match reference {
        Reference::Digest(digest) => store.delete_manifest(name, digest).await?,
        Reference::Tag(tag) => {
            if !store.delete_tag(name, tag).await? {
                return Err(StoreError::ManifestUnknown(tag.to_string()).into());
            }
        }
    }
    call.app.changed(name);
    Ok(StatusCode::ACCEPTED.into_response())
}
