//! What the scripts answer, read.

use invoker_core::commit::{CommitId, Token};
use redis::Value;

use crate::state::{Answer, Applied, Take};

/// A token as the scripts compare it.
pub(super) fn token_text(token: Token) -> String {
    format!("{}.{:016x}", token.epoch, token.nonce)
}

pub(super) fn token(text: &str) -> Option<Token> {
    let (epoch, nonce) = text.split_once('.')?;
    Some(Token { epoch: epoch.parse().ok()?, nonce: u64::from_str_radix(nonce, 16).ok()? })
}

/// An id as the scripts compare it; nothing where there is none.
pub(super) fn id_text(id: Option<CommitId>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

/// Sequences of one width compare as text.
pub(super) fn sequence_text(sequence: u64) -> String {
    format!("{sequence:020}")
}

pub(super) fn positions_text(next: &[u64]) -> String {
    next.iter().map(u64::to_string).collect::<Vec<_>>().join(",")
}

/// The parts of an answer as text. `None` = it is no such answer.
fn parts(value: &Value) -> Option<Vec<&str>> {
    let Value::Array(parts) = value else { return None };
    parts.iter().map(text).collect()
}

pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}

/// The outer `None` = not readable.
fn applied(id: &str, next: &str) -> Option<Option<Applied>> {
    if id.is_empty() {
        return Some(None);
    }
    let next = next.split(',').filter(|position| !position.is_empty()).map(|position| position.parse().ok());
    Some(Some(Applied { id: id.parse().ok()?, next: next.collect::<Option<_>>()? }))
}

pub(super) fn answer(value: &Value) -> Option<Answer> {
    match parts(value)?.as_slice() {
        ["ok", ..] => Some(Answer::Ok),
        ["refused"] => Some(Answer::Refused),
        ["old"] => Some(Answer::RefusedOld),
        ["lost", id, next] => Some(Answer::StateLost { applied: applied(id, next)? }),
        _ => None,
    }
}

pub(super) fn finish(value: &Value) -> Option<Option<Option<Applied>>> {
    match parts(value)?.as_slice() {
        ["refused"] => Some(None),
        ["ok", id, next] => Some(Some(applied(id, next)?)),
        _ => None,
    }
}

pub(super) fn take(value: &Value) -> Option<Take> {
    match parts(value)?.as_slice() {
        ["moved"] => Some(Take::Moved),
        ["ok", owner, old, pending, id, next] => Some(Take::Taken {
            token: token(owner)?,
            old_ids: serde_json::from_str(old).ok()?,
            pending: pending
                .lines()
                .map(|line| line.split(' ').next()?.parse().ok())
                .collect::<Option<_>>()?,
            applied: applied(id, next)?,
        }),
        _ => None,
    }
}

/// Cursor and number of removed values of a sweep; the outer `None` = not readable, the inner = refused.
pub(super) fn swept(value: &Value) -> Option<Option<(String, usize)>> {
    match parts(value)?.as_slice() {
        ["refused"] => Some(None),
        ["ok", cursor, removed] => Some(Some(((*cursor).to_owned(), removed.parse().ok()?))),
        _ => None,
    }
}
