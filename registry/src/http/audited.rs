//! Which requests the audit log has a line of: changes, and what was refused for want of rights.

use std::net::SocketAddr;

use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::Response;

use super::app::{App, DIGEST};
use crate::audit::Event;
use crate::auth::Access;

/// Most bytes of a path in a line of the audit log.
const AUDIT_PATH_BYTES: usize = 300;

impl App {
    /// A line of the audit log for a call that changed something, or was refused for want of rights.
    pub(crate) fn audit_call(
        &self,
        access: Option<&Access>,
        peer: SocketAddr,
        method: &str,
        path: &str,
        digest: Option<&str>,
        status: StatusCode,
    ) {
        let refused = status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN;
        if refused || digest.is_some() {
            self.audit.write(&Event {
                who: &access.map_or_else(|| "anonymous".to_owned(), Access::to_string),
                from: peer.ip().to_string(),
                method,
                path: shortened(path),
                digest,
                status: status.as_u16(),
            });
        }
    }

    /// Changes, and what was refused for want of rights.
    pub(super) fn record(&self, access: &Access, peer: SocketAddr, parts: &Parts, response: &Response) {
        let status = response.status();
        let refused = status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN;
        let changes = status == StatusCode::CREATED
            || (status.is_success() && [Method::PUT, Method::DELETE].contains(&parts.method));
        let is_base = parts.uri.path().trim_end_matches('/') == "/v2";
        if (refused && !is_base) || changes {
            self.audit.write(&Event {
                who: &access.to_string(),
                from: peer.ip().to_string(),
                method: parts.method.as_str(),
                path: shortened(parts.uri.path()),
                digest: response.headers().get(DIGEST).and_then(|digest| digest.to_str().ok()),
                status: status.as_u16(),
            });
        }
    }
}

/// What the audit log shows of a path: anybody can send a long one.
fn shortened(path: &str) -> &str {
    let end = (0..=AUDIT_PATH_BYTES).rev().find(|at| path.is_char_boundary(*at)).unwrap_or_default();
    if path.len() > AUDIT_PATH_BYTES { path.get(..end).unwrap_or_default() } else { path }
}
