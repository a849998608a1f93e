//! A host's way to the state: every request may be lost, late or answered in vain; and a store that can go back to
//! what it was.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, RwLock};

use invoker_core::commit::{CommitId, Token};

use super::controls::Control;
use super::schedule::{HostId, Request, Schedule};
use crate::db::Database;
use crate::state::{
    self, Answer, Applied, Apply, Changes, EmbeddedState, Item, Journal, Meta, Page, Read, Scan, Scope,
    Stage, StateStore, Take, Values, Walk,
};

/// The store that all hosts share.
#[derive(Clone)]
pub(super) struct Shared(Arc<RwLock<(Database, Arc<EmbeddedState>)>>);

impl Shared {
    pub(super) fn new() -> Self {
        Self::over(Database::memory())
    }

    fn over(db: Database) -> Self {
        let state = Arc::new(EmbeddedState::open(db.clone(), Journal::Own).unwrap());
        Self(Arc::new(RwLock::new((db, state))))
    }

    pub(super) fn store(&self) -> Arc<EmbeddedState> {
        self.0.read().unwrap().1.clone()
    }

    /// What it holds now, for `go_back`.
    pub(super) fn copy(&self) -> Database {
        self.0.read().unwrap().0.copy()
    }

    /// The store loses all that came after `copy`.
    pub(super) fn go_back(&self, copy: &Database) {
        let db = copy.copy();
        let state = Arc::new(EmbeddedState::open(db.clone(), Journal::Own).unwrap());
        *self.0.write().unwrap() = (db, state);
    }
}

/// What a host sees of the store.
#[derive(Clone)]
pub(super) struct SimState {
    pub(super) shared: Shared,
    pub(super) schedule: Schedule,
    pub(super) host: HostId,
    pub(super) control: Control,
    /// Stages that a broken host has put off.
    pub(super) unstaged: Arc<Mutex<Vec<OwnedStage>>>,
}

/// A stage that outlives its caller.
#[derive(Clone)]
pub(super) struct OwnedStage {
    scope: Scope,
    token: Token,
    id: CommitId,
    next: Vec<u64>,
    changes: Changes,
    committed: Option<CommitId>,
    previous: Option<CommitId>,
    promoted: bool,
}

impl OwnedStage {
    fn of(stage: &Stage<'_>) -> Self {
        Self {
            scope: stage.scope.clone(),
            token: stage.token,
            id: stage.id,
            next: stage.next.to_vec(),
            changes: stage.changes.clone(),
            committed: stage.committed,
            previous: stage.previous,
            promoted: stage.promoted,
        }
    }

    fn as_apply(&self) -> Apply<'_> {
        Apply {
            scope: &self.scope,
            token: self.token,
            base: self.committed,
            id: self.id,
            next: &self.next,
            changes: &self.changes,
        }
    }

    fn as_stage(&self) -> Stage<'_> {
        Stage {
            scope: &self.scope,
            token: self.token,
            id: self.id,
            next: &self.next,
            changes: &self.changes,
            committed: self.committed,
            previous: self.previous,
            promoted: self.promoted,
        }
    }
}

fn lost() -> state::Error {
    state::Error::TimedOut { what: "an answer".to_owned() }
}

impl SimState {
    /// An exchange that can be carried out later just as well.
    fn exchange<T: 'static>(
        &self,
        what: &'static str,
        call: impl FnOnce(&EmbeddedState) -> Result<T, state::Error> + Clone + Send + 'static,
    ) -> Result<T, state::Error> {
        let (now, later) = (self.shared.clone(), self.shared.clone());
        let request = call.clone();
        let late = move || {
            // A store that went back meanwhile is the one that it arrives at.
            Some(Box::new(move || drop(request(&later.store()))) as Request)
        };
        self.schedule.exchange(self.host, what, move || call(&now.store()), lost, late)
    }

    /// A broken host that looks at no owner says that it is the owner.
    fn token(&self, scope: &Scope, token: Token) -> Token {
        match self.control {
            Control::NoOwnerCheck => self.shared.store().owner(scope).unwrap().unwrap_or(token),
            _ => token,
        }
    }

    fn break_stage(&self, stage: &mut OwnedStage) {
        stage.token = self.token(&stage.scope, stage.token);
        if self.control == Control::NoChainCheck {
            let store = self.shared.store();
            // What it stands at is what it is told to stand at.
            if let Some(applied) = applied(&store, &stage.scope) {
                let among = stage.committed.is_some_and(|id| pending(&store, &stage.scope).contains(&id));
                if !among {
                    (stage.committed, stage.previous) = (Some(applied), Some(applied));
                }
            }
        }
        if self.control == Control::PromotedAgain {
            stage.promoted = false;
        }
        if self.control == Control::StageForgetsPending
            && let Some(applied) = applied(&self.shared.store(), &stage.scope)
        {
            (stage.committed, stage.previous) = (Some(applied), Some(applied));
        }
    }
}

/// What a scope's record says, as `take` tells its owner again.
fn record(store: &EmbeddedState, scope: &Scope) -> (Option<CommitId>, Vec<CommitId>) {
    let nonce = store.owner(scope).unwrap().map_or(0, |owner| owner.nonce);
    match store.take(scope, nonce, "", Some(Token { epoch: u64::MAX, nonce })).unwrap() {
        Take::Taken { applied, pending, .. } => (applied.map(|applied| applied.id), pending),
        Take::Moved => (None, Vec::new()),
    }
}

fn applied(store: &EmbeddedState, scope: &Scope) -> Option<CommitId> {
    record(store, scope).0
}

fn pending(store: &EmbeddedState, scope: &Scope) -> Vec<CommitId> {
    record(store, scope).1
}

impl StateStore for SimState {
    fn owner(&self, scope: &Scope) -> Result<Option<Token>, state::Error> {
        let scope = scope.clone();
        self.exchange("read the owner", move |store| store.owner(&scope))
    }

    fn take(&self, scope: &Scope, nonce: u64, id: &str, seen: Option<Token>) -> Result<Take, state::Error> {
        let (scope, id) = (scope.clone(), id.to_owned());
        let mut answer = self.exchange("take", move |store| store.take(&scope, nonce, &id, seen))?;
        if self.control == Control::FenceLastOnly
            && let Take::Taken { old_ids, .. } = &mut answer
            && old_ids.len() > 1
        {
            old_ids.drain(..old_ids.len() - 1);
        }
        Ok(answer)
    }

    fn raise(&self, scope: &Scope, token: Token, epoch: u64) -> Result<Answer, state::Error> {
        let scope = scope.clone();
        self.exchange("raise the epoch", move |store| store.raise(&scope, token, epoch))
    }

    fn finish(
        &self,
        scope: &Scope,
        token: Token,
        committed: Option<CommitId>,
    ) -> Result<Option<Option<Applied>>, state::Error> {
        let (scope, control) = (scope.clone(), self.control);
        self.exchange("finish a take", move |store| {
            let committed = match control {
                Control::FinishPromotesAll => pending(store, &scope).last().copied().or(committed),
                Control::FinishDropsAll => None,
                _ => committed,
            };
            store.finish(&scope, token, committed)
        })
    }

    fn stage(&self, stages: &[Stage<'_>]) -> Result<Vec<Answer>, state::Error> {
        let mut stages: Vec<OwnedStage> = stages.iter().map(OwnedStage::of).collect();
        if self.control == Control::StageAfterCommit {
            let put_off = std::mem::replace(&mut *self.unstaged.lock().unwrap(), stages.clone());
            let answers = stages.iter().map(|_| Answer::Ok).collect();
            return if put_off.is_empty() { Ok(answers) } else { self.send_stages(put_off) };
        }
        stages.iter_mut().for_each(|stage| self.break_stage(stage));
        self.send_stages(stages)
    }

    fn promote(&self, promotes: &[(&Scope, Token, CommitId)]) -> Result<Vec<Answer>, state::Error> {
        let put_off = std::mem::take(&mut *self.unstaged.lock().unwrap());
        if !put_off.is_empty() {
            self.send_stages(put_off)?;
        }
        let own = |(scope, token, id): &(&Scope, Token, CommitId)| {
            ((*scope).clone(), self.token(scope, *token), *id)
        };
        let promotes: Vec<_> = promotes.iter().map(own).collect();
        self.exchange("promote", move |store| {
            store.promote(&promotes.iter().map(|(scope, token, id)| (scope, *token, *id)).collect::<Vec<_>>())
        })
    }

    fn check(&self, checks: &[(&Scope, Token)]) -> Result<Vec<Answer>, state::Error> {
        let checks: Vec<_> = checks.iter().map(|(scope, token)| ((*scope).clone(), *token)).collect();
        self.exchange("check the owner", move |store| {
            store.check(&checks.iter().map(|(scope, token)| (scope, *token)).collect::<Vec<_>>())
        })
    }

    fn apply(&self, applies: &[Apply<'_>]) -> Result<Vec<Answer>, state::Error> {
        // An apply is a stage on its base that needs no commit.
        let own = |apply: &Apply<'_>| OwnedStage {
            scope: apply.scope.clone(),
            token: apply.token,
            id: apply.id,
            next: apply.next.to_vec(),
            changes: apply.changes.clone(),
            committed: apply.base,
            previous: apply.base,
            promoted: true,
        };
        let applies: Vec<_> = applies.iter().map(own).collect();
        self.exchange("apply", move |store| {
            store.apply(&applies.iter().map(OwnedStage::as_apply).collect::<Vec<_>>())
        })
    }

    fn release(&self, scope: &Scope, token: Token) -> Result<Answer, state::Error> {
        let scope = scope.clone();
        self.exchange("release", move |store| store.release(&scope, token))
    }

    fn read(&self, reads: &[Read<'_>]) -> Result<Vec<Values>, state::Error> {
        let store = self.shared.store();
        self.schedule.exchange(self.host, "read state", || store.read(reads), lost, || None)
    }

    fn scan(&self, scan: Scan<'_>) -> Result<Page, state::Error> {
        let store = self.shared.store();
        self.schedule.exchange(self.host, "scan state", || store.scan(scan), lost, || None)
    }

    fn meta(&self, scope: &Scope) -> Result<Option<Meta>, state::Error> {
        self.shared.store().meta(scope)
    }

    fn set_meta(&self, scope: &Scope, token: Token, meta: &Meta) -> Result<Answer, state::Error> {
        self.shared.store().set_meta(scope, token, meta)
    }

    fn scopes(&self) -> Result<Vec<Scope>, state::Error> {
        self.shared.store().scopes()
    }

    fn walk(
        &self,
        walk: Walk<'_>,
        take: &mut dyn FnMut(&Item<'_>) -> ControlFlow<()>,
    ) -> Result<(), state::Error> {
        self.shared.store().walk(walk, take)
    }
}

impl SimState {
    fn send_stages(&self, stages: Vec<OwnedStage>) -> Result<Vec<Answer>, state::Error> {
        self.exchange("stage", move |store| {
            store.stage(&stages.iter().map(OwnedStage::as_stage).collect::<Vec<_>>())
        })
    }
}
