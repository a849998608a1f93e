//! What a batch sees, and what a call leaves.

use super::*;
use crate::state::{Error, Page, Values};

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
fn expired_values_read_as_absent() {
    let mut rig = Rig::new(PLENTY);
    rig.begin(&["a"], 100);
    rig.set_field(SORTED, 0, "f", Some("x"));
    rig.cache.keep(&[update(NOTE, &[(0, Some("n"))])]);
    let seen = |rig: &mut Rig, now| {
        rig.begin(&["a"], now);
        let note = rig.cache.get_many(&rig.store, NOTE, &[0], usize::MAX).unwrap();
        let field = rig.field(SORTED, 0, "f");
        let page = rig.cache.map_scan(&rig.store, SORTED, 0, b"", None, fields_at_most(9)).unwrap();
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
    let uncommitted = rig.cache.account.uncommitted;
    rig.begin(&["k"], 0);
    for field in ["clean", "pinned", "uncommitted", "unknown"] {
        rig.set_field(PLAIN, 0, field, Some("first"));
        rig.set_field(PLAIN, 0, field, None);
        rig.set_field(PLAIN, 0, field, Some("a value that does not lie inside"));
        assert_eq!(rig.field(PLAIN, 0, field), some("a value that does not lie inside"));
    }
    rig.cache.drop_call();
    assert_eq!((rig.cache.changes(), rig.cache.bytes()), (&changes, bytes));
    assert_eq!(rig.cache.account.uncommitted, uncommitted);
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
fn indices_out_of_range_read_as_absent_and_write_nothing() {
    let mut rig = Rig::new(PLENTY);
    rig.begin(&["k"], 0);
    assert_eq!(rig.cache.get_many(&rig.store, NOTE, &[0, 7], usize::MAX).unwrap(), column(&[None, None]));
    assert_eq!(rig.cache.get_many(&rig.store, 99, &[0], usize::MAX).unwrap(), column(&[None]));
    assert_eq!(rig.field(PLAIN, 7, "f"), None);
    assert_eq!(
        rig.cache.map_scan(&rig.store, PLAIN, 7, b"", None, fields_at_most(1)).unwrap(),
        Page::default()
    );
    rig.set_field(PLAIN, 7, "f", Some("1"));
    rig.cache.keep(&[
        update(COUNT, &[(7, Some("1"))]),
        update(99, &[(0, Some("1"))]),
        update(PLAIN, &[(0, None)]),
    ]);
    assert!(rig.cache.changes().state.is_empty());
}

#[test]
fn an_answer_is_bounded_and_a_key_that_repeats_is_read_once() {
    let mut rig = Rig::new(PLENTY);
    rig.begin(&["a"], 0);
    rig.set_field(PLAIN, 0, "f", Some("12345678"));
    rig.cache.keep(&[update(NOTE, &[(0, Some("12345678"))])]);
    rig.commit();
    rig.promote();
    for turn in ["read", "known"] {
        if turn == "read" {
            rig.cache.clear();
        }
        rig.begin(&["a"], 0);
        let fields = column(&[Some("f"); 3]);
        let read = |rig: &mut Rig, most| {
            let values = rig.cache.get_many(&rig.store, NOTE, &[0; 3], most);
            let found = rig.cache.map_get_many(&rig.store, PLAIN, &[0; 3], &fields, most);
            (values.map(|it| it.data.len()), found.map(|it| it.data.len()))
        };
        assert!(matches!(read(&mut rig, 24), (Ok(24), Ok(24))), "{turn}");
        let (values, found) = read(&mut rig, 23);
        assert!(matches!(values, Err(Error::TooLarge { most: 23 })), "{turn}: {values:?}");
        assert!(matches!(found, Err(Error::TooLarge { most: 23 })), "{turn}: {found:?}");
    }
}
