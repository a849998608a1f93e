//! Facts about walks.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use super::scans::FIELDS;
use super::*;

/// Partition, state, key, field, value and expiry.
type Owned = (u32, String, Vec<u8>, Option<Vec<u8>>, Vec<u8>, i64);

fn owned(item: &Item<'_>) -> Owned {
    let field = item.field.map(<[u8]>::to_vec);
    (item.partition, item.state.to_owned(), item.key.to_vec(), field, item.value.to_vec(), item.expires)
}

fn everything_of(scope: &Scope) -> Walk<'_> {
    Walk { deployment: &scope.deployment, entity: &scope.entity, partition: None, state: None, prefix: b"" }
}

fn walked(store: &dyn StateStore, walk: Walk<'_>) -> Vec<Owned> {
    let mut items = Vec::new();
    store
        .walk(walk, &mut |item| {
            items.push(owned(item));
            ControlFlow::Continue(())
        })
        .unwrap();
    items.sort();
    items
}

pub fn a_walk_shows_everything_of_an_entity(open: Open<'_>) {
    let (store, first) = (open(), scope("walk"));
    assert_eq!(walked(&*store, everything_of(&first)), []);
    let second = Scope { partition: 70, ..first.clone() };
    let other = Scope { entity: format!("{}x", first.entity), ..first.clone() };
    let mut expected = Vec::new();
    for scope in [&first, &second, &other] {
        let mut owner = Owner::fresh(&*store, scope);
        for (state, kind, expires) in
            [("v:", StateKind::Value, -1), ("m", StateKind::Map, 7), ("s", StateKind::SortedMap, -1)]
        {
            let field = (kind != StateKind::Value).then_some(&b"f\x00"[..]);
            let rows: Vec<Row<'_>> = FIELDS.iter().map(|key| (*key, field, Some(*key), expires)).collect();
            owner.commit(&changes(state, kind, &rows));
            if scope != &other {
                expected.extend(FIELDS.iter().map(|key| {
                    let field = field.map(<[u8]>::to_vec);
                    (scope.partition, state.to_owned(), key.to_vec(), field, key.to_vec(), expires)
                }));
            }
        }
        owner.commit(&changes("m", StateKind::Map, &[(b"gone", Some(b"f"), Some(b"1"), -1)]));
        owner.commit(&changes("m", StateKind::Map, &[(b"gone", Some(b"f"), None, -1)]));
        owner.stage(&change("staged", Some("1")));
    }
    expected.sort();
    let all = everything_of(&first);
    assert_eq!(walked(&*store, all), expected);
    let some = |wanted: &dyn Fn(&Owned) -> bool| -> Vec<Owned> {
        expected.iter().filter(|item| wanted(item)).cloned().collect()
    };
    assert_eq!(walked(&*store, Walk { partition: Some(70), ..all }), some(&|item| item.0 == 70));
    assert_eq!(walked(&*store, Walk { state: Some("m"), ..all }), some(&|item| item.1 == "m"));
    assert_eq!(walked(&*store, Walk { state: Some("v"), ..all }), []);
    for prefix in [&b"a"[..], b"\x00", b"\xff"] {
        assert_eq!(walked(&*store, Walk { prefix, ..all }), some(&|item| item.2.starts_with(prefix)));
    }
    let mut seen = 0;
    store
        .walk(all, &mut |_| {
            seen += 1;
            if seen == 5 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .unwrap();
    assert_eq!(seen, 5, "it goes on after it was broken off");
}

pub fn a_walk_through_large_states_is_whole(open: Open<'_>) {
    let (store, scope) = (open(), scope("walk-large"));
    let mut owner = Owner::fresh(&*store, &scope);
    let names: Vec<_> = (0..700u32).map(|i| i.to_string()).collect();
    let rows: Vec<Row<'_>> = names.iter().map(|name| (name.as_bytes(), None, Some(&b"v"[..]), -1)).collect();
    owner.commit(&changes("v", StateKind::Value, &rows));
    let rows: Vec<Row<'_>> =
        names.iter().map(|name| (&b"k"[..], Some(name.as_bytes()), Some(&b"m"[..]), -1)).collect();
    owner.commit(&changes("m", StateKind::Map, &rows));
    let rows: Vec<Row<'_>> =
        names.iter().map(|name| (name.as_bytes(), Some(&b"f"[..]), Some(&b"s"[..]), -1)).collect();
    owner.commit(&changes("s", StateKind::SortedMap, &rows));
    let (mut items, mut keys) = (BTreeSet::new(), Vec::new());
    store
        .walk(everything_of(&scope), &mut |item| {
            items.insert(owned(item));
            let place = (item.state.to_owned(), item.key.to_vec());
            if item.state == "m" && keys.last() != Some(&place) {
                keys.push(place);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(items.len(), 2100);
    assert_eq!(keys.len(), 1, "the fields of a key come one after another");
}
