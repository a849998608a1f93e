//! Each way that a value goes through the cache, over a real store.

use std::sync::Arc;

use invoker_core::commit::{CommitId, Token};
use invoker_core::function::{StateKind, StateSpec};
use invoker_core::records::Column;
use invoker_engine::StateUpdate;

use super::*;
use crate::db::Database;
use crate::state::{Answer, EmbeddedState, Journal, Page, Stage, StateStore, Take, Values};

/// Indices of the states that every rig declares.
pub(super) const COUNT: u16 = 0;
pub(super) const NOTE: u16 = 1;
pub(super) const PLAIN: u16 = 2;
pub(super) const SORTED: u16 = 3;

pub(super) const TTL: u64 = 1_000;

pub(super) fn specs() -> Vec<StateSpec> {
    let spec = |name: &str, kind, prefetch, ttl| StateSpec {
        name: name.into(),
        kind,
        prefetch,
        ttl,
        version: 1,
        reads: vec![],
        doc: String::new(),
    };
    vec![
        spec("count", StateKind::Value, true, None),
        spec("note", StateKind::Value, false, Some(TTL)),
        spec("plain", StateKind::Map, false, None),
        spec("sorted", StateKind::SortedMap, false, Some(TTL)),
    ]
}

/// A cache over a store, and what a lane knows of its commits.
pub(super) struct Rig {
    pub(super) store: EmbeddedState,
    pub(super) cache: PartitionCache,
    pub(super) token: Token,
    sequence: u64,
    pub(super) committed: Option<CommitId>,
}

impl Rig {
    pub(super) fn new(budget: usize) -> Self {
        Self::of(Budget::new(budget), 0)
    }

    fn of(budget: Arc<Budget>, partition: u32) -> Self {
        let scope = Scope { deployment: "d".into(), entity: "e".into(), partition };
        let store = EmbeddedState::open(Database::memory(), Journal::Shared).unwrap();
        let Take::Taken { token, .. } = store.take(&scope, 1, "t", None).unwrap() else { panic!("moved") };
        let cache = PartitionCache::new(scope, &specs(), budget);
        Self { store, cache, token, sequence: 0, committed: None }
    }

    pub(super) fn begin(&mut self, keys: &[&str], now: i64) -> CallColumns {
        let keys = column(&keys.iter().map(|key| Some(*key)).collect::<Vec<_>>());
        self.cache.begin(&keys, now);
        self.cache.load(&self.store).unwrap();
        self.cache.take_columns()
    }

    /// The prefetched value of one key, in a batch of its own.
    fn count(&mut self, key: &str) -> Option<String> {
        let columns = self.begin(&[key], 0);
        self.cache.drop_call();
        text(columns.states[0].get(0))
    }

    pub(super) fn field(&mut self, state: u16, key: u32, field: &str) -> Option<String> {
        let values = self.cache.map_get_many(&self.store, state, &[key], &column(&[Some(field)])).unwrap();
        text(values.get(0))
    }

    fn set_field(&mut self, state: u16, key: u32, field: &str, value: Option<&str>) {
        self.cache.map_set_many(state, &[key], &column(&[Some(field)]), &column(&[value]));
    }

    /// One batch of one key whose call sets the count.
    fn set(&mut self, key: &str, value: &str) {
        self.begin(&[key], 0);
        self.cache.keep(&[update(COUNT, &[(0, Some(value))])]);
    }

    pub(super) fn stage(&mut self) -> CommitId {
        self.sequence += 1;
        let id = CommitId { token: self.token, sequence: self.sequence };
        let stage = Stage {
            scope: self.cache.scope(),
            token: self.token,
            id,
            next: &[],
            changes: self.cache.changes(),
            committed: self.committed,
            previous: self.committed,
        };
        assert_eq!(self.store.stage(&[stage]).unwrap(), [Answer::Ok]);
        if let Some(before) = self.committed {
            self.cache.unpin(before);
        }
        id
    }

    pub(super) fn commit(&mut self) -> CommitId {
        let id = self.stage();
        self.cache.committed(id);
        self.committed = Some(id);
        id
    }

    pub(super) fn promote(&mut self) {
        let Some(id) = self.committed else { return };
        assert_eq!(self.store.promote(&[(self.cache.scope(), self.token, id)]).unwrap(), [Answer::Ok]);
        self.cache.unpin(id);
    }
}

pub(super) fn column(items: &[Option<&str>]) -> Column {
    items.iter().map(|item| item.map(str::as_bytes)).collect()
}

pub(super) fn update(state: u16, values: &[(u32, Option<&str>)]) -> StateUpdate {
    StateUpdate {
        state,
        keys: values.iter().map(|value| value.0).collect(),
        values: values.iter().map(|value| value.1.map(str::as_bytes)).collect(),
    }
}

fn text(value: Option<&[u8]>) -> Option<String> {
    value.map(|value| String::from_utf8_lossy(value).into_owned())
}

fn some(value: &str) -> Option<String> {
    Some(value.to_owned())
}

const PLENTY: usize = 1 << 20;

impl PartitionCache {
    /// What the account should say.
    pub(super) fn weighed(&self) -> usize {
        (0..self.entries.turn() as Slot)
            .filter(|&slot| self.entries.is_live(slot))
            .map(|slot| {
                let maps =
                    (0..self.map_places()).map(|place| fields::weight(self.entries.fields(slot, place)));
                let values = (0..self.value_places()).map(|place| self.entries.value(slot, place).heap());
                self.entries.overhead()
                    + self.entries.key_heap(slot)
                    + maps.sum::<usize>()
                    + values.sum::<usize>()
            })
            .sum()
    }
}

#[test]
fn a_batch_names_each_key_once_in_order() {
    let mut rig = Rig::new(PLENTY);
    let keys = column(&[Some("b"), None, Some("a"), Some("b"), Some(""), None, Some("a")]);
    rig.cache.begin(&keys, 0);
    rig.cache.load(&rig.store).unwrap();
    let columns = rig.cache.take_columns();
    assert_eq!(columns.key_of, [0, -1, 1, 0, 2, -1, 1]);
    assert_eq!(columns.keys, column(&[Some("b"), Some("a"), Some("")]));
    assert_eq!(columns.states, [column(&[None, None, None])]);
    rig.cache.reuse(columns);
    let again = rig.begin(&["a", "c", "a"], 0);
    assert_eq!((again.key_of, again.keys), (vec![0, 1, 0], column(&[Some("a"), Some("c")])));
    assert_eq!(rig.cache.key_count(), 4);
}

#[test]
fn only_what_is_not_cached_is_read() {
    let mut rig = Rig::new(PLENTY);
    rig.begin(&["a"], 0);
    rig.cache.keep(&[]);
    rig.cache.begin(&column(&[Some("b"), Some("a"), Some("c")]), 0);
    let mut reads = Vec::new();
    let ticket = rig.cache.missing(&mut reads);
    assert_eq!((ticket.reads, reads[0].state, reads[0].keys), (1, "count", &column(&[Some("b"), Some("c")])));
    assert_eq!(reads[0].fields, &column(&[None, None]));
    let answer = Values { values: column(&[None, Some("7")]), expires: vec![-1, -1] };
    assert!(rig.cache.fill(ticket, &[answer]).unwrap());
    assert_eq!(rig.cache.missing(&mut Vec::new()).reads, 0);
    assert_eq!(rig.cache.take_columns().states, [column(&[None, None, Some("7")])]);
    assert_eq!(rig.count("c"), some("7"));
}

#[test]
fn an_answer_of_the_wrong_length_is_an_error() {
    let mut rig = Rig::new(PLENTY);
    rig.cache.begin(&column(&[Some("a"), Some("b")]), 0);
    let ticket = rig.cache.missing(&mut Vec::new());
    let answer = Values { values: column(&[Some("1")]), expires: vec![-1] };
    let error = rig.cache.fill(ticket, &[answer]).unwrap_err().to_string();
    assert_eq!(error, "state of d/e[0] is damaged: asked for 2 values of state \"count\", was given 1");
}

#[test]
fn an_old_read_does_not_fill_the_cache() {
    let moves: [fn(&mut Rig); 4] = [
        |rig| rig.promote(),
        |rig| rig.cache.abort(),
        |rig| rig.cache.clear(),
        |rig| rig.cache.begin(&column(&[Some("b")]), 0),
    ];
    for happens in moves {
        let mut rig = Rig::new(PLENTY);
        rig.set("a", "1");
        rig.commit();
        rig.cache.begin(&column(&[Some("b")]), 0);
        let ticket = rig.cache.missing(&mut Vec::new());
        happens(&mut rig);
        let old = Values { values: column(&[Some("old")]), expires: vec![-1] };
        assert!(!rig.cache.fill(ticket, &[old]).unwrap());
        assert_eq!(rig.count("b"), None);
    }
}

#[test]
fn changes_name_each_address_once_with_its_newest_value() {
    let mut rig = Rig::new(PLENTY);
    rig.begin(&["a", "b"], 100);
    rig.set_field(SORTED, 1, "f", Some("x"));
    rig.cache.keep(&[update(COUNT, &[(0, Some("1")), (1, Some("1"))]), update(NOTE, &[(0, Some("n"))])]);
    rig.begin(&["b"], 200);
    rig.set_field(SORTED, 0, "f", Some("y"));
    rig.cache.keep(&[update(COUNT, &[(0, None)])]);
    let changes = rig.cache.changes();
    assert_eq!(changes.state, [SORTED, COUNT, COUNT, NOTE]);
    assert_eq!(changes.keys, column(&[Some("b"), Some("a"), Some("b"), Some("a")]));
    assert_eq!(changes.fields, column(&[Some("f"), None, None, None]));
    assert_eq!(changes.values, column(&[Some("y"), Some("1"), None, Some("n")]));
    assert_eq!(changes.expires, [1_200, -1, -1, 1_100]);
    rig.commit();
    assert!(rig.cache.changes().state.is_empty());
}

#[test]
fn expired_values_read_as_absent() {
    let mut rig = Rig::new(PLENTY);
    rig.begin(&["a"], 100);
    rig.set_field(SORTED, 0, "f", Some("x"));
    rig.cache.keep(&[update(NOTE, &[(0, Some("n"))])]);
    let seen = |rig: &mut Rig, now| {
        rig.begin(&["a"], now);
        let note = rig.cache.get_many(&rig.store, NOTE, &[0]).unwrap();
        let field = rig.field(SORTED, 0, "f");
        let page = rig.cache.map_scan(&rig.store, SORTED, 0, b"", None, 9).unwrap();
        (note.get(0).is_some(), field.is_some(), page.fields.len())
    };
    for turn in ["uncommitted", "pinned", "clean", "read again"] {
        assert_eq!(seen(&mut rig, 1_099), (true, true, 1), "{turn}");
        assert_eq!(seen(&mut rig, 1_100), (false, false, 0), "{turn}");
        match turn {
            "uncommitted" => drop(rig.commit()),
            "pinned" => rig.promote(),
            _ => rig.cache.clear(),
        }
    }
}

#[test]
fn a_dropped_call_leaves_nothing() {
    let mut rig = Rig::new(PLENTY);
    for (field, promote) in [("clean", true), ("pinned", false)] {
        rig.begin(&["k"], 0);
        rig.set_field(PLAIN, 0, field, Some("before"));
        rig.cache.keep(&[]);
        rig.commit();
        if promote {
            rig.promote();
        }
    }
    rig.begin(&["k"], 0);
    rig.set_field(PLAIN, 0, "uncommitted", Some("before"));
    rig.cache.keep(&[]);
    let (changes, bytes) = (rig.cache.changes().clone(), rig.cache.bytes());
    rig.begin(&["k"], 0);
    for field in ["clean", "pinned", "uncommitted", "unknown"] {
        rig.set_field(PLAIN, 0, field, Some("first"));
        rig.set_field(PLAIN, 0, field, None);
        rig.set_field(PLAIN, 0, field, Some("a value that does not lie inside"));
        assert_eq!(rig.field(PLAIN, 0, field), some("a value that does not lie inside"));
    }
    rig.cache.drop_call();
    assert_eq!((rig.cache.changes(), rig.cache.bytes()), (&changes, bytes));
    rig.begin(&["k"], 0);
    let after = ["clean", "pinned", "uncommitted", "unknown"].map(|field| rig.field(PLAIN, 0, field));
    assert_eq!(after, [some("before"), some("before"), some("before"), None]);
    rig.commit();
    rig.cache.abort();
    rig.begin(&["k"], 0);
    assert_eq!(rig.field(PLAIN, 0, "uncommitted"), some("before"));
}

#[test]
fn a_batch_that_begins_drops_what_the_call_before_left() {
    let mut rig = Rig::new(PLENTY);
    rig.begin(&["k"], 0);
    rig.set_field(PLAIN, 0, "f", Some("lost"));
    rig.begin(&["k"], 0);
    assert_eq!(rig.field(PLAIN, 0, "f"), None);
    rig.cache.keep(&[]);
    assert!(rig.cache.changes().state.is_empty());
}

#[test]
fn an_abort_goes_back_to_the_last_commit() {
    let mut rig = Rig::new(PLENTY);
    rig.set("clean", "1");
    rig.commit();
    rig.promote();
    rig.set("pinned", "1");
    rig.begin(&["pinned"], 0);
    rig.set_field(SORTED, 0, "f", Some("1"));
    rig.cache.keep(&[]);
    rig.commit();
    for key in ["clean", "pinned", "new"] {
        rig.begin(&[key], 0);
        rig.set_field(SORTED, 0, "f", Some("2"));
        rig.cache.keep(&[update(COUNT, &[(0, Some("2"))])]);
    }
    rig.cache.abort();
    assert!(rig.cache.changes().state.is_empty());
    assert_eq!(["clean", "pinned", "new"].map(|key| rig.count(key)), [some("1"), some("1"), None]);
    rig.begin(&["pinned", "new"], 0);
    assert_eq!((rig.field(SORTED, 0, "f"), rig.field(SORTED, 1, "f")), (some("1"), None));
}

#[test]
fn an_abort_after_a_stage_reads_what_the_stage_promoted() {
    let mut rig = Rig::new(PLENTY);
    rig.set("k", "1");
    rig.commit();
    rig.set("k", "2");
    rig.stage();
    rig.cache.abort();
    assert_eq!(rig.count("k"), some("1"));
}

#[test]
fn a_pinned_value_is_not_evicted_and_hides_the_store() {
    let mut rig = Rig::new(1);
    rig.set("k", "1");
    rig.begin(&["k"], 0);
    rig.set_field(PLAIN, 0, "f", Some("1"));
    rig.cache.keep(&[]);
    let seen = |rig: &mut Rig| {
        rig.cache.relieve();
        rig.begin(&["k"], 0);
        let field = rig.field(PLAIN, 0, "f");
        rig.cache.drop_call();
        rig.cache.relieve();
        (rig.count("k"), field)
    };
    assert_eq!(seen(&mut rig), (some("1"), some("1")), "uncommitted");
    rig.commit();
    assert_eq!(seen(&mut rig), (some("1"), some("1")), "pinned: the store has nothing yet");
    assert!(rig.cache.key_count() > 0);
    rig.promote();
    rig.cache.drop_call();
    rig.cache.relieve();
    assert_eq!((rig.cache.key_count(), rig.cache.bytes()), (0, 0), "clean");
    assert_eq!(seen(&mut rig), (some("1"), some("1")), "from the store");
}

#[test]
fn a_commit_pins_until_that_commit_is_unpinned() {
    let mut rig = Rig::new(1);
    rig.set("k", "1");
    let first = rig.stage();
    rig.cache.committed(first);
    rig.set("k", "2");
    rig.set("l", "2");
    let second = CommitId { sequence: 50, ..first };
    rig.cache.committed(second);
    rig.cache.unpin(first);
    rig.cache.relieve();
    assert_eq!((rig.count("k"), rig.count("l")), (some("2"), some("2")), "pinned by the second");
    rig.cache.unpin(CommitId { sequence: 60, ..first });
    assert_eq!(rig.count("k"), some("2"), "an id that pins nothing");
    rig.cache.unpin(second);
    rig.cache.relieve();
    assert_eq!(rig.count("k"), None, "read from a store that never promoted it");
}

#[test]
fn the_cache_keeps_within_its_budget() {
    let mut rig = Rig::new(64 << 10);
    for round in 0..50 {
        let keys: Vec<_> = (0..100).map(|i| format!("{round} {i}")).collect();
        rig.begin(&keys.iter().map(String::as_str).collect::<Vec<_>>(), 0);
        rig.cache.keep(&[]);
        assert!(rig.cache.bytes() <= 64 << 10, "{} bytes in round {round}", rig.cache.bytes());
    }
    assert!(rig.cache.bytes() > 32 << 10, "{} bytes", rig.cache.bytes());
    assert_eq!(rig.cache.bytes(), rig.cache.account.budget.used());
}

#[test]
fn keys_in_use_outlive_keys_that_came_once() {
    let mut rig = Rig::new(64 << 10);
    for round in 0..50 {
        let once: Vec<_> = (0..20).map(|i| format!("{round} {i}")).collect();
        let mut keys = vec!["often"];
        keys.extend(once.iter().map(String::as_str));
        rig.cache.begin(&keys.iter().map(|key| Some(key.as_bytes())).collect(), 0);
        let mut reads = Vec::new();
        let _ = rig.cache.missing(&mut reads);
        assert_eq!(reads[0].keys.get(0) == Some(b"often"), round == 0, "round {round}");
        drop(reads);
        rig.cache.load(&rig.store).unwrap();
        rig.cache.keep(&[]);
    }
}

#[test]
fn clean_fields_of_a_key_in_use_are_given_back() {
    let mut rig = Rig::new(16 << 10);
    for round in 0..40 {
        rig.begin(&["k"], 0);
        let names: Vec<_> = (0..10).map(|i| format!("{round} {i}")).collect();
        names.iter().for_each(|name| assert_eq!(rig.field(PLAIN, 0, name), None));
        rig.set_field(SORTED, 0, &names[0], Some("kept"));
        rig.cache.keep(&[]);
        assert!(rig.cache.bytes() <= 16 << 10, "{} bytes in round {round}", rig.cache.bytes());
    }
    assert_eq!(rig.cache.changes().state.len(), 40);
    assert_eq!(rig.cache.bytes(), rig.cache.weighed());
}

#[test]
fn changes_that_fill_the_budget_ask_for_a_commit() {
    let mut rig = Rig::new(32 << 10);
    let long = "x".repeat(100);
    let mut sets = 0;
    while !rig.cache.wants_commit() {
        rig.set(&format!("{sets}"), &long);
        sets += 1;
        assert!(sets < 1000);
    }
    assert!(sets > 50, "{sets}");
    assert_eq!(rig.cache.changes().state.len(), sets);
    rig.commit();
    assert!(!rig.cache.wants_commit());
    rig.set("k", "1");
    rig.cache.abort();
    assert_eq!(rig.cache.account.budget.uncommitted(), 0);
}

#[test]
fn caches_share_a_budget_and_give_it_back() {
    let budget = Budget::new(64 << 10);
    let (mut one, mut two) = (Rig::of(budget.clone(), 0), Rig::of(budget.clone(), 1));
    let fill = |rig: &mut Rig, rounds| {
        for round in 0..rounds {
            let keys: Vec<_> = (0..100).map(|i| format!("{round} {i}")).collect();
            rig.begin(&keys.iter().map(String::as_str).collect::<Vec<_>>(), 0);
            rig.cache.keep(&[]);
        }
    };
    fill(&mut one, 20);
    fill(&mut two, 20);
    assert!(two.cache.bytes() > 16 << 10, "a share although the other has filled the budget");
    one.cache.relieve();
    assert!(!budget.is_exceeded());
    assert_eq!(budget.used(), one.cache.bytes() + two.cache.bytes());
    two.set("k", "1");
    drop(two);
    assert_eq!((budget.used(), budget.uncommitted()), (one.cache.bytes(), 0));
}

#[test]
fn a_cleared_cache_knows_nothing() {
    let mut rig = Rig::new(PLENTY);
    rig.set("k", "1");
    rig.commit();
    rig.begin(&["k"], 0);
    rig.set_field(PLAIN, 0, "f", Some("1"));
    rig.cache.keep(&[update(COUNT, &[(0, Some("2"))])]);
    rig.cache.clear();
    assert_eq!((rig.cache.key_count(), rig.cache.bytes()), (0, 0));
    assert!(rig.cache.changes().state.is_empty());
    assert_eq!(rig.count("k"), None, "staged, and not promoted yet");
    rig.promote();
    rig.cache.clear();
    assert_eq!(rig.count("k"), some("1"));
}

fn fields(page: &Page) -> Vec<String> {
    page.fields.iter().map(|field| text(field).unwrap()).collect()
}

#[test]
fn a_scan_lays_the_changes_over_the_store() {
    for state in [PLAIN, SORTED] {
        let mut rig = Rig::new(PLENTY);
        rig.begin(&["k", "other"], 0);
        for field in ["b", "d", "f", "h", "x"] {
            rig.set_field(state, 0, field, Some("store"));
        }
        rig.set_field(state, 1, "c", Some("another key's"));
        rig.cache.keep(&[]);
        rig.commit();
        rig.promote();
        rig.begin(&["k"], 0);
        rig.set_field(state, 0, "d", Some("pinned"));
        rig.set_field(state, 0, "e", Some("pinned"));
        rig.cache.keep(&[]);
        rig.commit();
        rig.begin(&["k"], 0);
        rig.set_field(state, 0, "f", None);
        rig.set_field(state, 0, "a", Some("kept"));
        rig.cache.keep(&[]);
        rig.begin(&["k"], 0);
        rig.set_field(state, 0, "i", Some("now"));
        rig.set_field(state, 0, "e", None);
        for limit in [1, 2, 3, 50] {
            let mut found = Vec::new();
            let mut start: Option<Vec<u8>> = None;
            loop {
                let page = rig.cache.map_scan(&rig.store, state, 0, b"", start.as_deref(), limit).unwrap();
                assert!(page.fields.len() <= limit as usize);
                let pairs =
                    fields(&page).into_iter().zip(page.values.iter().map(|value| text(value).unwrap()));
                found.extend(pairs.map(|(field, value)| format!("{field} {value}")));
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
            if state == PLAIN {
                found.sort();
            }
            assert_eq!(
                found,
                ["a kept", "b store", "d pinned", "h store", "i now", "x store"],
                "limit {limit}"
            );
        }
        let prefixed = rig.cache.map_scan(&rig.store, state, 0, b"i", None, 9).unwrap();
        assert_eq!((fields(&prefixed), prefixed.next), (vec!["i".to_owned()], None));
    }
}

#[test]
fn a_sorted_scan_starts_where_it_is_told() {
    let mut rig = Rig::new(PLENTY);
    rig.begin(&["k"], 0);
    for field in ["a", "c", "e"] {
        rig.set_field(SORTED, 0, field, Some("1"));
    }
    rig.cache.keep(&[]);
    rig.commit();
    rig.promote();
    rig.begin(&["k"], 0);
    for field in ["b", "d", "f"] {
        rig.set_field(SORTED, 0, field, Some("2"));
    }
    let page = rig.cache.map_scan(&rig.store, SORTED, 0, b"", Some(b"b0"), 3).unwrap();
    assert_eq!(
        (fields(&page), text(page.next.as_deref())),
        (["c", "d", "e"].map(str::to_owned).to_vec(), some("f"))
    );
}

#[test]
fn indices_out_of_range_read_as_absent_and_write_nothing() {
    let mut rig = Rig::new(PLENTY);
    rig.begin(&["k"], 0);
    assert_eq!(rig.cache.get_many(&rig.store, NOTE, &[0, 7]).unwrap(), column(&[None, None]));
    assert_eq!(rig.cache.get_many(&rig.store, 99, &[0]).unwrap(), column(&[None]));
    assert_eq!(rig.field(PLAIN, 7, "f"), None);
    assert_eq!(rig.cache.map_scan(&rig.store, PLAIN, 7, b"", None, 1).unwrap(), Page::default());
    rig.set_field(PLAIN, 7, "f", Some("1"));
    rig.cache.keep(&[
        update(COUNT, &[(7, Some("1"))]),
        update(99, &[(0, Some("1"))]),
        update(PLAIN, &[(0, None)]),
    ]);
    assert!(rig.cache.changes().state.is_empty());
}
