//! The listener: accepts connections, bounds them in number and time, and ends when it is told to.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header;
use axum::{Router, extract};
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::app::App;
use super::metrics::Metrics;
use super::protocol::{Io, Protocol, open};
use super::tls::{self, TlsError};
use crate::audit::AuditLog;
use crate::grpc;
use crate::options::Options;
use crate::store::Store;
use crate::validation::Validator;

/// How long requests may go on after the server was told to end.
const DRAIN: Duration = Duration::from_secs(10);
/// Repositories that may have changed before those who watch look at everything.
const CHANGES: usize = 1024;
/// Bytes of one stream of HTTP/2 that may be on their way.
const WINDOW: u32 = 1 << 20;
/// Streams of one connection of HTTP/2 that are open at once.
const STREAMS: u32 = 128;
/// Bytes of the headers of one request of HTTP/2.
const HEADER_BYTES: u32 = 16 << 10;
/// Pause after a connection that could not be accepted: mostly, there are no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a registry does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot start the WebAssembly engine: {0}")]
    Engine(#[from] invoker_engine::EngineError),
    #[error("cannot open the audit log: {0}")]
    Audit(#[source] io::Error),
    #[error("cannot serve gRPC reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    #[error("cannot serve TLS: {0}")]
    Tls(#[from] TlsError),
    #[error("cannot listen on {address}: {error}")]
    Listen { address: SocketAddr, error: io::Error },
}

/// A registry that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    app: Arc<App>,
    /// The gRPC interface.
    grpc: Router,
    tls: Option<Arc<ServerConfig>>,
}

impl Server {
    /// Listens on `address`; port 0 is any free one. Requests wait until [`Server::run`].
    pub async fn bind(address: SocketAddr, store: Store, options: Options) -> Result<Self, ServeError> {
        let failed = |error| ServeError::Listen { address, error };
        let audit = AuditLog::open(options.audit.as_deref()).map_err(ServeError::Audit)?;
        let tls = options.tls.as_ref().map(tls::config).transpose()?;
        let validator = Validator::new(&options.limits)?;
        let rate = App::limiter(options.limits.requests_per_second);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (changes, _) = broadcast::channel(CHANGES);
        let watches = Arc::new(Semaphore::new(options.limits.watches));
        let closing = CancellationToken::new();
        let metrics = Metrics::new(&store.stats);
        let app =
            Arc::new(App { store, validator, options, audit, rate, metrics, changes, watches, closing });
        let grpc = grpc::routes(&app).await?;
        Ok(Self { listener, address, app, grpc, tls })
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
            let (router, app) = (self.router(peer), Arc::clone(&self.app));
            let (tls, stop) = (self.tls.clone(), stop.clone());
            tasks.spawn(async move {
                connection(&app, router, tls, stream, peer, stop).await;
                drop(permit);
            });
        }
        self.app.closing.cancel();
        tasks.close();
        if tokio::time::timeout(DRAIN, tasks.wait()).await.is_err() {
            tracing::warn!(connections = tasks.len(), "connections are cut that did not end in time");
        }
    }

    /// What answers the requests of a connection.
    fn router(&self, peer: SocketAddr) -> Router {
        let (app, grpc) = (Arc::clone(&self.app), self.grpc.clone());
        let answer = move |mut request: extract::Request| async move {
            if let Some(host) = request.uri().authority().and_then(|host| host.as_str().parse().ok()) {
                // Where HTTP/1 has it.
                request.headers_mut().entry(header::HOST).or_insert(host);
            }
            let counted = Arc::clone(&app);
            let answer = |request| async move {
                if grpc::is_grpc(&request) {
                    grpc::answer(app, grpc, peer, request).await
                } else {
                    app.answer(peer, request).await
                }
            };
            counted.metrics.counted(request, answer).await
        };
        Router::new().fallback(answer)
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

async fn connection(
    app: &App,
    router: Router,
    tls: Option<Arc<ServerConfig>>,
    stream: TcpStream,
    peer: SocketAddr,
    stop: CancellationToken,
) {
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
    let opening = async {
        match tls {
            Some(tls) => {
                open(Box::new(TlsAcceptor::from(tls).accept(Box::pin(stream)).await?) as Box<dyn Io>).await
            }
            None => open(Box::new(Box::pin(stream)) as Box<dyn Io>).await,
        }
    };
    let opened = tokio::select! {
        () = stop.cancelled() => return,
        opened = tokio::time::timeout(idle, opening) => opened,
    };
    let ended = match opened {
        Err(_) => return,
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "a connection ended before its first request");
            return;
        }
        Ok(Ok((Protocol::Http1, io))) => http1(io, router, idle, &stop).await,
        Ok(Ok((Protocol::Http2, io))) => http2(io, router, idle, &stop).await,
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

async fn http1(
    io: impl Io,
    router: Router,
    idle: Duration,
    stop: &CancellationToken,
) -> Result<(), hyper::Error> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(idle);
    let serving = http.serve_connection(TokioIo::new(io), TowerToHyperService::new(router));
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        ended = serving.as_mut() => return ended,
        () = stop.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    serving.await
}

async fn http2(
    io: impl Io,
    router: Router,
    idle: Duration,
    stop: &CancellationToken,
) -> Result<(), hyper::Error> {
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new())
        .keep_alive_interval(idle)
        .keep_alive_timeout(idle)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW * 4)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_BYTES);
    let serving = http.serve_connection(TokioIo::new(io), TowerToHyperService::new(router));
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        ended = serving.as_mut() => return ended,
        () = stop.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    serving.await
}
