//! The listener: accepts connections, bounds them in number and time, and ends when it is told to.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router, extract};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::app::App;
use crate::audit::AuditLog;
use crate::options::Options;
use crate::store::Store;
use crate::validation::Validator;

/// How long requests may go on after the server was told to end.
const DRAIN: Duration = Duration::from_secs(10);
/// Pause after a connection that could not be accepted: mostly, there are no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a registry does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot start the WebAssembly engine: {0}")]
    Engine(#[from] invoker_engine::EngineError),
    #[error("cannot open the audit log: {0}")]
    Audit(#[source] io::Error),
    #[error("cannot listen on {address}: {error}")]
    Listen { address: SocketAddr, error: io::Error },
}

/// A registry that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
}

#[derive(Clone, Copy)]
struct Peer(SocketAddr);

impl Server {
    /// Listens on `address`; port 0 is any free one. Requests wait until [`Server::run`].
    pub async fn bind(address: SocketAddr, store: Store, options: Options) -> Result<Self, ServeError> {
        let failed = |error| ServeError::Listen { address, error };
        let audit = AuditLog::open(options.audit.as_deref()).map_err(ServeError::Audit)?;
        let validator = Validator::new(&options.limits)?;
        let rate = App::limiter(options.limits.requests_per_second);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, app: Arc::new(App { store, validator, options, audit, rate }) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`, then lets requests end within ten seconds.
    pub async fn run(self, stop: CancellationToken) {
        let connections = Arc::new(Semaphore::new(self.app.options.limits.connections));
        let tasks = TaskTracker::new();
        loop {
            let Some((stream, peer, permit)) = self.accept(&connections, &stop).await else { break };
            let (app, stop) = (Arc::clone(&self.app), stop.clone());
            tasks.spawn(async move {
                connection(app, stream, peer, stop).await;
                drop(permit);
            });
        }
        tasks.close();
        if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "connections are cut that did not end in time");
        }
    }

    /// The next connection, once there is room for it; `None` when told to stop.
    async fn accept(
        &self,
        connections: &Arc<Semaphore>,
        stop: &CancellationToken,
    ) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        loop {
            let next = async {
                let permit = Arc::clone(connections).acquire_owned().await.ok()?;
                Some((self.listener.accept().await, permit))
            };
            let (accepted, permit) = tokio::select! {
                () = stop.cancelled() => return None,
                next = next => next?,
            };
            match accepted {
                Ok((stream, peer)) => return Some((stream, peer, permit)),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

async fn connection(app: Arc<App>, stream: TcpStream, peer: SocketAddr, stop: CancellationToken) {
    let idle = app.options.limits.idle;
    // Without it small answers wait for the client's acknowledgement; a failure costs only time.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(idle));
    if let Some(rate) = &app.rate {
        // Addresses that were quiet for long need no memory.
        if rate.len() > 10_000 {
            rate.retain_recent();
        }
    }
    let service = TowerToHyperService::new(router(app, peer));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(idle);
    let serving = http.serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = stop.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

fn router(app: Arc<App>, peer: SocketAddr) -> Router {
    let answer = move |Extension(Peer(peer)): Extension<Peer>, request: extract::Request| {
        Arc::clone(&app).answer(peer, request)
    };
    Router::new().fallback(answer).layer(Extension(Peer(peer)))
}
