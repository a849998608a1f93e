//! Any sequence of steps, beside a model that does what the protocol's scripts say.

mod model;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use model::{Model, Waiting};

/// One step; `by` is one of the owners so far, `id`s are chosen among those that were ever staged.
#[derive(Clone, Debug)]
enum Step {
    Take {
        stale: bool,
    },
    Raise {
        by: usize,
    },
    Finish {
        by: usize,
        committed: usize,
    },
    Stage {
        by: usize,
        again: bool,
        changes: Vec<(u8, Option<u8>)>,
        committed: usize,
        previous: usize,
        promoted: bool,
    },
    Promote {
        by: usize,
        committed: usize,
    },
    Apply {
        by: usize,
        changes: Vec<(u8, Option<u8>)>,
        base: usize,
    },
    Release {
        by: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    // Mostly the newest: 0 counts from the end.
    let by = || prop_oneof![4 => Just(0usize), 1 => 0..3usize];
    let id = || prop_oneof![4 => 0..3usize, 1 => 0..9usize];
    let changes = || prop::collection::vec((0..4u8, prop::option::of(any::<u8>())), 0..4);
    prop_oneof![
        2 => prop::bool::weighted(0.2).prop_map(|stale| Step::Take { stale }),
        1 => by().prop_map(|by| Step::Raise { by }),
        3 => (by(), id()).prop_map(|(by, committed)| Step::Finish { by, committed }),
        9 => (by(), prop::bool::weighted(0.2), changes(), id(), id(), prop::bool::weighted(0.3)).prop_map(
            |(by, again, changes, committed, previous, promoted)| {
                Step::Stage { by, again, changes, committed, previous, promoted }
            }
        ),
        4 => (by(), id()).prop_map(|(by, committed)| Step::Promote { by, committed }),
        3 => (by(), changes(), id()).prop_map(|(by, changes, base)| Step::Apply { by, changes, base }),
        1 => by().prop_map(|by| Step::Release { by }),
    ]
}

/// The store and the model side by side.
struct Pair<'a> {
    store: &'a dyn StateStore,
    scope: Scope,
    model: Model,
    tokens: Vec<Token>,
    ids: Vec<CommitId>,
    sequence: u64,
}

impl Pair<'_> {
    fn token(&self, by: usize) -> Token {
        self.tokens.iter().rev().nth(by).copied().unwrap_or(Token { epoch: 0, nonce: 0 })
    }

    fn id(&self, from_the_end: usize) -> Option<CommitId> {
        self.ids.iter().rev().nth(from_the_end).copied()
    }

    fn new_id(&mut self, token: Token, again: bool) -> CommitId {
        if again && let Some(&last) = self.ids.last() {
            return last;
        }
        self.sequence += 1;
        self.ids.push(id(token, self.sequence));
        id(token, self.sequence)
    }

    fn columns(changes: &BTreeMap<u8, Option<u8>>) -> Changes {
        let rows: Vec<([u8; 1], Option<[u8; 1]>)> =
            changes.iter().map(|(&key, &value)| ([key], value.map(|value| [value]))).collect();
        let rows: Vec<Row<'_>> =
            rows.iter().map(|(key, value)| (&key[..], None, value.as_ref().map(|v| &v[..]), -1)).collect();
        super::changes("v", StateKind::Value, &rows)
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Take { stale } => self.take(stale),
            Step::Raise { by } => {
                let token = self.token(by);
                let owns = self.model.owner == Some(token);
                let raised = Token { epoch: token.epoch + 3, ..token };
                assert_eq!(self.store.raise(&self.scope, token, raised.epoch).unwrap(), answer(owns));
                if owns {
                    self.model.owner = Some(raised);
                    self.tokens.push(raised);
                }
            }
            Step::Finish { by, committed } => {
                let (token, committed) = (self.token(by), self.id(committed));
                let owns = self.model.owner == Some(token);
                if owns {
                    self.model.finish(token, committed);
                }
                let (id, next) = self.model.applied;
                let applied = id.map(|id| Applied { id, next: vec![next] });
                let found = self.store.finish(&self.scope, token, committed).unwrap();
                assert_eq!(found, owns.then_some(applied));
            }
            Step::Stage { by, again, changes, committed, previous, promoted } => {
                let token = self.token(by);
                // Mostly what a lane would say.
                let committed = if committed < 3 { self.model.applied.0 } else { self.id(committed) };
                let previous = if previous < 3 { committed } else { self.id(previous - 3) };
                self.stage(token, again, changes, (committed, previous, promoted));
            }
            Step::Promote { by, committed } => {
                let token = self.token(by);
                let Some(id) = self.id(committed) else { return };
                let found = self.store.promote(&[(&self.scope, token, id)]).unwrap();
                let expected = if self.model.owner != Some(token) {
                    Answer::Refused
                } else {
                    self.model.promote_to(Some(id));
                    if self.model.applied.0 == Some(id) { Answer::Ok } else { self.model.lost() }
                };
                assert_eq!(found, [expected]);
            }
            Step::Apply { by, changes, base } => {
                let token = self.token(by);
                let base = if base < 3 { self.model.applied.0 } else { self.id(base) };
                let id = self.new_id(token, false);
                let new = Waiting { id: Some(id), next: id.sequence, changes: changes.into_iter().collect() };
                let columns = Self::columns(&new.changes);
                let apply =
                    Apply { scope: &self.scope, token, base, id, next: &[id.sequence], changes: &columns };
                let found = self.store.apply(&[apply]).unwrap();
                let owns = self.model.owner == Some(token);
                assert_eq!(found, [if owns { self.model.apply(base, &new) } else { Answer::Refused }]);
            }
            Step::Release { by } => {
                let token = self.token(by);
                let owns = self.model.owner == Some(token);
                assert_eq!(self.store.release(&self.scope, token).unwrap(), answer(owns));
                if owns {
                    let own = std::mem::take(&mut self.model.candidate);
                    self.model.ids.retain(|id| !own.contains(id));
                }
            }
        }
    }

    fn take(&mut self, stale: bool) {
        let seen = if stale { Some(Token { epoch: 0, nonce: 0 }) } else { self.model.owner };
        let name = format!("t{}", self.tokens.len() % 3);
        let nonce = self.tokens.len() as u64 + 1;
        let found = self.store.take(&self.scope, nonce, &name, seen).unwrap();
        if stale {
            assert_eq!(found, Take::Moved);
            return;
        }
        let token = Token { epoch: self.model.owner.map_or(1, |owner| owner.epoch + 1), nonce };
        let Take::Taken { token: taken, mut old_ids, pending, applied } = found else { panic!("moved") };
        let mut expected = self.model.ids.clone();
        expected.sort();
        old_ids.sort();
        assert_eq!((taken, old_ids), (token, expected));
        assert_eq!(pending, self.model.pending.iter().filter_map(|waiting| waiting.id).collect::<Vec<_>>());
        assert_eq!(applied.map(|applied| applied.id), self.model.applied.0);
        self.model.owner = Some(token);
        self.model.candidate = vec![name.clone()];
        if !self.model.ids.contains(&name) {
            self.model.ids.push(name);
        }
        self.model.last_sequence = 0;
        self.tokens.push(token);
    }

    fn stage(
        &mut self,
        token: Token,
        again: bool,
        changes: Vec<(u8, Option<u8>)>,
        (committed, previous, promoted): (Option<CommitId>, Option<CommitId>, bool),
    ) {
        let id = self.new_id(token, again);
        let new = Waiting { id: Some(id), next: id.sequence, changes: changes.into_iter().collect() };
        let columns = Self::columns(&new.changes);
        let next = [id.sequence];
        let changes = &columns;
        let stage =
            Stage { scope: &self.scope, token, id, next: &next, changes, committed, previous, promoted };
        let found = self.store.stage(&[stage]).unwrap();
        let owns = self.model.owner == Some(token);
        let staged = |model: &mut Model| model.stage(&new, committed, previous, promoted);
        assert_eq!(found, [if owns { staged(&mut self.model) } else { Answer::Refused }]);
    }

    fn agree(&self) {
        let names: Vec<Name<'_>> = KEYS.iter().map(|key| (&key[..], None)).collect();
        let found = read(self.store, &self.scope, "v", StateKind::Value, &names).values;
        let expected: Vec<_> =
            (0..4u8).map(|key| self.model.state.get(&key).map(std::slice::from_ref)).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), expected);
        assert_eq!(self.store.owner(&self.scope).unwrap(), self.model.owner);
    }
}

const KEYS: [[u8; 1]; 4] = [[0], [1], [2], [3]];

fn answer(owns: bool) -> Answer {
    if owns { Answer::Ok } else { Answer::Refused }
}

pub fn any_sequence_of_steps_agrees_with_the_model(open: Open<'_>) {
    let store = open();
    let config = Config { cases: 200, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&prop::collection::vec(step(), 1..60), |steps| {
            let mut pair = Pair {
                store: &*store,
                scope: scope("machine"),
                model: Model::default(),
                tokens: Vec::new(),
                ids: Vec::new(),
                sequence: 0,
            };
            for step in steps {
                pair.step(step);
                pair.agree();
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error}"));
}
