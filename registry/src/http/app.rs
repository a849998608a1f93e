//! From a request to its answer: rate, rights, end point, audit.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Version, header, request::Parts};
use axum::response::{IntoResponse, Response};
use tokio::sync::{Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::error::{ApiError, Code};
use super::metrics::{self, Metrics};
use super::query::Query;
use super::route::Route;
use super::{api, blobs, lists, login, manifests, uploads};
use crate::audit::AuditLog;
use crate::auth::{Access, Refusal, Right};
use crate::name::Repository;
use crate::options::Options;
use crate::store::Store;
use crate::validation::Validator;

/// What every request works with.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) store: Store,
    pub(crate) validator: Validator,
    pub(crate) options: Options,
    pub(crate) audit: AuditLog,
    pub(crate) rate: Option<DefaultKeyedRateLimiter<IpAddr>>,
    pub(super) metrics: Metrics,
    /// Repositories that are changed through this process, for those who watch.
    pub(crate) changes: broadcast::Sender<Repository>,
    /// Places for those who watch.
    pub(crate) watches: Arc<Semaphore>,
    /// Cancelled when the server is told to end.
    pub(crate) closing: CancellationToken,
}

/// A request, as its end point sees it.
pub(super) struct Call<'a> {
    pub(super) app: &'a App,
    pub(super) parts: &'a Parts,
    pub(super) query: Query<'a>,
    pub(super) access: &'a Access,
}

pub(super) type Answer = Result<Response, ApiError>;

/// Header of digests.
pub(super) const DIGEST: header::HeaderName = header::HeaderName::from_static("docker-content-digest");

impl App {
    pub(super) fn limiter(per_second: Option<u32>) -> Option<DefaultKeyedRateLimiter<IpAddr>> {
        let quota = Quota::per_second(NonZeroU32::new(per_second?)?);
        Some(RateLimiter::keyed(quota))
    }

    pub(super) async fn answer(
        self: Arc<Self>,
        peer: SocketAddr,
        request: axum::extract::Request,
    ) -> Response {
        let (parts, body) = request.into_parts();
        let (access, answer) = match self.admit(peer, &parts) {
            Ok(access) => {
                let answer = self.routed(&parts, body, &access).await;
                (access, answer)
            }
            Err(error) => (Access::Anonymous { may_pull: false }, Err(error)),
        };
        let is_api = api::is_api(parts.uri.path());
        let shown = |error| if is_api { api::problem(error) } else { error.into_response() };
        let mut response = answer.unwrap_or_else(shown);
        let sends = [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method);
        let can_close = parts.version <= Version::HTTP_11;
        if sends && can_close && !response.status().is_success() {
            // What is left of its body is not read, so nothing can follow on this connection.
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        self.record(&access, peer, &parts, &response);
        response
    }

    /// Who is asking, if it is not too often.
    pub(crate) fn admit(&self, peer: SocketAddr, parts: &Parts) -> Result<Access, ApiError> {
        if self.rate.as_ref().is_some_and(|rate| rate.check_key(&peer.ip()).is_err()) {
            let message = "this address makes too many requests; try again in a second";
            let error = ApiError::new(StatusCode::TOO_MANY_REQUESTS, Code::TooManyRequests, message);
            return Err(error.with(header::RETRY_AFTER, "1"));
        }
        self.access(&parts.headers)
            .map_err(|error| login::challenged(error, &self.options, &parts.headers, None))
    }

    async fn routed(&self, parts: &Parts, body: axum::body::Body, access: &Access) -> Answer {
        match parts.uri.path() {
            "/healthz" => Ok("ok\n".into_response()),
            login::PATH => login::token(self, parts, access),
            metrics::PATH => {
                if self.options.metrics_need_token {
                    let query = Query::read(None);
                    login::require_identity(&Call { app: self, parts, query, access })?;
                }
                Ok(self.metrics.served())
            }
            path if api::is_api(path) => {
                let query = Query::read(parts.uri.query());
                api::answer(&Call { app: self, parts, query, access }, body).await
            }
            _ => self.distribution(parts, body, access).await,
        }
    }

    async fn distribution(&self, parts: &Parts, body: axum::body::Body, access: &Access) -> Answer {
        let call = Call { app: self, parts, query: Query::read(parts.uri.query()), access };
        let route = Route::read(parts.uri.path())?;
        let right = right(&parts.method, &route).ok_or_else(not_allowed)?;
        match route.repository() {
            Some(repository) => call.require(repository, right)?,
            None => login::require_identity(&call)?,
        }
        match (route, &parts.method) {
            (Route::Base, _) => Ok(base()),
            (Route::Catalog, _) => lists::catalog(&call).await,
            (Route::Tags(name), _) => lists::tags(&call, &name).await,
            (Route::Referrers(name, subject), _) => lists::referrers(&call, &name, &subject).await,
            (Route::Blob(name, digest), &Method::DELETE) => blobs::delete(&call, &name, &digest).await,
            (Route::Blob(name, digest), method) => blobs::pull(&call, method, &name, &digest).await,
            (Route::Manifest(name, reference), &Method::PUT) => {
                manifests::push(&call, &name, &reference, body).await
            }
            (Route::Manifest(name, reference), &Method::DELETE) => {
                manifests::delete(&call, &name, &reference).await
            }
            (Route::Manifest(name, reference), method) => {
                manifests::pull(&call, method, &name, &reference).await
            }
            (Route::Uploads(name), _) => uploads::start(&call, &name, body).await,
            (Route::Upload(name, id), &Method::PATCH) => uploads::append(&call, &name, id, body).await,
            (Route::Upload(name, id), &Method::PUT) => uploads::finish(&call, &name, id, body).await,
            (Route::Upload(name, id), &Method::DELETE) => uploads::cancel(&call, &name, id).await,
            (Route::Upload(name, id), _) => uploads::status(&call, &name, id).await,
        }
    }

    /// Who is asking, by the headers of a request.
    pub(crate) fn access(&self, headers: &HeaderMap) -> Result<Access, ApiError> {
        login::access(&self.options, headers)
    }

    /// Refuses what a request may not do.
    pub(crate) fn require(
        &self,
        access: &Access,
        headers: &HeaderMap,
        repository: &Repository,
        right: Right,
    ) -> Result<(), ApiError> {
        access.check(repository, right).map_err(|refusal| match refusal {
            Refusal::Unproven => {
                let verb = match right {
                    Right::Pull => "pull from",
                    Right::Push => "push to",
                    Right::Admin => "delete from",
                };
                let message = format!("authentication required to {verb} {:?}", repository.as_str());
                let error = ApiError::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, message);
                let scope = format!("repository:{repository}:{}", right.actions());
                login::challenged(error, &self.options, headers, Some(&scope))
            }
            Refusal::Denied => {
                let message = format!(
                    "token \"{access}\" may not do this in {:?}\nits grants do not cover it\n\
                     ask who keeps the registry for the right",
                    repository.as_str()
                );
                ApiError::new(StatusCode::FORBIDDEN, Code::Denied, message)
            }
        })
    }

    /// Refuses who may not pull anything. Lists show the others what they may pull.
    pub(crate) fn require_reader(&self, access: &Access) -> Result<(), ApiError> {
        match access {
            Access::Anonymous { may_pull: false } => {
                let message = "authentication required";
                Err(ApiError::new(StatusCode::UNAUTHORIZED, Code::Unauthorized, message))
            }
            _ => Ok(()),
        }
    }

    /// Tells those who watch that something was pushed to or deleted from a repository.
    pub(crate) fn changed(&self, repository: &Repository) {
        // Fails if nobody watches.
        let _ = self.changes.send(repository.clone());
    }
}

impl Call<'_> {
    pub(super) fn require(&self, repository: &Repository, right: Right) -> Result<(), ApiError> {
        self.app.require(self.access, &self.parts.headers, repository, right)
    }

    pub(super) fn header(&self, name: header::HeaderName) -> Option<&str> {
        text(&self.parts.headers, &name)
    }

    /// `Content-Length`, if it came.
    pub(super) fn declared_length(&self) -> Option<u64> {
        self.header(header::CONTENT_LENGTH).and_then(|text| text.parse().ok())
    }
}

pub(super) fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The right that a method needs; `None` if the end point does not have it.
fn right(method: &Method, route: &Route) -> Option<Right> {
    let is_read = method == Method::GET || method == Method::HEAD;
    match route {
        Route::Uploads(_) => (method == Method::POST).then_some(Right::Push),
        Route::Upload(..) => {
            let served = [Method::GET, Method::PATCH, Method::PUT, Method::DELETE];
            served.contains(method).then_some(Right::Push)
        }
        Route::Manifest(..) if method == Method::PUT => Some(Right::Push),
        Route::Manifest(..) | Route::Blob(..) if method == Method::DELETE => Some(Right::Admin),
        _ => is_read.then_some(Right::Pull),
    }
}

pub(super) fn not_allowed() -> ApiError {
    let message = "this end point does not have that method";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, Code::Unsupported, message)
}

fn base() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::HeaderName::from_static("docker-distribution-api-version"), "registry/2.0"),
    ];
    (headers, "{}").into_response()
}
