//! The body of a request, bounded in time: one that comes too slowly ends with an error.

use std::time::Duration;

use axum::body::Body as HttpBody;
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use tokio::time::{Instant, timeout};

use super::error::{ApiError, Code};
use crate::options::Limits;
use crate::store::{Body, BodyError};

/// Most bytes over a limit that are read and thrown away.
const DRAINED: u64 = 16 << 20;

/// The bytes of a body as they come. `limits` says how slowly they may.
pub(crate) fn streamed<E: Into<BodyError> + Send + 'static>(
    body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
    limits: &Limits,
) -> Body {
    let (idle, speed) = (limits.idle, limits.body_bytes_per_second);
    let state = (body, Instant::now(), 0u64);
    stream::unfold(state, move |(mut body, start, came)| async move {
        let bytes = match timeout(idle, body.next()).await {
            Err(_) => Err(BodyError::Slow),
            Ok(None) => return None,
            Ok(Some(Err(error))) => Err(error.into()),
            Ok(Some(Ok(bytes))) => Ok(bytes),
        };
        let came = came + bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let bytes = if is_slow(start.elapsed(), idle, came, speed) { Err(BodyError::Slow) } else { bytes };
        Some((bytes, (body, start, came)))
    })
    .boxed()
}

fn is_slow(elapsed: Duration, idle: Duration, came: u64, speed: u64) -> bool {
    let counted = elapsed.saturating_sub(idle).as_secs();
    came < counted.saturating_mul(speed)
}

/// All of a body, at most `limit` bytes.
pub(super) async fn whole(mut body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let mut whole = Vec::new();
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(crate::StoreError::Body)?;
        if whole.len() + bytes.len() > limit {
            return Err(too_large(limit as u64));
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(whole.into())
}

/// The body of a request, unless it says of itself that it is larger than `limit`.
///
/// One that is not much too large is read to its end first: a client that sends without waiting would not see the answer.
pub(super) async fn admitted(
    body: HttpBody,
    declared: Option<u64>,
    limit: u64,
    limits: &Limits,
) -> Result<Body, ApiError> {
    let pieces = body.into_data_stream().map_err(|error| BodyError::Cut(error.to_string()));
    let mut body = streamed(pieces, limits);
    let Some(declared) = declared.filter(|declared| *declared > limit) else { return Ok(body) };
    if declared - limit <= DRAINED {
        while let Some(Ok(_)) = body.next().await {}
    }
    Err(too_large(limit))
}

fn too_large(limit: u64) -> ApiError {
    let message = format!(
        "more than {limit} bytes, which is the most that is taken\n\
         the registry bounds what one push may take\n\
         raise its limit, or push less"
    );
    ApiError::new(axum::http::StatusCode::PAYLOAD_TOO_LARGE, Code::SizeInvalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_may_pause_but_not_drip() {
        let second = Duration::from_secs(1);
        assert!(!is_slow(second * 30, second * 30, 0, 1024));
        assert!(!is_slow(second * 40, second * 30, 10 * 1024, 1024));
        assert!(is_slow(second * 40, second * 30, 10 * 1024 - 1, 1024));
    }
}
