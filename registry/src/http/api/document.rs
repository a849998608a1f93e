//! The OpenAPI document, made from what stands at the end points.

use axum::response::Response;
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};

use super::{document, functions};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Invoker registry",
        description = "Functions and their versions. Errors are `application/problem+json`.",
    ),
    paths(
        functions::list,
        functions::versions,
        functions::version,
        functions::delete,
        functions::resolve,
        functions::deprecate,
        functions::withdraw,
    ),
    modifiers(&Bearer),
    security((), ("bearer" = []))
)]
struct Document;

/// Says that there are tokens, and that some registries need none.
struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        components.add_security_scheme("bearer", bearer);
    }
}

/// `/api/openapi.json`.
pub(super) fn served() -> Response {
    document(Document::openapi().to_json().unwrap_or_default().into_bytes())
}
