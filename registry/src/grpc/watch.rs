//! Watch: changes of a namespace as they are seen, until the caller or its token ends.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::http::StatusCode;
use futures_util::stream;
use futures_util::stream::BoxStream;
use invoker_proto::registry::v1::watch_response::Kind as Shown;
use invoker_proto::registry::v1::{WatchRequest, WatchResponse};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::time::{Interval, MissedTickBehavior};
use tonic::Status;

use super::caller::Caller;
use super::status;
use crate::auth::Right;
use crate::functions::{Change, FunctionError, Kind, Watch};
use crate::http::{ApiError, App, Code};
use crate::name::{Namespace, Repository};

pub(super) type Answers = BoxStream<'static, Result<WatchResponse, Status>>;

/// A caller that watches.
struct Watching {
    app: Arc<App>,
    caller: Caller,
    watch: Watch,
    /// Repositories that were changed through this process.
    changed: Receiver<Repository>,
    ticks: Interval,
    /// What was seen and is not told yet.
    untold: VecDeque<WatchResponse>,
    _place: OwnedSemaphorePermit,
}

pub(super) async fn start(
    app: &Arc<App>,
    caller: &Caller,
    request: &WatchRequest,
) -> Result<Answers, ApiError> {
    app.require_reader(&caller.access)?;
    let namespace: Option<Namespace> = match request.namespace.as_str() {
        "" => None,
        text => Some(FunctionError::read("namespace", text)?),
    };
    let place = Arc::clone(&app.watches).try_acquire_owned().map_err(|_| {
        let message = "too many callers watch already; try again later, or ask another replica";
        ApiError::new(StatusCode::TOO_MANY_REQUESTS, Code::TooManyRequests, message)
    })?;
    // Before the first look, so that no change falls between.
    let changed = app.changes.subscribe();
    let mut watch = Watch::new(app.store.clone(), namespace);
    let existing = watch.look(|name| caller.access.check(name, Right::Pull).is_ok()).await?;
    let mut untold = VecDeque::new();
    if request.include_existing {
        untold.extend(existing.into_iter().map(|change| told(Shown::Existing, change)));
    }
    untold.push_back(WatchResponse { kind: Shown::Ready.into(), ..WatchResponse::default() });
    let mut ticks = tokio::time::interval(app.options.limits.watch);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.reset();
    let (app, by) = (Arc::clone(app), caller.clone());
    let watching = Watching { app, caller: by, watch, changed, ticks, untold, _place: place };
    let answers = stream::unfold(Some(watching), |watching| async {
        let mut watching = watching?;
        match watching.next().await {
            Ok(answer) => Some((Ok(answer), Some(watching))),
            Err(error) => Some((Err(status::of(error)), None)),
        }
    });
    Ok(caller.in_time(answers))
}

impl Watching {
    async fn next(&mut self) -> Result<WatchResponse, ApiError> {
        loop {
            if let Some(answer) = self.untold.pop_front() {
                return Ok(answer);
            }
            let one = tokio::select! {
                () = self.app.closing.cancelled() => return Err(closing()),
                _ = self.ticks.tick() => None,
                changed = self.changed.recv() => match changed {
                    Ok(name) => Some(name),
                    Err(RecvError::Lagged(_)) => None,
                    Err(RecvError::Closed) => return Err(closing()),
                },
            };
            // Rights may have ended since the last look.
            let access = self.app.access(&self.caller.headers)?;
            self.app.require_reader(&access)?;
            let is_seen = |name: &Repository| access.check(name, Right::Pull).is_ok();
            let changes = match one {
                Some(name) => self.watch.look_at(&name, is_seen).await?,
                None => self.watch.look(is_seen).await?,
            };
            self.untold.extend(changes.into_iter().map(|change| told(kind(change.kind), change)));
        }
    }
}

fn kind(kind: Kind) -> Shown {
    match kind {
        Kind::New => Shown::New,
        Kind::Moved => Shown::Moved,
        Kind::Deleted => Shown::Deleted,
    }
}

fn told(kind: Shown, change: Change) -> WatchResponse {
    let text = |digest: Option<crate::Digest>| digest.map(|digest| digest.to_string()).unwrap_or_default();
    WatchResponse {
        kind: kind.into(),
        name: change.name.to_string(),
        tag: change.tag.to_string(),
        digest: text(change.digest),
        previous_digest: text(change.previous),
    }
}

fn closing() -> ApiError {
    let message = "the registry ends; watch again, at another replica or when it is back";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, Code::Unsupported, message)
}
