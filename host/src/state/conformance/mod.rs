//! What every [`StateStore`] must do: one function per fact, over a store that a harness opens. The facts use scopes
//! of their own, so that they can run at the same time and again on a store that keeps what it holds.
//!
//! [`state_conformance!`](crate::state_conformance) makes a test of each.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "these are tests, wherever they are compiled"
)]

mod commits;
mod data;
mod machine;
mod ownership;
mod scans;
mod walks;

pub use commits::*;
pub use data::*;
pub use machine::*;
pub use ownership::*;
pub use scans::*;
pub use walks::*;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use invoker_core::commit::{CommitId, Token};
use invoker_core::records::Column;

use super::{
    Answer, Applied, Apply, Changes, Item, Page, Read, Scan, Scope, Stage, StateKind, StateStore, Take,
    Values, Walk,
};

/// Opens the store under test; called once per fact.
pub type Open<'a> = &'a dyn Fn() -> Arc<dyn StateStore>;

/// Makes a module with one test per fact: `state_conformance!(memory, || Arc::new(open()));`
#[macro_export]
macro_rules! state_conformance {
    ($module:ident, $open:expr) => {
        $crate::state_conformance!(
            @facts $module, $open,
            take_is_a_compare_and_set
            take_sent_again_answers_the_same
            a_raised_epoch_counts_for_the_next_take
            transactional_ids_gather_until_finish
            finish_promotes_what_was_committed_and_drops_the_rest
            finish_drops_everything_where_nothing_was_committed
            finish_leaves_what_its_own_token_staged
            a_stale_token_is_refused_everywhere
            after_a_release_there_is_nobody_to_fence
            a_stage_sent_again_counts_once
            a_used_sequence_is_refused
            a_stage_promotes_what_is_committed_and_drops_the_rest
            a_pipelined_stage_leaves_the_one_before
            a_broken_chain_is_state_lost_and_changes_nothing
            a_stage_that_relies_on_a_promotion_finds_it_undone
            promote_makes_it_the_state_in_order
            an_empty_stage_moves_the_position
            apply_writes_at_once_on_its_base
            stages_of_one_call_are_independent
            reads_see_promoted_state_only
            an_absent_value_deletes
            expiry_comes_back_as_it_went
            fields_belong_to_their_key_and_state
            a_sorted_map_is_scanned_in_byte_order
            a_scan_is_cut_into_pages
            a_plain_map_is_scanned_whole
            keys_of_a_value_state_are_scanned
            a_walk_shows_everything_of_an_entity
            a_walk_through_large_states_is_whole
            large_values_come_back
            binary_keys_do_not_run_into_each_other
            scopes_are_independent
            meta_comes_back
            a_sweep_leaves_what_has_not_expired
            any_sequence_of_steps_agrees_with_the_model
        );
    };
    (@facts $module:ident, $open:expr, $($fact:ident)*) => {
        mod $module {
            use super::*;
            $(#[test] fn $fact() { $crate::state::conformance::$fact(&$open); })*
        }
    };
}

/// A scope that nothing else uses.
fn scope(fact: &str) -> Scope {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let run: u64 = rand::random();
    Scope {
        deployment: "conformance".to_owned(),
        entity: format!("{fact}-{run:x}-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
        partition: 7,
    }
}

/// One value of the state `v`.
fn change(key: &str, value: Option<&str>) -> Changes {
    changes("v", StateKind::Value, &[(key.as_bytes(), None, value.map(str::as_bytes), -1)])
}

/// Key, field, value and expiry of one change.
type Row<'a> = (&'a [u8], Option<&'a [u8]>, Option<&'a [u8]>, i64);

fn changes(state: &str, kind: StateKind, rows: &[Row<'_>]) -> Changes {
    Changes {
        states: vec![(state.to_owned(), kind)],
        state: vec![0; rows.len()],
        keys: rows.iter().map(|row| Some(row.0)).collect(),
        fields: rows.iter().map(|row| row.1).collect(),
        values: rows.iter().map(|row| row.2).collect(),
        expires: rows.iter().map(|row| row.3).collect(),
    }
}

fn id(token: Token, sequence: u64) -> CommitId {
    CommitId { token, sequence }
}

/// An owner of a scope that does what a lane does.
struct Owner<'a> {
    store: &'a dyn StateStore,
    scope: &'a Scope,
    token: Token,
    old_ids: Vec<String>,
    sequence: u64,
    committed: Option<CommitId>,
}

impl<'a> Owner<'a> {
    /// Takes without finishing.
    fn take(store: &'a dyn StateStore, scope: &'a Scope, name: &str) -> Self {
        let seen = store.owner(scope).unwrap();
        match store.take(scope, rand::random(), name, seen).unwrap() {
            Take::Taken { token, old_ids, .. } => {
                Self { store, scope, token, old_ids, sequence: 0, committed: None }
            }
            Take::Moved => panic!("the scope was taken by someone else"),
        }
    }

    /// Takes and finishes with what the log knows as committed.
    fn start(store: &'a dyn StateStore, scope: &'a Scope, name: &str, committed: Option<CommitId>) -> Self {
        let mut owner = Self::take(store, scope, name);
        let applied = store.finish(scope, owner.token, committed).unwrap().unwrap();
        owner.committed = applied.map(|applied| applied.id);
        owner
    }

    fn fresh(store: &'a dyn StateStore, scope: &'a Scope) -> Self {
        Self::start(store, scope, "t", None)
    }

    fn next_id(&mut self) -> CommitId {
        self.sequence += 1;
        id(self.token, self.sequence)
    }

    fn send(
        &self,
        id: CommitId,
        changes: &Changes,
        committed: Option<CommitId>,
        previous: Option<CommitId>,
    ) -> Answer {
        let next = [id.sequence * 10, 3];
        let stage = Stage {
            scope: self.scope,
            token: self.token,
            id,
            next: &next,
            changes,
            committed,
            previous,
            promoted: false,
        };
        self.store.stage(&[stage]).unwrap().remove(0)
    }

    /// Stages on the last commit; does not say that it was committed.
    fn stage(&mut self, changes: &Changes) -> CommitId {
        let id = self.next_id();
        assert_eq!(self.send(id, changes, self.committed, self.committed), Answer::Ok);
        id
    }

    /// Stages, commits, promotes.
    fn commit(&mut self, changes: &Changes) -> CommitId {
        let id = self.stage(changes);
        assert_eq!(self.promote(id), Answer::Ok);
        self.committed = Some(id);
        id
    }

    fn promote(&self, id: CommitId) -> Answer {
        self.store.promote(&[(self.scope, self.token, id)]).unwrap().remove(0)
    }

    fn apply(&self, base: Option<CommitId>, id: CommitId, changes: &Changes) -> Answer {
        let apply = Apply { scope: self.scope, token: self.token, base, id, next: &[1], changes };
        self.store.apply(&[apply]).unwrap().remove(0)
    }
}

/// What a stage by [`Owner::send`] leaves as applied.
fn applied(id: CommitId) -> Applied {
    Applied { id, next: vec![id.sequence * 10, 3] }
}

/// A key and, for maps, a field.
type Name<'a> = (&'a [u8], Option<&'a [u8]>);

fn read(store: &dyn StateStore, scope: &Scope, state: &str, kind: StateKind, names: &[Name<'_>]) -> Values {
    let keys: Column = names.iter().map(|name| Some(name.0)).collect();
    let fields: Column = names.iter().map(|name| name.1).collect();
    let read = Read { scope, state, kind, keys: &keys, fields: &fields };
    let values = store.read(&[read]).unwrap().remove(0);
    assert_eq!((values.values.len(), values.expires.len()), (names.len(), names.len()));
    assert_eq!(values.values.check(), Ok(()));
    values
}

/// The value of a key of the state `v`.
fn value(store: &dyn StateStore, scope: &Scope, key: &str) -> Option<String> {
    let values = read(store, scope, "v", StateKind::Value, &[(key.as_bytes(), None)]);
    values.values.get(0).map(|value| String::from_utf8_lossy(value).into_owned())
}

/// All items of a scan, page by page.
fn scan_all(store: &dyn StateStore, scan: Scan<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut items = Vec::new();
    let mut start = scan.start.map(<[u8]>::to_vec);
    loop {
        let page: Page = store.scan(Scan { start: start.as_deref(), ..scan }).unwrap();
        assert!(page.fields.len() <= scan.limit, "a page of {} items", page.fields.len());
        assert_eq!((page.fields.len(), page.fields.len()), (page.values.len(), page.expires.len()));
        let pairs = page.fields.iter().zip(page.values.iter());
        items.extend(pairs.map(|(field, value)| (field.unwrap().to_vec(), value.unwrap().to_vec())));
        start = page.next;
        if start.is_none() {
            return items;
        }
    }
}
