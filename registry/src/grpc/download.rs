//! Download: the bytes of a component, from an offset.

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use invoker_proto::registry::v1::download_response::Part;
use invoker_proto::registry::v1::{DownloadRequest, DownloadResponse, DownloadStart};
use tonic::Status;

use super::caller::Caller;
use super::status;
use crate::auth::Right;
use crate::functions::{FunctionError, find};
use crate::http::{ApiError, App, Code};

/// Most bytes of one message.
const CHUNK: usize = 1 << 20;

pub(super) type Answers = BoxStream<'static, Result<DownloadResponse, Status>>;

pub(super) async fn start(
    app: &App,
    caller: &Caller,
    request: &DownloadRequest,
) -> Result<Answers, ApiError> {
    let name = FunctionError::read("name", &request.name)?;
    caller.require(app, &name, Right::Pull)?;
    let found = find(&app.store, &name, &request.reference).await?;
    let function = app.store.function_of(&name, &found.digest).await?;
    let (function, _) = function.ok_or_else(|| FunctionError::Foreign(request.name.clone()))?;
    let digest = function.component.digest;
    let size = app.store.blob_size(&name, &digest).await?;
    let offset = request.offset;
    if offset > size {
        let message = format!("`offset` is {offset}, and the component has {size} bytes");
        let status = axum::http::StatusCode::RANGE_NOT_SATISFIABLE;
        let error = ApiError::new(status, Code::SizeInvalid, message);
        return Err(ApiError { field: Some("offset"), ..error });
    }
    let content = match offset {
        0 => app.store.read_blob(&name, &digest).await?.content,
        _ if offset == size => stream::empty().boxed(),
        _ => app.store.read_blob_range(&name, &digest, offset..size).await?,
    };
    let start = DownloadStart {
        digest: found.digest.to_string(),
        component_digest: digest.to_string(),
        component_size: size,
    };
    let chunks = content.flat_map(|bytes| match bytes {
        Ok(bytes) => {
            let pieces: Vec<_> = bytes.chunks(CHUNK).map(|piece| Ok(Part::Chunk(piece.to_vec()))).collect();
            stream::iter(pieces)
        }
        Err(error) => stream::iter(vec![Err(status::of(error.into()))]),
    });
    let parts = stream::iter([Ok(Part::Start(start))]).chain(chunks);
    Ok(caller.in_time(parts.map(|part| part.map(|part| DownloadResponse { part: Some(part) }))))
}
