//! Metrics of requests and of the store, as Prometheus reads them. Owns names and labels; labels take few values, whatever
//! clients send.

use std::fmt;
use std::future::Future;
use std::time::Instant;

use axum::body::Body;
use axum::http::{Request, Response, header};
use axum::response::IntoResponse;
use http_body_util::BodyExt;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::{api, login};
use crate::grpc;
use crate::store::Stats;

/// Where they are served.
pub(super) const PATH: &str = "/metrics";

/// Upper ends of the buckets of request times, seconds.
const BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0, 300.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    route: &'static str,
    /// Of HTTP, or the name of a code of gRPC.
    status: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabel {
    route: &'static str,
}

pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Labels, Counter>,
    seconds: Family<RouteLabel, Histogram>,
    received: Counter,
    sent: Counter,
    uploads: Gauge,
}

/// Something that goes on while this is held.
struct Held(Gauge);

impl Held {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub(super) fn new(stats: &Stats) -> Self {
        let mut registry = Registry::with_prefix("invoker_registry");
        let requests = Family::<Labels, Counter>::default();
        let seconds = Family::new_with_constructor((|| Histogram::new(BUCKETS)) as fn() -> Histogram);
        let (received, sent, uploads) = (Counter::default(), Counter::default(), Gauge::default());
        registry.register("requests", "Requests that were answered", requests.clone());
        registry.register("request_seconds", "Time until an answer begins", seconds.clone());
        registry.register("received_bytes", "Bytes of bodies that came", received.clone());
        registry.register("sent_bytes", "Bytes of bodies that went", sent.clone());
        registry.register("uploads_open", "Requests that bring blobs or components now", uploads.clone());
        let damaged = "Blobs and manifests that were found damaged when they were read";
        registry.register("blobs_damaged", damaged, stats.damaged.clone());
        registry.register("gc_runs", "Collections of garbage that ended", stats.collections.clone());
        registry.register("gc_blobs", "Blobs that were deleted as garbage", stats.collected_blobs.clone());
        registry.register("gc_bytes", "Bytes of those blobs", stats.collected_bytes.clone());
        registry.register("gc_uploads", "Uploads that were given up", stats.collected_uploads.clone());
        registry.register(
            "gc_records",
            "Records that lost what they were about",
            stats.collected_records.clone(),
        );
        let skipped = "Repositories that were left alone because a record cannot be read";
        registry.register("gc_skipped", skipped, stats.skipped.clone());
        Self { registry, requests, seconds, received, sent, uploads }
    }

    /// The answer to a request for them.
    pub(super) fn served(&self) -> Response<Body> {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        ([(header::CONTENT_TYPE, kind)], text).into_response()
    }

    /// Counts a request, its answer, and the bytes of both.
    pub(super) async fn counted<F: Future<Output = Response<Body>>>(
        &self,
        request: Request<Body>,
        answer: impl FnOnce(Request<Body>) -> F,
    ) -> Response<Body> {
        let start = Instant::now();
        let is_grpc = grpc::is_grpc(&request);
        let route = if is_grpc { grpc::method(request.uri().path()) } else { route(request.uri().path()) };
        let _open = matches!(route, "uploads" | "RegisterFunction").then(|| Held::new(&self.uploads));
        let received = self.received.clone();
        let response = answer(request.map(|body| metered(body, received))).await;
        let code = response.headers().get("grpc-status").map(|code| tonic::Code::from_bytes(code.as_bytes()));
        let status = match code {
            Some(code) => format!("{code:?}"),
            None if is_grpc => "Ok".to_owned(),
            None => response.status().as_str().to_owned(),
        };
        self.requests.get_or_create(&Labels { route, status }).inc();
        self.seconds.get_or_create(&RouteLabel { route }).observe(start.elapsed().as_secs_f64());
        let sent = self.sent.clone();
        response.map(|body| metered(body, sent))
    }
}

/// A body whose bytes are counted as they pass.
fn metered(body: Body, counter: Counter) -> Body {
    Body::new(body.inspect_frame(move |frame| {
        counter.inc_by(frame.data_ref().map_or(0, |data| data.len() as u64));
    }))
}

/// What a path of HTTP is about.
fn route(path: &str) -> &'static str {
    if api::is_api(path) {
        return "api";
    }
    match path {
        "/v2" | "/v2/" => return "base",
        "/v2/_catalog" => return "catalog",
        "/healthz" => return "healthz",
        PATH => return "metrics",
        login::PATH => return "token",
        _ => {}
    }
    let parts: Vec<&str> = path.split('/').rev().take(3).collect();
    match (path.starts_with("/v2/"), parts.as_slice()) {
        (true, ["list", "tags", ..]) => "tags",
        (true, ["" | "uploads", "uploads" | "blobs", ..] | [_, "uploads", "blobs"]) => "uploads",
        (true, [_, "blobs", ..]) => "blobs",
        (true, [_, "manifests", ..]) => "manifests",
        (true, [_, "referrers", ..]) => "referrers",
        _ => "other",
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_few_routes() {
        for (path, expected) in [
            ("/v2/", "base"),
            ("/v2/team/f/manifests/1.0.0", "manifests"),
            ("/v2/team/f/blobs/sha256:0", "blobs"),
            ("/v2/team/f/blobs/uploads/", "uploads"),
            ("/v2/team/f/blobs/uploads", "uploads"),
            ("/v2/team/f/blobs/uploads/0-1", "uploads"),
            ("/v2/team/f/tags/list", "tags"),
            ("/v2/team/f/referrers/sha256:0", "referrers"),
            ("/api/functions", "api"),
            ("/token", "token"),
            ("/x/blobs/y", "other"),
            ("/", "other"),
        ] {
            assert_eq!(route(path), expected, "{path}");
        }
    }
}
