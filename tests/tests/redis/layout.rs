//! What lies in Redis, seen with plain `redis-cli`.

use std::collections::BTreeMap;

use invoker_host::state::{Answer, Meta, Scan, StateKind, StateStore};

use super::owner::{Owner, changes, root, scope, values};
use super::server::{cli, start};
use super::{connect, options};

#[test]
fn state_is_readable_with_redis_cli() {
    let server = start(&[]);
    let store = connect(&server.url()).unwrap();
    let scope = scope("layout");
    let mut owner = Owner::take(&store, &scope);
    owner.commit(&values(&[("apple", Some(b"17"), -1), ("soon", Some(b"1"), 1_732_000_000_000)]));
    owner.commit(&changes(
        "seen",
        StateKind::SortedMap,
        Some("k:1"),
        &[("b", Some(b"2"), -1), ("a", Some(b"1"), -1)],
    ));
    let key = |name: &str| format!("{}:{name}", root(&scope));
    assert_eq!(cli(&server, &["hget", &key("v:v"), "apple"]), "17");
    let soon = cli(&server, &["--no-raw", "hget", &key("v:v"), "soon"]);
    assert_eq!(soon, "\"\\xf51732000000000:1\"");
    assert_eq!(cli(&server, &["hget", &key("m:seen:k%3A1"), "b"]), "2");
    assert_eq!(cli(&server, &["zrange", &key("z:seen:k%3A1"), "0", "-1"]), "a\nb");
    assert_eq!(cli(&server, &["smembers", &key("ttl")]), "v:v");
    let control = |field: &str| cli(&server, &["hget", &key("control"), field]);
    assert_eq!(control("owner"), "1.0000000000000001");
    assert_eq!((control("applied"), control("next")), ("1.0000000000000001.2".into(), "2".into()));
    assert_eq!((control("tids"), control("cand")), ("[\"t\"]".into(), "t".into()));
    assert_eq!(cli(&server, &["exists", &key("pending")]), "0", "nothing waits");
    let meta = Meta { format: 1, partition_count: 6, partitioner: "murmur2".into(), ..Meta::default() };
    assert_eq!(store.set_meta(&scope, owner.token, &meta).unwrap(), Answer::Ok);
    let text = cli(&server, &["get", &key("meta")]);
    assert_eq!(
        text,
        "{\"format\":1,\"partition_count\":6,\"partitioner\":\"murmur2\",\"versions\":{},\"topics\":{},\"inputs\":[]}"
    );
}

#[test]
fn what_was_deleted_or_swept_leaves_nothing_behind() {
    let server = start(&[]);
    let store = connect(&server.url()).unwrap();
    let scope = scope("swept");
    let mut owner = Owner::take(&store, &scope);
    let names: Vec<_> = (0..3000).map(|i| format!("f{i}")).collect();
    let rows: Vec<_> = names.iter().map(|name| (&**name, Some(&b"x"[..]), 1_000)).collect();
    owner.commit(&changes("s", StateKind::SortedMap, Some("k"), &rows));
    owner.commit(&changes("m", StateKind::Map, Some("k"), &rows[..10]));
    owner.commit(&values(&rows));
    owner.commit(&changes("d", StateKind::SortedMap, Some("k"), &[("a", Some(b"1"), -1)]));
    owner.commit(&changes("d", StateKind::SortedMap, Some("k"), &[("a", None, -1)]));
    let (mut removed, mut steps) = (0, 0);
    loop {
        let swept = store.sweep(&scope, owner.token, 2_000, 100).unwrap();
        removed += swept.removed;
        steps += 1;
        if swept.at_end {
            break;
        }
    }
    assert_eq!(removed, 6010);
    assert!(steps > 20, "{steps} steps: each looks at about 100 values");
    let keys = cli(&server, &["keys", "*"]);
    assert_eq!(keys, format!("{}:control", root(&scope)));
}

#[test]
fn a_sweep_leaves_what_was_written_since() {
    let server = start(&[]);
    let store = connect(&server.url()).unwrap();
    let mut owner = Owner::take(&store, &scope("since"));
    owner.commit(&values(&[("k", Some(b"old"), 1_000)]));
    owner.commit(&values(&[("k", Some(b"new"), -1)]));
    assert_eq!(store.sweep(&owner.scope, owner.token, 2_000, 100).unwrap().removed, 0);
    assert_eq!(owner.value("k").as_deref(), Some(&b"new"[..]));
}

#[test]
fn a_map_that_grows_meanwhile_is_scanned_whole() {
    let server = start(&[]);
    let store = connect(&server.url()).unwrap();
    let scope = scope("scan");
    let mut owner = Owner::take(&store, &scope);
    let names: Vec<_> = (0..20_000).map(|i| format!("f{i}")).collect();
    let rows: Vec<_> = names.iter().map(|name| (&**name, Some(name.as_bytes()), -1)).collect();
    owner.commit(&changes("m", StateKind::Map, Some("k"), &rows[..4000]));
    let mut found: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    let mut start = None;
    let mut pages = 0;
    loop {
        let scan = Scan {
            scope: &scope,
            state: "m",
            kind: StateKind::Map,
            key: Some(b"k"),
            prefix: b"",
            start: start.as_deref(),
            limit: 70,
        };
        let page = store.scan(scan).unwrap();
        assert!(page.fields.len() <= 70);
        page.fields.iter().for_each(|field| *found.entry(field.unwrap().to_vec()).or_default() += 1);
        pages += 1;
        if pages == 10 {
            assert!(found.values().all(|times| *times == 1), "each once while nothing changes");
            owner.commit(&changes("m", StateKind::Map, Some("k"), &rows[4000..]));
        }
        start = page.next;
        if start.is_none() {
            break;
        }
    }
    assert!(names[..4000].iter().all(|name| found.contains_key(name.as_bytes())), "{} found", found.len());
}

#[test]
fn another_prefix_is_another_world() {
    let server = start(&[]);
    let [one, other] = ["one", "other:1"].map(|prefix| {
        let mut options = options(&server.url());
        options.prefix = prefix.into();
        invoker_host::state::RedisState::connect(options).unwrap()
    });
    let scope = scope("prefix");
    Owner::take(&one, &scope).commit(&values(&[("k", Some(b"1"), -1)]));
    assert_eq!(other.owner(&scope).unwrap(), None);
    assert_eq!((one.scopes().unwrap(), other.scopes().unwrap()), (vec![scope], vec![]));
}

#[test]
fn damage_by_hand_is_named_and_changes_nothing() {
    let server = start(&[]);
    let store = connect(&server.url()).unwrap();
    let mut owner = Owner::take(&store, &scope("damage"));
    owner.commit(&values(&[("k", Some(b"1"), -1)]));
    let id = owner.next_id();
    assert_eq!(owner.send(id, &values(&[("k", Some(b"2"), -1)])).unwrap(), Answer::Ok);
    let pending = format!("{}:pending", root(&owner.scope));
    for damage in ["\u{1}nonsense", "\u{c1}"] {
        cli(&server, &["hset", &pending, &id.to_string(), damage]);
        let error = owner.promote(id).unwrap_err();
        assert!(!error.is_retryable());
        assert!(error.to_string().starts_with(&format!("state of {} is damaged", owner.scope)), "{error}");
    }
    cli(&server, &["del", &pending]);
    let error = owner.promote(id).unwrap_err().to_string();
    assert!(error.ends_with(&format!("the changes of stage {id} are missing")), "{error}");
    assert_eq!(owner.value("k").as_deref(), Some(&b"1"[..]));
}
