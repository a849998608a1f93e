//! The command line of a registry, for `invoker-registry` and for `invoker registry`: parse, open, serve.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::{CollectOptions, Collected, Limits, Namespace, Options, Server, Store, Tls, Tokens};

/// Grace period of what is collected by itself.
const DAY: Duration = Duration::from_secs(86_400);
/// Pause between two looks at the token file.
const FOLLOW: Duration = Duration::from_secs(2);

/// Why a registry does not run.
pub type CommandError = Box<dyn std::error::Error + Send + Sync>;

/// What a registry does.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Verb {
    /// Serves the OCI distribution API
    Serve(ServeArgs),
    /// Deletes blobs that nothing refers to, uploads that were given up, and files of writes that did not end
    Gc(GcArgs),
}

/// How garbage is collected.
#[derive(Clone, Debug, clap::Args)]
pub struct GcArgs {
    /// Folder that everything is kept in
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Seconds for which what is new is left alone: it may belong to a push that is not done
    #[arg(long, value_name = "SECONDS", default_value_t = DAY.as_secs())]
    grace: u64,
    /// Deletes nothing, and says what would be deleted
    #[arg(long)]
    dry_run: bool,
}

/// How a registry is served.
#[derive(Clone, Debug, clap::Args)]
pub struct ServeArgs {
    /// Folder that everything is kept in
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Address to listen on; port 0 is any free one
    #[arg(long, default_value = "127.0.0.1:5000")]
    listen: SocketAddr,
    /// File of tokens, read again when it changes; without it everybody may do everything
    #[arg(long, value_name = "FILE")]
    tokens: Option<PathBuf>,
    /// File of certificates in PEM, the server's own one first; without it there is no TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// File of the key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// File that lines of the audit log are appended to
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// Namespace in which a version may be pushed again with other content; may be given more than once
    #[arg(long, value_name = "NAMESPACE")]
    allow_overwrite: Vec<Namespace>,
    /// Serves /metrics to holders of tokens alone
    #[arg(long)]
    protect_metrics: bool,
    /// Seconds after which those who watch hear of changes that are made through another registry at the latest
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    watch_every: u64,
    /// Address that clients use, if it is not the one they ask for
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Largest blob, bytes
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().blob_bytes)]
    max_blob: u64,
    /// Requests per second of one client address; 0 is any number
    #[arg(long, value_name = "COUNT", default_value_t = 5000)]
    max_rate: u32,
    /// Seconds between two collections of garbage older than a day; 0 is never
    #[arg(long, value_name = "SECONDS", default_value_t = 21_600)]
    gc_every: u64,
}

/// Does what is asked; serves until SIGINT or SIGTERM.
pub fn run(verb: Verb) -> Result<(), CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match verb {
        Verb::Serve(args) => runtime.block_on(serve(args)),
        Verb::Gc(args) => runtime.block_on(collect(&args)),
    }
}

async fn collect(args: &GcArgs) -> Result<(), CommandError> {
    let options = CollectOptions { grace: Duration::from_secs(args.grace), dry_run: args.dry_run };
    collected(Store::folder(&args.store)?.collect_garbage(options).await?, args.dry_run);
    Ok(())
}

/// Collects garbage again and again; what fails is tried the next time.
async fn collect_every(store: Store, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        match store.collect_garbage(CollectOptions { grace: DAY, dry_run: false }).await {
            Ok(found) => collected(found, false),
            Err(error) => tracing::warn!(%error, "cannot collect garbage"),
        }
    }
}

fn collected(found: Collected, dry_run: bool) {
    tracing::info!(
        dry_run,
        blobs = found.blobs,
        blob_bytes = found.blob_bytes,
        uploads = found.uploads,
        records = found.records,
        files = found.files,
        skipped = found.skipped,
        "collected garbage"
    );
}

async fn serve(args: ServeArgs) -> Result<(), CommandError> {
    let limits = Limits {
        blob_bytes: args.max_blob,
        watch: Duration::from_secs(args.watch_every),
        requests_per_second: Some(args.max_rate).filter(|rate| *rate > 0),
        ..Limits::default()
    };
    let options = Options {
        limits,
        overwrite: args.allow_overwrite,
        tokens: args.tokens.as_deref().map(Tokens::file).transpose()?,
        tls: args.tls_cert.zip(args.tls_key).map(|(certificates, key)| Tls { certificates, key }),
        audit: args.audit,
        metrics_need_token: args.protect_metrics,
        public_url: args.public_url,
    };
    if let (Some(tokens), Some(path)) = (options.tokens.clone(), args.tokens) {
        tokio::spawn(async move { tokens.follow(&path, FOLLOW).await });
    }
    let store = Store::folder(&args.store)?;
    if args.gc_every > 0 {
        tokio::spawn(collect_every(store.clone(), Duration::from_secs(args.gc_every)));
    }
    let server = Server::bind(args.listen, store, options).await?;
    tracing::info!(address = %server.address(), store = %args.store.display(), "serving");
    let stop = CancellationToken::new();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let stopped = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        stopped.cancel();
    });
    server.run(stop).await;
    Ok(())
}
