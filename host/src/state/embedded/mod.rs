//! Keyed state in the embedded database.
//!
//! Owns: the [`StateStore`] over [`Database`], from the delivery protocol's steps to the layout of keys. Knows nothing
//! of the log, except that it may share its journal.
//!
//! * **Order**: each scope has a lock; steps and reads of one scope take effect one after another.
//! * **Atomic**: a step is computed first and written as one batch, so that a crash leaves it done or not begun.
//! * **Durability** depends on the [`Journal`]. On a shared one, nothing here syncs: batches take effect in one order,
//!   a crash takes away a tail of it, and the log's commit, which follows a stage and is synced, takes the stage with
//!   it to disk. On a journal of its own each step that a commit of the log may rely on is synced before it answers; a
//!   promotion alone is not, for what it promoted still waits beside the state.
//! * **Pending changes** are kept in memory too, so that promoting them reads nothing back.

mod control;
mod layout;
mod read;
mod rows;
mod scopes;
mod steps;
mod sweep;
mod walk;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::ControlFlow;

use invoker_core::commit::{CommitId, Token};

use super::{
    Answer, Applied, Apply, Error, Item, Meta, Page, Read, Scan, Scope, Stage, StateStore, Swept, Take,
    Values, Walk,
};
use crate::db::{self, Batch, Database, Space, Value};
use control::{Control, FORMAT};
use scopes::Scopes;

/// Whose journal the database writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journal {
    /// The embedded log's too: its synced commits make everything before them durable.
    Shared,
    /// This state's alone: what must be durable is synced here.
    Own,
}

/// See the module's words.
#[derive(Debug)]
pub struct EmbeddedState {
    db: Database,
    live: Space,
    pending: Space,
    control: Space,
    journal: Journal,
    scopes: Scopes,
}

/// A scope in memory.
#[derive(Debug, Default)]
struct Open {
    control: Control,
    /// Rows of pending stages by their place; those staged by an earlier process are in the database only.
    rows: HashMap<u64, Value>,
    /// Where the next sweep goes on.
    swept_to: Vec<u8>,
}

fn failed(action: &'static str) -> impl FnOnce(db::Error) -> Error {
    move |source| Error::Backend { action, retryable: source.is_retryable(), source: Box::new(source) }
}

fn damaged(scope: &Scope, what: impl Into<String>) -> Error {
    Error::Damaged { scope: scope.to_string(), what: what.into() }
}

impl EmbeddedState {
    /// Reads the record of every scope; one that a newer version wrote is refused.
    pub fn open(db: Database, journal: Journal) -> Result<Self, Error> {
        let space = |name: &str| db.space(name).map_err(failed("open the state"));
        let (live, pending, control) =
            (space("state.live")?, space("state.pending")?, space("state.control")?);
        let scopes = Scopes::load(&control)?;
        Ok(Self { db, live, pending, control, journal, scopes })
    }
}

impl StateStore for EmbeddedState {
    fn owner(&self, scope: &Scope) -> Result<Option<Token>, Error> {
        Ok(scopes::lock(&self.scopes.get(scope)).control.owner)
    }

    fn take(
        &self,
        scope: &Scope,
        nonce: u64,
        transactional_id: &str,
        seen: Option<Token>,
    ) -> Result<Take, Error> {
        let open = self.scopes.get(scope);
        let mut open = scopes::lock(&open);
        if open.control.owner.is_none_or(|owner| owner.nonce != nonce) {
            let Some(mut control) = open.control.take(nonce, transactional_id, seen) else {
                return Ok(Take::Moved);
            };
            if control.number == 0 {
                control.number = self.scopes.next_number();
            }
            self.write(scope, &mut open, control, Batch::new(), true)?;
        }
        let control = &open.control;
        Ok(match control.owner {
            None => Take::Moved,
            Some(token) => Take::Taken {
                token,
                old_ids: control.old_ids.clone(),
                pending: control.pending.iter().map(|pending| pending.id).collect(),
                applied: control.applied.clone(),
            },
        })
    }

    fn raise(&self, scope: &Scope, token: Token, epoch: u64) -> Result<Answer, Error> {
        self.update(scope, |control| {
            let mut next = (control.check(token) == Answer::Ok).then(|| control.clone())?;
            next.owner = Some(Token { epoch, ..token });
            Some(next)
        })
    }

    fn finish(
        &self,
        scope: &Scope,
        token: Token,
        committed: Option<CommitId>,
    ) -> Result<Option<Option<Applied>>, Error> {
        let open = self.scopes.get(scope);
        let mut open = scopes::lock(&open);
        let Some(step) = open.control.finish(token, committed) else { return Ok(None) };
        self.write_step(scope, &mut open, step, None, true)?;
        Ok(Some(open.control.applied.clone()))
    }

    fn stage(&self, stages: &[Stage<'_>]) -> Result<Vec<Answer>, Error> {
        stages.iter().map(|stage| self.stage_one(stage)).collect()
    }

    fn promote(&self, promotes: &[(&Scope, Token, CommitId)]) -> Result<Vec<Answer>, Error> {
        promotes.iter().map(|&(scope, token, committed)| self.promote_one(scope, token, committed)).collect()
    }

    fn check(&self, checks: &[(&Scope, Token)]) -> Result<Vec<Answer>, Error> {
        let check =
            |&(scope, token): &(&Scope, Token)| scopes::lock(&self.scopes.get(scope)).control.check(token);
        Ok(checks.iter().map(check).collect())
    }

    fn apply(&self, applies: &[Apply<'_>]) -> Result<Vec<Answer>, Error> {
        applies.iter().map(|apply| self.apply_one(apply)).collect()
    }

    fn release(&self, scope: &Scope, token: Token) -> Result<Answer, Error> {
        self.update(scope, |control| control.release(token))
    }

    fn read(&self, reads: &[Read<'_>]) -> Result<Vec<Values>, Error> {
        reads.iter().map(|read| self.read_one(read)).collect()
    }

    fn scan(&self, scan: Scan<'_>) -> Result<Page, Error> {
        self.scan_page(scan)
    }

    fn meta(&self, scope: &Scope) -> Result<Option<Meta>, Error> {
        let meta = scopes::lock(&self.scopes.get(scope)).control.meta.clone();
        match meta {
            Some(meta) if meta.format > FORMAT.into() => {
                Err(Error::NewerFormat { scope: scope.to_string(), found: meta.format, known: FORMAT.into() })
            }
            meta => Ok(meta),
        }
    }

    fn set_meta(&self, scope: &Scope, token: Token, meta: &Meta) -> Result<Answer, Error> {
        self.update(scope, |control| {
            let mut next = (control.check(token) == Answer::Ok).then(|| control.clone())?;
            next.meta = Some(meta.clone());
            Some(next)
        })
    }

    fn scopes(&self) -> Result<Vec<Scope>, Error> {
        Ok(self.scopes.taken())
    }

    fn walk(&self, walk: Walk<'_>, take: &mut dyn FnMut(&Item<'_>) -> ControlFlow<()>) -> Result<(), Error> {
        self.walk_all(walk, take)
    }

    fn sweep(&self, scope: &Scope, token: Token, before: i64, rows: usize) -> Result<Swept, Error> {
        self.sweep_rows(scope, token, before, rows)
    }
}
