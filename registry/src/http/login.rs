//! How a request proves who is asking: basic authentication, bearer tokens, and the token flow of Docker's clients.

use axum::http::{HeaderMap, Method, StatusCode, header, request::Parts};
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{SecondsFormat, Utc};
use serde_json::json;

use super::app::{Answer, App, Call, text};
use super::error::{ApiError, Code};
use super::query::Query;
use crate::auth::{Access, Scope};
use crate::options::Options;

/// Where clients get session tokens.
pub(super) const PATH: &str = "/token";
/// How the registry calls itself in challenges.
const SERVICE: &str = "invoker-registry";
/// Seconds that a session token lasts, as clients are told.
const EXPIRES_IN: i64 = crate::auth::SESSION_SECONDS;

/// Who is asking. An error if they say who they are, and it is not so.
pub(super) fn access(options: &Options, headers: &HeaderMap) -> Result<Access, ApiError> {
    let Some(tokens) = &options.tokens else { return Ok(Access::Open) };
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(tokens.anonymous()) };
    let (scheme, rest) = value.to_str().ok().and_then(|value| value.split_once(' ')).unwrap_or_default();
    let found = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => tokens.by_bearer(rest.trim(), Utc::now()),
        "basic" => {
            basic(rest.trim()).and_then(|(name, secret)| tokens.by_secret(Some(&name), &secret, Utc::now()))
        }
        _ => None,
    };
    found.ok_or_else(|| {
        let message = "the token is unknown, expired, or not of this registry\n\
                       it is not in the token file, or no longer\n\
                       log in again";
        ApiError::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, message)
    })
}

fn basic(text: &str) -> Option<(String, String)> {
    let decoded = String::from_utf8(STANDARD.decode(text).ok()?).ok()?;
    let (name, secret) = decoded.split_once(':')?;
    Some((name.to_owned(), secret.to_owned()))
}

/// Adds what a client needs to log in, or to ask for `scope`.
pub(super) fn challenged(
    error: ApiError,
    options: &Options,
    headers: &HeaderMap,
    scope: Option<&str>,
) -> ApiError {
    // HTTP/2 has it elsewhere; the server puts it here.
    let host = text(headers, &header::HOST).unwrap_or("localhost");
    let url = options.public_url.clone().unwrap_or_else(|| {
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{host}")
    });
    let scope = scope.map(|scope| format!(",scope=\"{scope}\"")).unwrap_or_default();
    let realm = format!("{}{PATH}", url.trim_end_matches('/'));
    error.with(header::WWW_AUTHENTICATE, &format!("Bearer realm=\"{realm}\",service=\"{SERVICE}\"{scope}"))
}

/// `/v2/` and lists answer only who said who they are: that is how clients learn that there is a login.
pub(super) fn require_identity(call: &Call<'_>) -> Result<(), ApiError> {
    let is_session = call.parts.headers.contains_key(header::AUTHORIZATION);
    match call.access {
        Access::Open | Access::Holder { .. } => Ok(()),
        Access::Anonymous { may_pull: true } if is_session => Ok(()),
        Access::Anonymous { .. } => {
            let error =
                ApiError::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, "authentication required");
            Err(challenged(error, &call.app.options, &call.parts.headers, None))
        }
    }
}

/// Hands out a session token for the scopes that are asked for.
///
/// They are not compared with the grants here: a session can do no more than its holder, whatever it asked for.
pub(super) fn token(app: &App, parts: &Parts, access: &Access) -> Answer {
    if parts.method != Method::GET {
        let message = "session tokens are got with GET and basic authentication";
        return Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unsupported, message));
    }
    let Some(tokens) = &app.options.tokens else {
        return Err(ApiError::not_found("this registry has no tokens: everybody may do everything"));
    };
    // A session that could be traded for another one would never end, nor keep to what it asked for.
    let is_session = matches!(access, Access::Holder { scopes: Some(_), .. });
    if is_session || matches!(access, Access::Anonymous { may_pull: false }) {
        let message = "authentication required: give the name of a token and its secret";
        let error = ApiError::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, message);
        return Err(error.with(header::WWW_AUTHENTICATE, &format!("Basic realm=\"{SERVICE}\"")));
    }
    let query = Query::read(parts.uri.query());
    let scopes = query.all("scope").flat_map(|scopes| scopes.split(' ')).filter_map(Scope::read).collect();
    let now = Utc::now();
    let token = tokens.session(access, scopes, now);
    let issued = now.to_rfc3339_opts(SecondsFormat::Secs, true);
    let body = json!({"token": token, "access_token": token, "expires_in": EXPIRES_IN, "issued_at": issued});
    Ok(([(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response())
}
