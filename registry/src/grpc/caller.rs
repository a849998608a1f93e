//! Who calls, and until when they wait.

use std::net::SocketAddr;
use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use tokio::time::Instant;
use tonic::Status;

use super::status;
use crate::auth::{Access, Right};
use crate::http::{ApiError, App, Code};
use crate::name::Repository;

/// Longest wait that can be asked for: as good as none.
const LONGEST: Duration = Duration::from_secs(365 * 86_400);

/// Who calls, and until when they wait.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(super) access: Access,
    pub(super) peer: SocketAddr,
    pub(super) headers: HeaderMap,
    pub(super) deadline: Option<Instant>,
}

impl Caller {
    pub(super) fn admit(app: &App, peer: SocketAddr, parts: &Parts) -> Result<Self, ApiError> {
        let access = app.admit(peer, parts)?;
        let wanted = parts.headers.get("grpc-timeout").map(|value| value.to_str().ok().and_then(timeout));
        let deadline = match wanted {
            None => None,
            Some(Some(timeout)) => Some(Instant::now() + timeout.min(LONGEST)),
            Some(None) => {
                let message = "grpc-timeout is not a number of at most 8 digits and one of H, M, S, m, u, n";
                return Err(ApiError::new(StatusCode::BAD_REQUEST, Code::Unsupported, message));
            }
        };
        Ok(Self { access, peer, headers: parts.headers.clone(), deadline })
    }

    /// Refuses what the caller may not do.
    pub(super) fn require(&self, app: &App, name: &Repository, right: Right) -> Result<(), ApiError> {
        app.require(&self.access, &self.headers, name, right)
    }

    /// A stream of answers that ends with the deadline, in an error.
    pub(super) fn in_time<T: Send + 'static>(
        &self,
        answers: impl Stream<Item = Result<T, Status>> + Send + 'static,
    ) -> BoxStream<'static, Result<T, Status>> {
        let Some(deadline) = self.deadline else { return answers.boxed() };
        let end = stream::once(async move { (Instant::now() >= deadline).then(|| Err(status::late())) });
        let answers = answers.take_until(tokio::time::sleep_until(deadline));
        answers.chain(end.filter_map(std::future::ready)).boxed()
    }
}

/// Reads a `grpc-timeout`: `100m` is a tenth of a second.
fn timeout(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let is_number = (1..=8).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    let number: u64 = if is_number { number.parse().ok()? } else { return None };
    match unit {
        "H" => Some(Duration::from_secs(number * 3600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_have_digits_and_a_unit() {
        assert_eq!(timeout("100m"), Some(Duration::from_millis(100)));
        assert_eq!(timeout("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(timeout("1n"), Some(Duration::from_nanos(1)));
        for wrong in ["", "m", "1", "+1S", "123456789S", "1s", "1ä", "-1S"] {
            assert_eq!(timeout(wrong), None, "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn answers_end_with_the_deadline_or_by_themselves() {
        let caller = |deadline| Caller {
            access: Access::Open,
            peer: ([127, 0, 0, 1], 1).into(),
            headers: HeaderMap::new(),
            deadline: Some(deadline),
        };
        let now = Instant::now();
        let late = caller(now).in_time(stream::pending::<Result<(), Status>>());
        let codes: Vec<_> = late.map(|answer| answer.map_err(|status| status.code())).collect().await;
        assert_eq!(codes, [Err(tonic::Code::DeadlineExceeded)]);
        let early = caller(now + LONGEST).in_time(stream::iter([Ok(1), Ok(2)]));
        assert_eq!(early.filter_map(|answer| async { answer.ok() }).collect::<Vec<_>>().await, [1, 2]);
    }
}
