//! Who may do what over gRPC, deadlines, health and reflection.

use std::time::Duration;

use futures_util::StreamExt;
use invoker_proto::registry::v1::{
    DeleteVersionRequest, GetFunctionRequest, ListFunctionsRequest, WatchRequest,
};
use invoker_registry::{Algorithm, Digest, Limits, Options, Tokens};
use tonic::{Code, Request};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServiceResponse};
use tonic_types::StatusExt;

use crate::client::{channel, client, component, messages, metadata, origin, with_secret};
use crate::registry::Registry;

/// `pusher` may push to `team`, `reader` pull from it.
fn options() -> Options {
    let token = |name: &str, right: &str| {
        let hash = Digest::of(Algorithm::Sha256, format!("{name}-secret").as_bytes());
        format!(
            "[[token]]\nname = \"{name}\"\nsha256 = \"{}\"\n\
             grants = [{{ namespace = \"team\", right = \"{right}\" }}]\n",
            hash.hex()
        )
    };
    let tokens = Tokens::read(&(token("pusher", "push") + &token("reader", "pull"))).unwrap();
    Options { tokens: Some(tokens), ..Options::default() }
}

fn get(name: &str) -> GetFunctionRequest {
    GetFunctionRequest { name: name.to_owned(), reference: "1.0.0".to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_are_those_of_the_oci_interface_and_the_audit_log_has_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit.jsonl");
    let registry = Registry::with(Options { audit: Some(audit.clone()), ..options() });
    let mut client = client(&registry);
    let push = |secret: &str, name: &str| {
        let parts = messages(metadata(name, "1.0.0"), &component(1, 0));
        with_secret(secret, futures_util::stream::iter(parts))
    };
    let done = client.register_function(push("pusher-secret", "team/f")).await.unwrap().into_inner();
    let refused = client.register_function(push("reader-secret", "team/g")).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert_eq!(refused.get_details_error_info().unwrap().reason, "DENIED");
    let refused = client.register_function(push("pusher-secret", "other/f")).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let refused = client.get_function(get("team/f")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let refused = client.get_function(with_secret("forged", get("team/f"))).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert!(client.get_function(with_secret("reader-secret", get("team/f"))).await.is_ok());
    let (name, reference) = ("team/f".to_owned(), "1.0.0".to_owned());
    let delete = DeleteVersionRequest { name, reference };
    let refused = client.delete_version(with_secret("pusher-secret", delete)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let refused = client.list_functions(ListFunctionsRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let refused = client.watch(WatchRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let lines = std::fs::read_to_string(audit).unwrap();
    let lines: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let digest = done.version.unwrap().digest;
    assert_eq!(lines[0]["digest"], digest.as_str());
    let shown = |line: &serde_json::Value| {
        let text = |field: &str| line[field].as_str().unwrap().to_owned();
        format!("{} {} {} {}", text("who"), text("method"), text("path"), line["status"])
    };
    let shown: Vec<String> = lines.iter().map(shown).collect();
    assert_eq!(
        shown,
        [
            "pusher RegisterFunction team/f:1.0.0 200",
            "reader RegisterFunction team/g:1.0.0 403",
            "pusher RegisterFunction other/f:1.0.0 403",
            "anonymous GetFunction team/f:1.0.0 401",
            "anonymous /invoker.registry.v1.FunctionRegistry/GetFunction  401",
            "pusher DeleteVersion team/f:1.0.0 403",
            "anonymous ListFunctions : 401",
            "anonymous Watch : 401",
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_calls_too_often_is_told_to_wait() {
    let limits = Limits { requests_per_second: Some(1), ..Limits::default() };
    let registry = Registry::with(Options { limits, ..Options::default() });
    let mut client = client(&registry);
    let mut refused = None;
    for _ in 0..3 {
        refused = client.list_functions(ListFunctionsRequest::default()).await.err().or(refused);
    }
    let refused = refused.unwrap();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_registry_keeps_the_deadline_of_a_call() {
    let registry = Registry::start();
    let mut client = client(&registry);
    let mut request = Request::new(WatchRequest::default());
    request.metadata_mut().insert("grpc-timeout", "200m".parse().unwrap());
    let mut answers = client.watch(request).await.unwrap().into_inner();
    let mut last = answers.next().await.unwrap();
    while let Some(answer) = answers.next().await {
        last = answer;
    }
    assert_eq!(last.unwrap_err().code(), Code::DeadlineExceeded);
    let first = messages(metadata("team/f", "1.0.0"), &component(1, 0)).into_iter().take(1);
    let endless = futures_util::stream::iter(first).chain(futures_util::stream::pending());
    let mut request = Request::new(endless);
    request.metadata_mut().insert("grpc-timeout", "200m".parse().unwrap());
    let late = client.register_function(request).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
    let mut request = Request::new(ListFunctionsRequest::default());
    request.metadata_mut().insert("grpc-timeout", "soon".parse().unwrap());
    assert_eq!(client.list_functions(request).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_client_stops_sending_is_let_go() {
    let limits = Limits { idle: Duration::from_millis(200), ..Limits::default() };
    let registry = Registry::with(Options { limits, ..Options::default() });
    let mut client = client(&registry);
    for sent in [0, 1, 2] {
        let parts = messages(metadata("team/f", "1.0.0"), &component(1, 30_000)).into_iter().take(sent);
        let endless = futures_util::stream::iter(parts).chain(futures_util::stream::pending());
        let refused = client.register_function(endless).await.unwrap_err();
        assert_eq!(refused.code(), Code::Aborted, "{sent}: {refused:?}");
    }
    assert!(client.list_functions(ListFunctionsRequest::default()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_the_limit_is_refused() {
    let registry = Registry::start();
    let mut client = client(&registry);
    let mut parts = messages(metadata("team/f", "1.0.0"), b"");
    let chunk = invoker_proto::registry::v1::register_function_request::Part::Chunk(vec![0; 5 << 20]);
    parts.push(invoker_proto::registry::v1::RegisterFunctionRequest { part: Some(chunk) });
    let refused = client.register_function(futures_util::stream::iter(parts)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(client.list_functions(ListFunctionsRequest::default()).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_reflection_answer_everybody() {
    let registry = Registry::with(options());
    let (channel, origin) = (channel(), origin(&registry));
    for service in ["", "invoker.registry.v1.FunctionRegistry"] {
        let request = HealthCheckRequest { service: service.to_owned() };
        let health = HealthClient::with_origin(channel.clone(), origin.clone()).check(request).await.unwrap();
        assert_eq!(health.into_inner().status(), ServingStatus::Serving, "{service}");
    }
    let asked = [
        MessageRequest::ListServices(String::new()),
        MessageRequest::FileContainingSymbol("google.rpc.BadRequest".to_owned()),
    ];
    let requests =
        asked.map(|asked| ServerReflectionRequest { host: String::new(), message_request: Some(asked) });
    let requests = futures_util::stream::iter(requests);
    let answers =
        ServerReflectionClient::with_origin(channel, origin).server_reflection_info(requests).await.unwrap();
    let answers: Vec<_> =
        answers.into_inner().map(|answer| answer.unwrap().message_response.unwrap()).collect().await;
    let MessageResponse::ListServicesResponse(list) = &answers[0] else { unreachable!("{answers:?}") };
    let name = "invoker.registry.v1.FunctionRegistry".to_owned();
    assert!(list.service.contains(&ServiceResponse { name }), "{list:?}");
    assert!(matches!(answers[1], MessageResponse::FileDescriptorResponse(_)), "{answers:?}");
}
