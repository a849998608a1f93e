//! An owner of a scope that does what a lane does, for tests.

use std::sync::atomic::{AtomicU32, Ordering};

use invoker_core::commit::{CommitId, Token};
use invoker_host::state::{
    Answer, Apply, Changes, Error, RedisState, Scope, Stage, StateKind, StateStore, Take,
};

pub(crate) fn scope(test: &str) -> Scope {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    Scope {
        deployment: format!("default.{test}"),
        entity: format!("e{}", std::process::id()),
        partition: NEXT.fetch_add(1, Ordering::Relaxed),
    }
}

/// What the keys of a scope begin with.
pub(crate) fn root(scope: &Scope) -> String {
    format!("{{invoker:1:{}:{}:{}}}", scope.deployment, scope.entity, scope.partition)
}

/// Key or field, value, expiry.
pub(crate) type Row<'a> = (&'a str, Option<&'a [u8]>, i64);

/// Of the value state `v`.
pub(crate) fn values(rows: &[Row<'_>]) -> Changes {
    changes("v", StateKind::Value, None, rows)
}

pub(crate) fn changes(state: &str, kind: StateKind, key: Option<&str>, rows: &[Row<'_>]) -> Changes {
    Changes {
        states: vec![(state.to_owned(), kind)],
        state: vec![0; rows.len()],
        keys: rows.iter().map(|row| Some(key.unwrap_or(row.0).as_bytes())).collect(),
        fields: rows.iter().map(|row| key.map(|_| row.0.as_bytes())).collect(),
        values: rows.iter().map(|row| row.1).collect(),
        expires: rows.iter().map(|row| row.2).collect(),
    }
}

pub(crate) struct Owner<'a> {
    pub(crate) store: &'a RedisState,
    pub(crate) scope: Scope,
    pub(crate) token: Token,
    pub(crate) committed: Option<CommitId>,
    sequence: u64,
}

impl<'a> Owner<'a> {
    pub(crate) fn take(store: &'a RedisState, scope: &Scope) -> Self {
        let seen = store.owner(scope).unwrap();
        let nonce = seen.map_or(1, |owner| owner.nonce + 1);
        let Take::Taken { token, applied, .. } = store.take(scope, nonce, "t", seen).unwrap() else {
            panic!("somebody else took {scope}")
        };
        let committed = applied.map(|applied| applied.id);
        Self { store, scope: scope.clone(), token, committed, sequence: 0 }
    }

    pub(crate) fn next_id(&mut self) -> CommitId {
        self.sequence += 1;
        CommitId { token: self.token, sequence: self.sequence }
    }

    pub(crate) fn send(&self, id: CommitId, changes: &Changes) -> Result<Answer, Error> {
        let stage = Stage {
            scope: &self.scope,
            token: self.token,
            id,
            next: &[id.sequence],
            changes,
            committed: self.committed,
            previous: self.committed,
            promoted: false,
        };
        Ok(self.store.stage(&[stage])?.remove(0))
    }

    pub(crate) fn promote(&self, id: CommitId) -> Result<Answer, Error> {
        Ok(self.store.promote(&[(&self.scope, self.token, id)])?.remove(0))
    }

    pub(crate) fn commit(&mut self, changes: &Changes) {
        let id = self.next_id();
        assert_eq!(self.send(id, changes).unwrap(), Answer::Ok);
        assert_eq!(self.promote(id).unwrap(), Answer::Ok);
        self.committed = Some(id);
    }

    pub(crate) fn last_id(&self) -> CommitId {
        CommitId { token: self.token, sequence: self.sequence }
    }

    pub(crate) fn apply(&mut self, changes: &Changes) -> Result<Answer, Error> {
        let id = self.next_id();
        let (scope, token, base) = (&self.scope, self.token, self.committed);
        let apply = Apply { scope, token, base, id, next: &[id.sequence], changes };
        Ok(self.store.apply(&[apply])?.remove(0))
    }

    /// Of the state `v`.
    pub(crate) fn value(&self, key: &str) -> Option<Vec<u8>> {
        let keys = [Some(key.as_bytes())].into_iter().collect();
        let fields = [None].into_iter().collect();
        let read = invoker_host::state::Read {
            scope: &self.scope,
            state: "v",
            kind: StateKind::Value,
            keys: &keys,
            fields: &fields,
        };
        self.store.read(&[read]).unwrap()[0].values.get(0).map(<[u8]>::to_vec)
    }
}
