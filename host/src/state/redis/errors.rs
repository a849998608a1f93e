//! What went wrong with Redis, in our words: what may pass, and what somebody must mend.

use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::super::Error;

/// An error of the client while it tried to do `action`.
pub(super) fn failed(action: &'static str) -> impl Fn(RedisError) -> Error {
    move |error| {
        if error.is_timeout() {
            return Error::TimedOut { what: format!("Redis to {action}") };
        }
        Error::Backend { action, retryable: may_pass(&error), source: explained(error) }
    }
}

/// An answer that no version of ours gives.
pub(super) fn unexpected(action: &'static str, what: impl std::fmt::Display) -> Error {
    Error::Backend { action, retryable: false, source: format!("Redis gave {what}").into() }
}

/// A server that state cannot be trusted to.
pub(super) fn unfit(what: impl Into<String>) -> Error {
    Error::Backend { action: "check of Redis", retryable: false, source: what.into().into() }
}

/// Whether waiting may help.
fn may_pass(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Io | ErrorKind::ClusterConnectionNotFound => true,
        ErrorKind::Server(kind) => matches!(
            kind,
            ServerErrorKind::BusyLoading
                | ServerErrorKind::NoScript
                | ServerErrorKind::Moved
                | ServerErrorKind::Ask
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly
        ),
        _ => matches!(error.code(), Some("OOM" | "MISCONF" | "NOREPLICAS" | "BUSY" | "UNBLOCKED")),
    }
}

/// What the server says, and what to do about it where that can be said.
fn explained(error: RedisError) -> Box<dyn std::error::Error + Send + Sync> {
    let help = match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("WRONGPASS" | "NOAUTH")) => {
            "give the user and the password of Redis in its address"
        }
        (ErrorKind::Server(ServerErrorKind::NoPerm), _) => {
            "the user needs the commands EVALSHA, SCRIPT, HGET, HMGET, HSET, HDEL, HSCAN, ZADD, ZREM, ZRANGEBYLEX, \
             ZRANGEBYSCORE, GET, SET, SCAN, INFO and WAIT on keys that begin with the prefix"
        }
        (_, Some("OOM")) => "Redis is full: give it more memory, or the states a time-to-live",
        (_, Some("MISCONF")) => "Redis cannot save to its disk",
        _ => return Box::new(error),
    };
    format!("{error}; {help}").into()
}
