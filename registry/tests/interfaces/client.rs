//! A client of the gRPC interface, and the usual way to register functions.

use std::time::Duration;

use axum::http::Uri;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use invoker_proto::registry::v1::function_registry_client::FunctionRegistryClient;
use invoker_proto::registry::v1::register_function_request::Part;
use invoker_proto::registry::v1::{
    FunctionVersion, GetFunctionRequest, RegisterFunctionRequest, RegisterMetadata, ResolveRequest,
};
use tonic::body::Body;
use tonic::metadata::MetadataValue;
use tonic::{Request, Status};

use crate::components::describing;
use crate::registry::Registry;

/// HTTP/2 and no more: what keeps deadlines is the registry.
pub type Channel = legacy::Client<HttpConnector, Body>;
pub type Client = FunctionRegistryClient<Channel>;

/// Long enough for what must come.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub fn channel() -> Channel {
    legacy::Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}

pub fn origin(registry: &Registry) -> Uri {
    format!("http://{}", registry.client.address).parse().unwrap()
}

pub fn client(registry: &Registry) -> Client {
    FunctionRegistryClient::with_origin(channel(), origin(registry))
}

/// A component that is unlike those of other numbers, of a bit more than `length` bytes.
pub fn component(number: usize, length: usize) -> Vec<u8> {
    let mut component =
        describing("", "(i32.const 1024)", &format!("(data (i32.const 4096) \"number {number}\")"));
    // A custom section: its size in seven-bit groups, its name, and what nobody reads.
    let mut size = length + 2;
    component.push(0);
    while size >= 0x80 {
        component.push(size as u8 | 0x80);
        size >>= 7;
    }
    component.push(size as u8);
    component.extend_from_slice(b"\x01x");
    component.resize(component.len() + length, b'x');
    component
}

pub fn metadata(name: &str, tag: &str) -> RegisterMetadata {
    RegisterMetadata { name: name.to_owned(), tag: tag.to_owned(), ..RegisterMetadata::default() }
}

pub fn messages(metadata: RegisterMetadata, component: &[u8]) -> Vec<RegisterFunctionRequest> {
    let chunks = component.chunks(10_000).map(|chunk| Part::Chunk(chunk.to_vec()));
    let parts = std::iter::once(Part::Metadata(metadata)).chain(chunks);
    parts.map(|part| RegisterFunctionRequest { part: Some(part) }).collect()
}

pub async fn register(
    client: &mut Client,
    metadata: RegisterMetadata,
    component: &[u8],
) -> Result<FunctionVersion, Status> {
    let messages = futures_util::stream::iter(messages(metadata, component));
    Ok(client.register_function(messages).await?.into_inner().version.unwrap())
}

pub async fn get(client: &mut Client, name: &str, reference: &str) -> Result<FunctionVersion, Status> {
    let request = GetFunctionRequest { name: name.to_owned(), reference: reference.to_owned() };
    Ok(client.get_function(request).await?.into_inner().version.unwrap())
}

/// Tag and digest.
pub async fn resolve(client: &mut Client, name: &str, reference: &str) -> Result<(String, String), Status> {
    let request = ResolveRequest { name: name.to_owned(), reference: reference.to_owned() };
    let found = client.resolve(request).await?.into_inner();
    Ok((found.tag, found.digest))
}

/// A request with the secret of a token.
pub fn with_secret<T>(secret: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let value: MetadataValue<_> = format!("Bearer {secret}").parse().unwrap();
    request.metadata_mut().insert("authorization", value);
    request
}
