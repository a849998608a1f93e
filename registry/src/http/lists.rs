//! Lists, by pages: repositories, tags, referrers.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::app::{Answer, Call};
use super::blobs::set;
use super::error::{ApiError, Code};
use crate::digest::Digest;
use crate::manifest::INDEX;
use crate::name::{NameError, Repository};

const FILTERS: header::HeaderName = header::HeaderName::from_static("oci-filters-applied");
/// Most bytes of descriptors in one page of referrers: it is a manifest to clients, and they bound those.
const REFERRERS_BYTES: usize = 3 << 20;

/// The repositories that the caller may pull from.
pub(super) async fn catalog(call: &Call<'_>) -> Answer {
    let names = call.app.store.repositories().await?;
    let names = names.into_iter().filter(|name| call.access.sees(name)).map(|name| name.to_string());
    let (page, more) = page(call, names.collect())?;
    let mut response = document(json!({"repositories": page}));
    link(&mut response, call, "/v2/_catalog", more.then(|| page.last()).flatten());
    Ok(response)
}

pub(super) async fn tags(call: &Call<'_>, name: &Repository) -> Answer {
    let tags = call.app.store.tags(name).await?;
    if tags.is_empty() && !call.app.store.has_repository(name).await? {
        let message = format!("nothing was pushed to repository {:?}", name.as_str());
        return Err(ApiError::new(StatusCode::NOT_FOUND, Code::NameUnknown, message));
    }
    let (page, more) = page(call, tags.iter().map(ToString::to_string).collect())?;
    let mut response = document(json!({"name": name.as_str(), "tags": page}));
    link(&mut response, call, &format!("/v2/{name}/tags/list"), more.then(|| page.last()).flatten());
    Ok(response)
}

/// Manifests whose subject is this one. An unknown subject has none, which is no error.
pub(super) async fn referrers(call: &Call<'_>, name: &Repository, subject: &Digest) -> Answer {
    let kind = call.query.get("artifactType").filter(|kind| !kind.is_empty());
    let last = call.query.get("last").map(str::parse).transpose().map_err(NameError::Digest)?;
    let store = &call.app.store;
    let (found, more) = store.referrers(name, subject, kind, last.as_ref(), REFERRERS_BYTES).await?;
    let next = more.then(|| found.last().map(|referrer| referrer.digest.clone())).flatten();
    let mut response = document(json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": found}));
    set(&mut response, header::CONTENT_TYPE, INDEX);
    if kind.is_some() {
        set(&mut response, FILTERS, "artifactType");
    }
    link(&mut response, call, &format!("/v2/{name}/referrers/{subject}"), next.as_ref());
    Ok(response)
}

fn document(value: serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// The names behind `last`, at most `n` of them, and whether there are more. `names` are sorted.
fn page(call: &Call<'_>, mut names: Vec<String>) -> Result<(Vec<String>, bool), ApiError> {
    let limit = call.query.get("n").map(str::parse::<usize>).transpose().map_err(|_| {
        let message = "`n` of the query is not a number of entries";
        ApiError::new(StatusCode::BAD_REQUEST, Code::Unsupported, message)
    })?;
    if let Some(last) = call.query.get("last") {
        names.retain(|name| name.as_str() > last);
    }
    let limit = limit.unwrap_or(usize::MAX);
    let more = limit > 0 && names.len() > limit;
    names.truncate(limit);
    Ok((names, more))
}

/// Says where the next page is: behind `last`, with the other parameters as they were.
fn link(response: &mut Response, call: &Call<'_>, path: &str, last: Option<&String>) {
    let Some(last) = last else { return };
    let encoded = |value: &str| utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
    let kept = ["n", "artifactType"]
        .into_iter()
        .filter_map(|name| call.query.get(name).map(|value| format!("{name}={}&", encoded(value))));
    let query: String = kept.collect();
    set(response, header::LINK, &format!("<{path}?{query}last={}>; rel=\"next\"", encoded(last)));
}
