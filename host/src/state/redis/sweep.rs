//! Values that expired are removed, a few rows at a time: the set of the hashes that hold expiries is gone through, and
//! each hash with HSCAN. The script that removes looks at the values as they are then, under the owner's token.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use invoker_core::commit::Token;
use redis::Value;

use super::answers::{swept, text, token_text};
use super::batch::Batch;
use super::exchange::Call;
use super::read::unreadable;
use super::{RedisState, scripts};
use crate::state::{Error, Scope, Swept};

/// Hashes that one round trip looks at.
const HASHES: usize = 16;
/// Names of hashes that are read at once, about.
const NAMES: usize = 64;

/// How far a sweep of a scope has come.
#[derive(Debug, Default)]
struct Place {
    /// Names of hashes and where to go on in them.
    hashes: VecDeque<(Vec<u8>, String)>,
    /// Where to go on in the names; `None` = at the start, or all have been read.
    cursor: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Places(Mutex<HashMap<Scope, Place>>);

impl Places {
    fn take(&self, scope: &Scope) -> Place {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(scope).unwrap_or_default()
    }

    fn keep(&self, scope: &Scope, place: Place) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(scope.clone(), place);
    }
}

impl RedisState {
    pub(super) fn sweep_rows(
        &self,
        scope: &Scope,
        token: Token,
        before: i64,
        rows: usize,
    ) -> Result<Swept, Error> {
        let mut place = self.swept.take(scope);
        if place.hashes.is_empty() {
            self.next_hashes(scope, &mut place)?;
        }
        let Some(removed) = self.remove(scope, token, before, rows, &mut place)? else {
            return Ok(Swept { removed: 0, at_end: true });
        };
        let at_end = place.hashes.is_empty() && place.cursor.is_none();
        if !at_end {
            self.swept.keep(scope, place);
        }
        Ok(Swept { removed, at_end })
    }

    fn next_hashes(&self, scope: &Scope, place: &mut Place) -> Result<(), Error> {
        let names = self.names(scope);
        let mut command = redis::cmd("SSCAN");
        let at = place.cursor.take().unwrap_or_else(|| "0".into());
        command.arg(names.key("ttl")).arg(at).arg("COUNT").arg(NAMES);
        let mut batch = Batch::default();
        batch.push(names.slot, &command);
        let answers = self.nodes.run(Call::read("sweep state"), &batch)?;
        let broken = || unreadable(scope, "sweep state", &format!("{answers:?}"));
        let [Value::Array(parts)] = answers.as_slice() else { return Err(broken()) };
        let [next, Value::Array(found)] = parts.as_slice() else { return Err(broken()) };
        for name in found {
            let Value::BulkString(name) = name else { return Err(broken()) };
            place.hashes.push_back((name.clone(), "0".into()));
        }
        place.cursor = text(next).filter(|next| *next != "0").map(str::to_owned);
        Ok(())
    }

    /// `None` = refused.
    fn remove(
        &self,
        scope: &Scope,
        token: Token,
        before: i64,
        rows: usize,
        place: &mut Place,
    ) -> Result<Option<usize>, Error> {
        let names = self.names(scope);
        let hashes: Vec<_> = place.hashes.drain(..place.hashes.len().min(HASHES).min(rows.max(1))).collect();
        let rows_each = (rows / hashes.len().max(1)).max(1);
        let mut batch = Batch::default();
        for (hash, cursor) in &hashes {
            let mut command = scripts::SWEEP.call(&[&names.control(), &names.pending(), &names.key("ttl")]);
            command.arg(token_text(token)).arg(hash).arg(cursor).arg(rows_each).arg(before);
            batch.push(names.slot, &command);
        }
        // What comes back with a lost server has still expired, so no replica is waited for.
        let answers = self.nodes.run(Call::read("sweep state"), &batch)?;
        let mut removed = 0;
        for ((hash, _), answer) in hashes.into_iter().zip(&answers) {
            match swept(answer).ok_or_else(|| unreadable(scope, "sweep state", &format!("{answer:?}")))? {
                None => return Ok(None),
                Some((cursor, count)) => {
                    removed += count;
                    if cursor != "0" {
                        place.hashes.push_back((hash, cursor));
                    }
                }
            }
        }
        Ok(Some(removed))
    }
}
