//! Facts about what is read, and what is kept beside it.

use super::scans::{FIELDS, fields_of};
use super::*;
use crate::state::Meta;

pub fn reads_see_promoted_state_only(open: Open<'_>) {
    let (store, scope) = (open(), scope("reads"));
    assert_eq!(value(&*store, &scope, "k"), None, "a scope that was never taken");
    let mut owner = Owner::fresh(&*store, &scope);
    owner.commit(&change("k", Some("1")));
    let staged = owner.stage(&changes(
        "v",
        StateKind::Value,
        &[(b"k", None, Some(b"2"), -1), (b"new", None, Some(b"n"), -1)],
    ));
    let names: [Name<'_>; 3] = [(b"new", None), (b"k", None), (b"k", None)];
    let values = || {
        let values = read(&*store, &scope, "v", StateKind::Value, &names).values;
        values.iter().map(|value| value.map(<[u8]>::to_vec)).collect::<Vec<_>>()
    };
    assert_eq!(values(), [None, Some(b"1".to_vec()), Some(b"1".to_vec())]);
    assert_eq!(owner.promote(staged), Answer::Ok);
    assert_eq!(values(), [Some(b"n".to_vec()), Some(b"2".to_vec()), Some(b"2".to_vec())]);
    assert_eq!(store.read(&[]).unwrap(), []);
}

pub fn an_absent_value_deletes(open: Open<'_>) {
    let (store, scope) = (open(), scope("deletes"));
    let mut owner = Owner::fresh(&*store, &scope);
    owner.commit(&change("k", Some("")));
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some(""), "empty is not absent");
    owner.commit(&change("k", None));
    assert_eq!(value(&*store, &scope, "k"), None);
    let set: [Row<'_>; 2] = [(b"k", Some(b"f"), Some(b"1"), -1), (b"k", Some(b"g"), Some(b"1"), -1)];
    owner.commit(&changes("m", StateKind::Map, &set));
    owner.commit(&changes("m", StateKind::Map, &[(b"k", Some(b"f"), None, -1)]));
    let left = read(&*store, &scope, "m", StateKind::Map, &[(b"k", Some(b"f")), (b"k", Some(b"g"))]);
    assert_eq!((left.values.get(0), left.values.get(1)), (None, Some(&b"1"[..])));
    owner.commit(&changes("m", StateKind::Map, &[(b"never", Some(b"f"), None, -1)]));
}

pub fn expiry_comes_back_as_it_went(open: Open<'_>) {
    let (store, scope) = (open(), scope("expiry"));
    let mut owner = Owner::fresh(&*store, &scope);
    let late = 4_102_444_800_000;
    owner.commit(&changes(
        "v",
        StateKind::Value,
        &[
            (b"never", None, Some(b"1"), -1),
            (b"long ago", None, Some(b"2"), 1000),
            (b"later", None, Some(b"3"), late),
            (b"zero", None, Some(b"4"), 0),
        ],
    ));
    owner.commit(&changes("s", StateKind::SortedMap, &[(b"k", Some(b"f"), Some(b"5"), late)]));
    let names: [Name<'_>; 4] = [(b"never", None), (b"long ago", None), (b"later", None), (b"zero", None)];
    let values = read(&*store, &scope, "v", StateKind::Value, &names);
    assert_eq!(values.expires, [-1, 1000, late, 0]);
    assert!(values.values.iter().all(|value| value.is_some()), "the store has no clock: {values:?}");
    let field = read(&*store, &scope, "s", StateKind::SortedMap, &[(b"k", Some(b"f"))]);
    assert_eq!((field.values.get(0), field.expires), (Some(&b"5"[..]), vec![late]));
    let scan = fields_of(&scope, "s", b"k", b"");
    assert_eq!(store.scan(scan).unwrap().expires, [late]);
    owner.commit(&change("later", Some("6")));
    assert_eq!(read(&*store, &scope, "v", StateKind::Value, &names).expires, [-1, 1000, -1, 0]);
}

pub fn fields_belong_to_their_key_and_state(open: Open<'_>) {
    let (store, scope) = (open(), scope("fields"));
    let mut owner = Owner::fresh(&*store, &scope);
    owner.commit(&changes(
        "m",
        StateKind::Map,
        &[
            (b"k", Some(b"f"), Some(b"m k f"), -1),
            (b"k", Some(b"g"), Some(b"m k g"), -1),
            (b"l", Some(b"f"), Some(b"m l f"), -1),
        ],
    ));
    let mut other = changes("s", StateKind::SortedMap, &[(b"k", Some(b"f"), Some(b"s k f"), -1)]);
    other.states.push(("v".to_owned(), StateKind::Value));
    other.state.push(1);
    other.keys.push(Some(b"k"));
    other.fields.push(None);
    other.values.push(Some(b"v k"));
    other.expires.push(-1);
    owner.commit(&other);
    let names: [Name<'_>; 4] =
        [(b"k", Some(b"f")), (b"k", Some(b"g")), (b"l", Some(b"f")), (b"l", Some(b"g"))];
    let of = |state, kind| read(&*store, &scope, state, kind, &names).values;
    let column = |items: [Option<&[u8]>; 4]| items.into_iter().collect::<Column>();
    assert_eq!(of("m", StateKind::Map), column([Some(b"m k f"), Some(b"m k g"), Some(b"m l f"), None]));
    assert_eq!(of("s", StateKind::SortedMap), column([Some(b"s k f"), None, None, None]));
    assert_eq!(of("unknown", StateKind::Map), column([None; 4]));
    assert_eq!(value(&*store, &scope, "k").as_deref(), Some("v k"));
}

pub fn large_values_come_back(open: Open<'_>) {
    let (store, scope) = (open(), scope("large"));
    let mut owner = Owner::fresh(&*store, &scope);
    let value: Vec<u8> = (0..5_000_000u32).map(|i| (i % 251) as u8).collect();
    let key = vec![7; 10_000];
    owner.commit(&changes("v", StateKind::Value, &[(&key, None, Some(&value), -1)]));
    owner.commit(&changes("s", StateKind::SortedMap, &[(&key, Some(&key), Some(&value), -1)]));
    let read_back = read(&*store, &scope, "v", StateKind::Value, &[(&key, None)]).values;
    assert!(read_back.get(0) == Some(&value[..]), "{} bytes", read_back.data.len());
    let scanned = scan_all(&*store, fields_of(&scope, "s", &key, b""));
    assert!(scanned == [(key, value)], "the field is another");
}

pub fn binary_keys_do_not_run_into_each_other(open: Open<'_>) {
    let (store, scope) = (open(), scope("binary"));
    let mut owner = Owner::fresh(&*store, &scope);
    let pairs: Vec<_> =
        FIELDS.iter().flat_map(|key| FIELDS.iter().map(move |field| (*key, *field))).collect();
    let values: Vec<_> = (0..pairs.len()).map(|i| i.to_string()).collect();
    let rows: Vec<Row<'_>> = pairs
        .iter()
        .zip(&values)
        .map(|((key, field), value)| (*key, Some(*field), Some(value.as_bytes()), -1))
        .collect();
    owner.commit(&changes("s", StateKind::SortedMap, &rows));
    let names: Vec<Name<'_>> = pairs.iter().map(|(key, field)| (*key, Some(*field))).collect();
    let found = read(&*store, &scope, "s", StateKind::SortedMap, &names).values;
    assert_eq!(found, values.iter().map(|value| Some(value.as_bytes())).collect());
    for key in FIELDS {
        let fields: Vec<_> =
            scan_all(&*store, fields_of(&scope, "s", key, b"")).into_iter().map(|f| f.0).collect();
        assert_eq!(fields, FIELDS, "of key {key:?}");
    }
}

pub fn scopes_are_independent(open: Open<'_>) {
    let store = open();
    let base = scope("scopes");
    let with = |deployment: &str, entity: &str, partition| Scope {
        deployment: format!("{}{deployment}", base.entity),
        entity: entity.to_owned(),
        partition,
    };
    let scopes = [
        with("", "a", 1),
        with("", "a", 2),
        with("", "b", 1),
        with("a", "", 1),
        with(":", "%ü {}", 1),
        with("\0", "a:1", 0x0100_0000),
    ];
    let mut owners = scopes.each_ref().map(|scope| Owner::fresh(&*store, scope));
    for (at, owner) in owners.iter_mut().enumerate() {
        owner.commit(&change("k", Some(&at.to_string())));
    }
    for (at, scope) in scopes.iter().enumerate() {
        assert_eq!(value(&*store, scope, "k"), Some(at.to_string()), "{scope}");
    }
    let listed = store.scopes().unwrap();
    assert!(
        scopes.iter().all(|scope| listed.iter().filter(|found| *found == scope).count() == 1),
        "{listed:?}"
    );
    assert!(!listed.contains(&base), "a scope that was never taken");
}

pub fn meta_comes_back(open: Open<'_>) {
    let (store, scope) = (open(), scope("meta"));
    let owner = Owner::fresh(&*store, &scope);
    assert_eq!(store.meta(&scope).unwrap(), None);
    let versions = [("v".to_owned(), 3), ("ü:".to_owned(), 1)].into_iter().collect();
    let topics = [("t".to_owned(), "lZ0dHxUeSnmRkw4tJ5kAmg".to_owned())].into_iter().collect();
    let (partitioner, inputs) = ("murmur2".to_owned(), vec!["t".to_owned(), "u".to_owned()]);
    let mut meta = Meta { format: 1, partition_count: 6, partitioner, versions, topics, inputs };
    assert_eq!(store.set_meta(&scope, owner.token, &meta).unwrap(), Answer::Ok);
    assert_eq!(store.meta(&scope).unwrap().as_ref(), Some(&meta));
    Owner::take(&*store, &scope, "b");
    assert_eq!(store.meta(&scope).unwrap().as_ref(), Some(&meta), "whoever owns it");
    let owner = Owner::fresh(&*store, &scope);
    meta.format = 1_000;
    assert_eq!(store.set_meta(&scope, owner.token, &meta).unwrap(), Answer::Ok);
    let error = store.meta(&scope).unwrap_err().to_string();
    assert!(error.contains(&scope.to_string()) && error.contains("format 1000"), "{error}");
}

pub fn a_sweep_leaves_what_has_not_expired(open: Open<'_>) {
    let (store, scope) = (open(), scope("sweep"));
    let mut owner = Owner::fresh(&*store, &scope);
    let names: Vec<_> = (0..50u8).map(|i| [i]).collect();
    let rows: Vec<Row<'_>> = names
        .iter()
        .map(|name| (&name[..], None, Some(&name[..]), [-1, 1_000, 999, 2_000][usize::from(name[0]) % 4]))
        .collect();
    owner.commit(&changes("v", StateKind::Value, &rows));
    let stale = Token { epoch: owner.token.epoch - 1, ..owner.token };
    assert_eq!(store.sweep(&scope, stale, 5_000, 100).unwrap().removed, 0);
    let mut steps = 0;
    while !store.sweep(&scope, owner.token, 1_000, 8).unwrap().at_end {
        steps += 1;
        assert!(steps < 50, "a sweep never ends");
    }
    let names: Vec<Name<'_>> = names.iter().map(|name| (&name[..], None)).collect();
    let left = read(&*store, &scope, "v", StateKind::Value, &names);
    for (at, value) in left.values.iter().enumerate().filter(|(at, _)| at % 4 != 2) {
        assert_eq!(value, Some(&[at as u8][..]), "{:?} had not expired", left.expires[at]);
    }
}
