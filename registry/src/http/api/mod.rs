//! JSON over HTTP, under `/api`: functions and their versions, for browsers and scripts. Owns paths, bodies and the document
//! that describes them; what is done is the business of `functions`.

mod document;
mod functions;
mod problem;
mod route;

use axum::body::Body;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::app::{Answer, Call};
use super::error::ApiError;

pub(super) use problem::problem;
use route::Route;

/// Where all paths begin.
pub(super) const PATH: &str = "/api";

/// Whether a path is of this interface.
pub(super) fn is_api(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Answers a request; its errors are to be shown as [`problem()`].
pub(super) async fn answer(call: &Call<'_>, body: Body) -> Answer {
    let route = Route::read(call.parts.uri.path())?;
    // A HEAD is a GET whose body is left out on the way.
    let method = if call.parts.method == Method::HEAD { Method::GET } else { call.parts.method.clone() };
    match (&route, method.as_str()) {
        (Route::Document, "GET") => Ok(document::served()),
        (Route::Functions, "GET") => functions::list(call).await,
        (Route::Versions(name), "GET") => functions::versions(call, name).await,
        (Route::Version(name, reference), "GET") => functions::version(call, name, reference).await,
        (Route::Version(name, reference), "DELETE") => functions::delete(call, name, reference).await,
        (Route::Resolve(name), "GET") => functions::resolve(call, name).await,
        (Route::Deprecation(name, reference), "PUT") => {
            functions::deprecate(call, name, reference, body).await
        }
        (Route::Deprecation(name, reference), "DELETE") => functions::withdraw(call, name, reference).await,
        _ => Err(super::app::not_allowed()),
    }
}

fn json(value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(value).map_err(|error| {
        let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
        ApiError::new(status, super::Code::Unsupported, error.to_string())
    })?;
    Ok(document(body))
}

fn document(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}
