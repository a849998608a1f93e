//! How a registry is set up.

use std::path::PathBuf;
use std::time::Duration;

use crate::auth::Tokens;
use crate::name::Namespace;

/// How a registry is set up.
#[derive(Clone, Debug)]
pub struct Options {
    pub limits: Limits,
    /// Namespaces in which a version may be pushed again with other content.
    pub overwrite: Vec<Namespace>,
    /// Who may do what. `None` = everybody may do everything.
    pub tokens: Option<Tokens>,
    /// Certificate and key. `None` = without TLS.
    pub tls: Option<Tls>,
    /// Where lines of the audit log go. `None` = nowhere.
    pub audit: Option<PathBuf>,
    /// Whether `/metrics` is for holders of tokens alone.
    pub metrics_need_token: bool,
    /// Address that clients use, such as `https://registry.example.com`. `None` = `http://` or
    /// `https://` and what they ask for.
    pub public_url: Option<String>,
}

/// Files that TLS needs, in PEM.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Certificates, the server's own one first.
    pub certificates: PathBuf,
    pub key: PathBuf,
}

/// What clients may ask for.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Largest blob, bytes.
    pub blob_bytes: u64,
    /// Largest manifest, bytes.
    pub manifest_bytes: usize,
    /// Largest component of a function, bytes.
    pub component_bytes: u64,
    /// Time that a function may take to describe itself when it is pushed.
    pub describe: Duration,
    /// Requests that one client address may make per second. `None` = any number.
    pub requests_per_second: Option<u32>,
    /// Connections that are open at once; more wait.
    pub connections: usize,
    /// Longest time in which nothing comes from, or goes to, a client that is in the middle of something.
    pub idle: Duration,
    /// How soon those who watch hear of changes that are made through another process.
    pub watch: Duration,
    /// Callers that may watch at once.
    pub watches: usize,
    /// Least average speed of a request's body after the first `idle`, bytes per second.
    pub body_bytes_per_second: u64,
}

impl Default for Options {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            limits,
            overwrite: Vec::new(),
            tokens: None,
            tls: None,
            audit: None,
            metrics_need_token: false,
            public_url: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            blob_bytes: 1 << 30,
            manifest_bytes: 4 << 20,
            component_bytes: 64 << 20,
            describe: Duration::from_secs(5),
            requests_per_second: Some(5000),
            connections: 4096,
            idle: Duration::from_secs(30),
            watch: Duration::from_secs(5),
            watches: 256,
            body_bytes_per_second: 1024,
        }
    }
}
