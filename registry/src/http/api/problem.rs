//! Errors as RFC 9457 words them: `application/problem+json`.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::super::error::ApiError;

/// Why a request failed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Always `about:blank`: `code` tells kinds apart.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: String,
    status: u16,
    /// What, why, and what to do.
    detail: String,
    /// As the OCI interface has it, such as `MANIFEST_UNKNOWN`.
    code: &'static str,
    /// The parameter or field that is to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

/// The answer that is an error.
pub(in crate::http) fn problem(error: ApiError) -> Response {
    let problem = Problem {
        kind: "about:blank",
        title: error.status.canonical_reason().unwrap_or("Error").to_owned(),
        status: error.status.as_u16(),
        detail: error.message,
        code: error.code.name(),
        field: error.field.map(|field| field.replace("page_token", "pageToken")),
    };
    let body = serde_json::to_string(&problem).unwrap_or_default();
    let mut response = (error.status, body).into_response();
    let kind = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().extend(error.headers);
    response
}
