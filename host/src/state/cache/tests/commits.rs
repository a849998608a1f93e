//! Commits, aborts, and what they leave.

use super::*;
use crate::state::Apply;

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
fn an_abort_after_an_apply_reads_what_was_applied() {
    let mut rig = Rig::new(PLENTY);
    rig.set("k", "1");
    let first = rig.commit();
    rig.set("k", "2");
    rig.promote();
    let apply = Apply {
        scope: rig.cache.scope(),
        token: rig.token,
        base: Some(first),
        id: CommitId { sequence: 9, ..first },
        next: &[],
        changes: rig.cache.changes(),
    };
    assert_eq!(rig.store.apply(&[apply]).unwrap(), [Answer::Ok]);
    rig.cache.abort();
    assert_eq!(rig.count("k"), some("2"));
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
