//! Facts about scans.

use std::collections::BTreeMap;

use super::*;

pub(super) fn fields_of<'a>(scope: &'a Scope, state: &'a str, key: &'a [u8], prefix: &'a [u8]) -> Scan<'a> {
    let kind = if state == "m" { StateKind::Map } else { StateKind::SortedMap };
    Scan { scope, state, kind, key: Some(key), prefix, start: None, limit: 100 }
}

/// Fields that sort in ways that go wrong easily.
pub(super) const FIELDS: [&[u8]; 12] = [
    b"",
    b"\x00",
    b"\x00\x00",
    b"\x00\x01",
    b"\x00\xff",
    b"\x01",
    b"a",
    b"a\x00",
    b"a\x00\xff",
    b"a\xff",
    b"b",
    b"\xff\xff",
];

pub fn a_sorted_map_is_scanned_in_byte_order(open: Open<'_>) {
    let (store, scope) = (open(), scope("sorted"));
    let mut owner = Owner::fresh(&*store, &scope);
    let rows: Vec<Row<'_>> =
        FIELDS.iter().rev().map(|field| (&b"k"[..], Some(*field), Some(*field), -1)).collect();
    owner.commit(&changes("s", StateKind::SortedMap, &rows));
    owner.commit(&changes(
        "s",
        StateKind::SortedMap,
        &[
            (b"j", Some(b"a"), Some(b"other"), -1),
            (b"k\x00", Some(b"a"), Some(b"other"), -1),
            (b"ka", Some(b"a"), Some(b"other"), -1),
        ],
    ));
    let fields = |prefix: &[u8], start: Option<&[u8]>, limit| {
        let scan = Scan { start, limit, ..fields_of(&scope, "s", b"k", prefix) };
        scan_all(&*store, scan)
            .into_iter()
            .map(|(field, value)| {
                assert_eq!(field, value);
                field
            })
            .collect::<Vec<_>>()
    };
    for limit in [1, 2, 5, 100] {
        assert_eq!(fields(b"", None, limit), FIELDS);
        assert_eq!(fields(b"a", None, limit), FIELDS[6..10]);
        assert_eq!(fields(b"\xff", None, limit), FIELDS[11..]);
        assert_eq!(fields(b"\x00", Some(b"\x00\x01"), limit), FIELDS[3..5]);
        assert_eq!(fields(b"a", Some(b"a\x00\x01"), limit), FIELDS[8..10]);
        assert_eq!(fields(b"a", Some(b""), limit), FIELDS[6..10], "a start in front of the prefix");
        assert_eq!(fields(b"a", Some(b"b"), limit), FIELDS[..0], "a start behind the prefix");
    }
}

pub fn a_scan_is_cut_into_pages(open: Open<'_>) {
    let (store, scope) = (open(), scope("pages"));
    let mut owner = Owner::fresh(&*store, &scope);
    let names: Vec<_> = (0..25u8).map(|i| [b'f', i]).collect();
    let rows: Vec<Row<'_>> =
        names.iter().map(|name| (&b"k"[..], Some(&name[..]), Some(&name[1..]), -1)).collect();
    owner.commit(&changes("s", StateKind::SortedMap, &rows));
    let page = |start: Option<&[u8]>| {
        store.scan(Scan { start, limit: 10, ..fields_of(&scope, "s", b"k", b"f") }).unwrap()
    };
    let first = page(None);
    assert_eq!((first.fields.len(), first.fields.get(9)), (10, Some(&names[9][..])));
    let next = first.next.unwrap();
    owner.commit(&changes("s", StateKind::SortedMap, &[(b"k", Some(&names[10]), None, -1)]));
    let second = page(Some(&next));
    assert_eq!(second.fields.get(0), Some(&names[11][..]), "the field it was to go on at is gone");
    let last = page(Some(&second.next.unwrap()));
    assert_eq!((last.fields.len(), last.next), (4, None));
    let empty = store.scan(fields_of(&scope, "s", b"k", b"x")).unwrap();
    assert_eq!(empty, Page::default());
}

pub fn a_plain_map_is_scanned_whole(open: Open<'_>) {
    let (store, scope) = (open(), scope("map"));
    let mut owner = Owner::fresh(&*store, &scope);
    let names: Vec<_> =
        (0..200u32).map(|i| format!("{}-{i}", if i % 2 == 0 { "even" } else { "odd" })).collect();
    let rows: Vec<Row<'_>> =
        names.iter().map(|name| (&b"k"[..], Some(name.as_bytes()), Some(name.as_bytes()), -1)).collect();
    owner.commit(&changes("m", StateKind::Map, &rows));
    let scan = Scan { limit: 7, ..fields_of(&scope, "m", b"k", b"") };
    let all: BTreeMap<_, _> = scan_all(&*store, scan).into_iter().collect();
    assert_eq!(all.len(), 200);
    assert!(all.iter().all(|(field, value)| field == value));
    let odd: BTreeMap<_, _> = scan_all(&*store, Scan { prefix: b"odd-", ..scan }).into_iter().collect();
    assert_eq!(odd.len(), 100);
}

pub fn keys_of_a_value_state_are_scanned(open: Open<'_>) {
    let (store, scope) = (open(), scope("keys"));
    let mut owner = Owner::fresh(&*store, &scope);
    let rows: Vec<Row<'_>> = FIELDS.iter().map(|key| (*key, None, Some(*key), -1)).collect();
    owner.commit(&changes("v", StateKind::Value, &rows));
    owner.commit(&changes("w", StateKind::Value, &[(b"a", None, Some(b"other"), -1)]));
    let scan = Scan {
        scope: &scope,
        state: "v",
        kind: StateKind::Value,
        key: None,
        prefix: b"",
        start: None,
        limit: 5,
    };
    let mut all = scan_all(&*store, scan);
    all.sort();
    assert_eq!(all, FIELDS.map(|key| (key.to_vec(), key.to_vec())));
    let mut some = scan_all(&*store, Scan { prefix: b"a", ..scan });
    some.sort();
    assert_eq!(some.iter().map(|(key, _)| &key[..]).collect::<Vec<_>>(), FIELDS[6..10]);
}
