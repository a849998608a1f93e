//! Why a Redis cannot be used or did not do what it was asked: one line each, of what is wrong and what helps.

use redis::{RedisError, ServerError};

use super::names;
use crate::state::Error;

#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error(
        "no address of a redis is given; write redis://[user:password@]host[:port], or rediss:// for TLS"
    )]
    NoAddress,
    #[error(
        "{address:?} is not the address of a redis ({why}); write redis://[user:password@]host[:port], or rediss:// for TLS"
    )]
    Address { address: String, why: String },
    #[error("prefix {0:?} cannot stand in front of keys; use letters, digits and `-._:`")]
    Prefix(String),
    #[error(
        "a certificate authority is given for redis {server}, whose address is without TLS; write rediss://"
    )]
    CaWithoutTls { server: String },
    #[error("the certificate authority for redis {server} cannot be used ({why}); give a certificate in PEM")]
    Ca { server: String, why: String },
    #[error("database {database} is asked for of redis {server}, and a cluster has none but 0; leave it out")]
    Database { server: String, database: i64 },
    #[error("redis {server} refuses the user and password; check those in its address")]
    Password { server: String },
    #[error("redis {server} asks for a password; write redis://user:password@host:port")]
    NoPassword { server: String },
    #[error(
        "redis {server} does not let this user do what state needs ({why}); grant the rights in docs/state-in-redis.md"
    )]
    NotAllowed { server: String, why: String },
    #[error("redis {server} has version {found}, and state needs 7.0; use a newer Redis, or Valkey")]
    TooOld { server: String, found: String },
    #[error(
        "redis {server} throws keys away when it is full (maxmemory-policy {policy:?}); set maxmemory-policy noeviction"
    )]
    Evicts { server: String, policy: String },
    #[error("redis {server} is a replica, and state is kept on a primary; give the address of its primary")]
    Replica { server: String },
    #[error(
        "redis {server} belongs to a cluster, and `cluster` is false; leave `cluster` out or set it to true"
    )]
    InCluster { server: String },
    #[error(
        "redis {server} is no node of a cluster, and `cluster` is true; leave `cluster` out or set it to false"
    )]
    NotInCluster { server: String },
    #[error(
        "TLS with redis {server} failed ({why}); check the certificate authority, the host name, and that the port is one for TLS"
    )]
    Tls { server: String, why: String },
    #[error("redis {server} does not answer to TLS in time; check that the port is one for TLS")]
    NoTls { server: String },
    #[error("redis {server} closes the connection at once; where the port is one for TLS, write rediss://")]
    HungUp { server: String },
    #[error("redis {server} is full ({why}); give it more memory")]
    Full { server: String, why: String },
    #[error("redis {server} cannot answer now ({why})")]
    NotNow { server: String, why: String },
    #[error("no node of the cluster has slot {slot}")]
    NoNode { slot: u16 },
    #[error("redis {server} cannot be reached")]
    Unreachable {
        server: String,
        #[source]
        source: RedisError,
    },
    #[error("redis {server} did not answer in time")]
    TimedOut { server: String },
    #[error("redis {server} wrote it, but only {found} of {wanted} replicas have it")]
    TooFewReplicas { server: String, wanted: u32, found: i64 },
    #[error("{what} in redis {server}")]
    Damaged { server: String, scope: String, what: String },
    #[error("redis {server} answered {answer:?}")]
    Answer { server: String, answer: String },
}

/// What is to be done about an error that a server answered.
pub(super) enum Remedy {
    /// The scripts are not there (any more).
    LoadScripts,
    /// The slot lies elsewhere.
    LookAgain(Problem),
    /// The server at this address has what this command needs, and will have the slot.
    Ask(String),
    Wait(Problem),
    None(Problem),
}

impl Problem {
    pub(super) fn connection(server: &str, tls: bool, source: RedisError) -> Self {
        let server = server.to_owned();
        if source.kind() == redis::ErrorKind::AuthenticationFailed {
            return Self::Password { server };
        }
        if source.is_timeout() {
            return Self::TimedOut { server };
        }
        if let Some(answer) = source.code().map(str::to_owned) {
            let why = source.detail().unwrap_or_default().to_owned();
            return match answer.as_str() {
                "NOAUTH" => Self::NoPassword { server },
                "NOPERM" => Self::NotAllowed { server, why },
                "LOADING" | "MASTERDOWN" => Self::NotNow { server, why },
                _ => Self::Answer { server, answer: format!("{answer} {why}") },
            };
        }
        if tls && !source.is_connection_refusal() && !source.is_connection_dropped() {
            return Self::Tls { server, why: source.to_string() };
        }
        Self::Unreachable { server, source }
    }

    pub(super) fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Full { .. }
                | Self::NoTls { .. }
                | Self::HungUp { .. }
                | Self::NotNow { .. }
                | Self::NoNode { .. }
                | Self::Unreachable { .. }
                | Self::TimedOut { .. }
                | Self::TooFewReplicas { .. }
        )
    }

    pub(super) fn into_error(self, action: &'static str) -> Error {
        match self {
            Self::TimedOut { server } => Error::TimedOut { what: format!("redis {server} to {action}") },
            Self::Damaged { scope, what, .. } => Error::Damaged { scope, what },
            problem => {
                Error::Backend { action, retryable: problem.is_retryable(), source: Box::new(problem) }
            }
        }
    }
}

impl Remedy {
    pub(super) fn of(error: &ServerError, server: &str, prefix: &str) -> Self {
        let server = server.to_owned();
        let why = format!("{} {}", error.code(), error.details().unwrap_or_default());
        match error.code() {
            "NOSCRIPT" => Self::LoadScripts,
            "MOVED" => Self::LookAgain(Problem::NotNow { server, why }),
            "ASK" => match RedisError::from(error.clone()).redirect_node() {
                Some((address, _)) => Self::Ask(address.to_owned()),
                None => Self::Wait(Problem::NotNow { server, why }),
            },
            // A primary that has become a replica.
            "READONLY" | "CLUSTERDOWN" | "MASTERDOWN" => Self::LookAgain(Problem::NotNow { server, why }),
            "TRYAGAIN" | "LOADING" | "BUSY" | "MISCONF" | "NOREPLICAS" => {
                Self::Wait(Problem::NotNow { server, why })
            }
            "OOM" => Self::None(Problem::Full { server, why }),
            "NOPERM" => Self::None(Problem::NotAllowed { server, why }),
            "NOAUTH" => Self::None(Problem::NoPassword { server }),
            "DAMAGED" => {
                let text = error.details().unwrap_or_default();
                let (key, what) = text.split_once(' ').unwrap_or(("", text));
                let scope = names::scope_of(prefix, key).map_or(key.to_owned(), |scope| scope.to_string());
                let what = what.split(" script: ").next().unwrap_or(what).to_owned();
                Self::None(Problem::Damaged { server, scope, what })
            }
            // How versions say that the user of a script lacks a right.
            _ if why.contains("The user executing the script") || why.contains("ACL failure") => {
                Self::None(Problem::NotAllowed { server, why })
            }
            // The slot of the script's keys is on its way, and some have gone ahead.
            _ if why.contains("non local key") => Self::Wait(Problem::NotNow { server, why }),
            _ => Self::None(Problem::Answer { server, answer: why }),
        }
    }
}
