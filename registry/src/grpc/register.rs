//! RegisterFunction: from a stream of messages to a push.

use axum::http::StatusCode;
use bytes::Bytes;
use futures_util::StreamExt;
use invoker_proto::registry::v1::register_function_request::Part;
use invoker_proto::registry::v1::{FunctionVersion, RegisterFunctionRequest, RegisterMetadata};
use tonic::{Status, Streaming};

use super::caller::Caller;
use super::shapes;
use crate::auth::Right;
use crate::functions::{FunctionError, Registration, register, version};
use crate::http::{ApiError, App, Code, streamed};
use crate::name::{NameError, Repository, Tag};
use crate::store::BodyError;

/// The metadata, which come first.
pub(super) async fn metadata(
    app: &App,
    messages: &mut Streaming<RegisterFunctionRequest>,
) -> Result<RegisterMetadata, ApiError> {
    let first = tokio::time::timeout(app.options.limits.idle, messages.message());
    let first = first.await.map_err(|_| crate::StoreError::Body(BodyError::Slow))?;
    match first.map_err(cut)?.and_then(|message| message.part) {
        Some(Part::Metadata(metadata)) => Ok(metadata),
        _ => Err(FunctionError::field("metadata", "is missing: it is the first message").into()),
    }
}

/// Stores what comes.
pub(super) async fn store(
    app: &App,
    caller: &Caller,
    metadata: RegisterMetadata,
    messages: Streaming<RegisterFunctionRequest>,
) -> Result<FunctionVersion, ApiError> {
    let name: Repository = FunctionError::read("metadata.name", &metadata.name)?;
    caller.require(app, &name, Right::Push)?;
    let tag: Tag = FunctionError::read("metadata.tag", &metadata.tag)?;
    let tags: Vec<Tag> = metadata
        .tags
        .iter()
        .map(|tag| FunctionError::read("metadata.tags", tag))
        .collect::<Result<_, _>>()?;
    let digest = match metadata.component_digest.as_str() {
        "" => None,
        text => Some(text.parse().map_err(|error| FunctionError::Name {
            field: "metadata.component_digest",
            error: NameError::Digest(error),
        })?),
    };
    let registration = Registration {
        name: &name,
        tag: &tag,
        tags: &tags,
        digest,
        size: metadata.component_size,
        annotations: metadata.annotations.into_iter().collect(),
        overwrite: app.options.overwrite.iter().any(|namespace| namespace.covers(&name)),
        validator: &app.validator,
        limit: app.options.limits.component_bytes,
    };
    let chunks =
        messages.map(|message| match message.map_err(|status| BodyError::Cut(status.to_string()))?.part {
            Some(Part::Chunk(chunk)) => Ok(Bytes::from(chunk)),
            _ => Err(BodyError::Form("a message behind the first has no `chunk`")),
        });
    let body = streamed(chunks, &app.options.limits);
    let found = register(&app.store, &registration, body).await.map_err(|error| of_bytes(error.into()))?;
    app.changed(&name);
    Ok(shapes::version(version(&app.store, &name, &found).await?))
}

/// What is wrong with the bytes, if nothing else is to blame.
fn of_bytes(error: ApiError) -> ApiError {
    let is_wrong = [StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE].contains(&error.status);
    let field = error.field.or(is_wrong.then_some("chunk"));
    ApiError { field, ..error }
}

fn cut(status: Status) -> ApiError {
    ApiError::new(StatusCode::BAD_REQUEST, Code::BlobUploadInvalid, status.message().to_owned())
}
