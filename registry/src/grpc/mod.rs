//! The gRPC interface, on the port of the others. Owns who calls, until when, and how answers and errors look; what is done
//! is the business of `functions`.

mod caller;
mod download;
mod register;
mod service;
mod shapes;
mod status;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, header};
use invoker_proto::registry::v1::function_registry_server::FunctionRegistryServer;
use tonic::service::Routes;
use tower::ServiceExt;

use crate::http::App;
use caller::Caller;
use service::Service;

/// Most bytes of a message that comes: a chunk of 4 MiB and what is around it.
const MESSAGE_BYTES: usize = (4 << 20) + (64 << 10);

/// Whether a request is for this interface.
pub(crate) fn is_grpc<B>(request: &Request<B>) -> bool {
    let kind = request.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

/// The method that a path names.
pub(crate) fn method(path: &str) -> &'static str {
    const METHODS: [&str; 9] = [
        "RegisterFunction",
        "GetFunction",
        "ListFunctions",
        "ListVersions",
        "Resolve",
        "Download",
        "Deprecate",
        "DeleteVersion",
        "Watch",
    ];
    let name = path.strip_prefix("/invoker.registry.v1.FunctionRegistry/");
    METHODS.into_iter().find(|method| name == Some(method)).unwrap_or("other")
}

/// The services: functions, health, reflection. The last two answer everybody.
pub(crate) async fn routes(app: &Arc<App>) -> Result<Router, tonic_reflection::server::Error> {
    let functions =
        FunctionRegistryServer::new(Service::new(Arc::clone(app))).max_decoding_message_size(MESSAGE_BYTES);
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<FunctionRegistryServer<Service>>().await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(invoker_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            // With these, tools show the details of errors.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let routes = Routes::new(functions)
        .add_service(health)
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    Ok(routes.prepare().into_axum_router())
}

/// Answers a request: rate and token first, then the method, which ends with the caller's deadline.
pub(crate) async fn answer(
    app: Arc<App>,
    routes: Router,
    peer: SocketAddr,
    request: Request<Body>,
) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    let caller = match Caller::admit(&app, peer, &parts) {
        Ok(caller) => caller,
        Err(error) => {
            let path = parts.uri.path();
            app.audit_call(None, peer, path, "", None, error.status);
            return status::of(error).into_http();
        }
    };
    let deadline = caller.deadline;
    parts.extensions.insert(caller);
    let answer = routes.oneshot(Request::from_parts(parts, body));
    let answer = match deadline {
        None => answer.await,
        Some(deadline) => match tokio::time::timeout_at(deadline, answer).await {
            Ok(answer) => answer,
            Err(_) => return status::late().into_http(),
        },
    };
    match answer {
        Ok(response) => response,
        Err(never) => match never {},
    }
}
