//! `state` on every store: the same is shown, to the byte.

use std::path::Path;

use invoker_core::commit::CommitId;
use invoker_host::db::{Database, Durability};
use invoker_host::state::{
    Answer, Apply, Changes, EmbeddedState, Journal, Meta, RedisOptions, RedisState, Scope, StateKind,
    StateStore, Take,
};
use invoker_tests::servers;

use crate::workplace::Workplace;

const LATE: i64 = 4_102_444_800_000;

/// Key, field, value and expiry.
type Row = (&'static [u8], Option<&'static [u8]>, &'static [u8], i64);

const VALUES: [Row; 5] = [
    (b"the", None, b"2", -1),
    (b"cat", None, b"{\"a\":1}", -1),
    (b"gone", None, b"1", 1000),
    (b"late", None, b"", LATE),
    (b"\xff", None, b"\x00\xfe", -1),
];
const FIELDS: [Row; 4] = [
    (b"k", Some(b"b"), b"2", -1),
    (b"k", Some(b"a"), b"1", LATE),
    (b"k", Some(b"c"), b"3", -1),
    (b"l", Some(b"\xff"), b"4", -1),
];

const EXPORTED: &str = r#"{"expires":4102444800000,"field":"a","key":"k","partition":0,"state":"log","value":"1"}
{"expires":4102444800000,"field":"a","key":"k","partition":0,"state":"open","value":"1"}
{"expires":4102444800000,"key":"late","partition":0,"state":"total","value":""}
{"field":"b","key":"k","partition":0,"state":"log","value":"2"}
{"field":"b","key":"k","partition":0,"state":"open","value":"2"}
{"field":"c","key":"k","partition":0,"state":"log","value":"3"}
{"field":"c","key":"k","partition":0,"state":"open","value":"3"}
{"fieldBase64":"/w==","key":"l","partition":0,"state":"log","value":"4"}
{"fieldBase64":"/w==","key":"l","partition":0,"state":"open","value":"4"}
{"key":"cat","partition":0,"state":"total","value":"{\"a\":1}"}
{"key":"dog","partition":13,"state":"total","value":"1"}
{"key":"the","partition":0,"state":"total","value":"2"}
{"keyBase64":"/w==","partition":0,"state":"total","valueBase64":"AP4="}
"#;

fn fill(store: &dyn StateStore, deployment: &str) {
    let of = |partition| Scope { deployment: deployment.to_owned(), entity: "keep".to_owned(), partition };
    let all = [("total", StateKind::Value, &VALUES[..]), ("open", StateKind::Map, &FIELDS)];
    write(store, &of(0), &[&all[..], &[("log", StateKind::SortedMap, &FIELDS)]].concat());
    write(store, &of(13), &[("total", StateKind::Value, &[(b"dog", None, b"1", -1)])]);
}

/// Writes as the owner of a scope does.
fn write(store: &dyn StateStore, scope: &Scope, states: &[(&str, StateKind, &[Row])]) {
    let Take::Taken { token, .. } = store.take(scope, 7, "t", None).unwrap() else { panic!("{scope}") };
    store.finish(scope, token, None).unwrap().unwrap();
    let versions = states.iter().map(|(name, ..)| ((*name).to_owned(), 1)).collect();
    let meta = Meta {
        format: 1,
        partition_count: 14,
        partitioner: "murmur2".to_owned(),
        versions,
        ..Meta::default()
    };
    assert_eq!(store.set_meta(scope, token, &meta).unwrap(), Answer::Ok);
    let mut base = None;
    for (sequence, (name, kind, rows)) in (1..).zip(states) {
        let changes = Changes {
            states: vec![((*name).to_owned(), *kind)],
            state: vec![0; rows.len()],
            keys: rows.iter().map(|row| Some(row.0)).collect(),
            fields: rows.iter().map(|row| row.1).collect(),
            values: rows.iter().map(|row| Some(row.2)).collect(),
            expires: rows.iter().map(|row| row.3).collect(),
        };
        let id = CommitId { token, sequence };
        let apply = Apply { scope, token, base, id, next: &[sequence], changes: &changes };
        assert_eq!(store.apply(&[apply]).unwrap(), [Answer::Ok]);
        base = Some(id);
    }
}

/// All that the commands show, of whatever is at this place.
fn is_shown(place: &Workplace, deployment: &str, at: &[&str]) {
    let at = [&["--deployment", deployment], at].concat();
    let state = |words: &[&str]| place.invoker(&[&["state"], words, &at].concat());
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(|line| format!("{line}\n")).collect();
        lines.sort();
        lines.concat()
    };
    assert_eq!(sorted(&state(&["export", "keep"]).succeeded().out), EXPORTED);
    let told = state(&["export", "keep", "--partition", "13", "--file", "keep.jsonl"]).succeeded();
    assert_eq!(told.out, "wrote 1 value of \"keep\" to keep.jsonl\n");
    let file = std::fs::read_to_string(place.path("keep.jsonl")).unwrap();
    assert_eq!(file, "{\"key\":\"dog\",\"partition\":13,\"state\":\"total\",\"value\":\"1\"}\n");

    let get = |words: &[&str]| state(&[&["get", "keep"], words].concat()).succeeded().out;
    assert_eq!(get(&["total", "the"]), "0  the  2\n");
    assert_eq!(get(&["total", "dog"]), "13  dog  1\n");
    assert_eq!(get(&["total", "cat"]), "0  cat  {\"a\":1}\n");
    assert_eq!(get(&["log", "k"]), "0  k  a  1\n0  k  b  2\n0  k  c  3\n");
    assert_eq!(get(&["open", "k"]), "0  k  a  1\n0  k  b  2\n0  k  c  3\n");
    assert_eq!(get(&["open", "k", "--field", "b"]), "0  k  b  2\n");
    state(&["get", "keep", "total", "gone"]).failed(2, &["nothing under key \"gone\""]);
    state(&["get", "keep", "open", "k", "--field", "x"]).failed(2, &["nothing under key \"k\""]);
    state(&["get", "keep", "total", "the", "--field", "x"]).failed(2, &["state \"total\" has no fields"]);

    let scan = |words: &[&str]| sorted(&state(&[&["scan", "keep"], words].concat()).succeeded().out);
    assert_eq!(
        scan(&["total"]),
        "0  \\xff  \\u{0}\\xfe\n0  cat  {\"a\":1}\n0  late  \"\"\n0  the  2\n13  dog  1\n"
    );
    assert_eq!(scan(&["total", "--prefix", "d"]), "13  dog  1\n");
    assert_eq!(scan(&["open"]), "0  k  a  1\n0  k  b  2\n0  k  c  3\n0  l  \\xff  4\n");
    assert_eq!(scan(&["open", "--keys"]), "0  k\n0  l\n");
    assert_eq!(scan(&["log", "--keys", "--prefix", "l"]), "0  l\n");
    assert_eq!(scan(&["log", "--limit", "2"]).lines().count(), 2);
    state(&["scan", "keep", "nothing"])
        .failed(2, &["has no state \"nothing\"", "there are log, open, total"]);
    state(&["scan", "keep", "total", "--partition", "1"])
        .failed(2, &["partition 1 of \"keep\" has no state", "there are 0, 13"]);
}

#[test]
fn state_of_a_data_directory_is_shown() {
    let place = Workplace::new("embedded");
    let database = Database::open(&place.path("data"), Durability::Commit).unwrap();
    fill(&EmbeddedState::open(database.clone(), Journal::Own).unwrap(), &place.name);
    drop(database);
    is_shown(&place, &place.name, &["--data", "data"]);
}

fn connect(url: &str) -> RedisState {
    RedisState::connect(RedisOptions::new(vec![url.to_owned()])).unwrap()
}

#[test]
fn state_in_redis_is_shown() {
    let (url, place) = (servers::redis().unwrap(), Workplace::new("single"));
    fill(&connect(&url), &place.name);
    is_shown(&place, &place.name, &["--redis", &url]);
}

#[test]
fn state_in_a_redis_cluster_is_shown() {
    let (url, place) = (servers::redis_cluster().unwrap(), Workplace::new("cluster"));
    fill(&connect(&url), &place.name);
    is_shown(&place, &place.name, &["--redis", &url]);
}

#[test]
fn who_looks_needs_no_right_to_write_and_no_good_server() {
    let reader = "reader on >pw ~{invoker:1:* -@all +info +cluster|slots +scan +hscan +hmget +get";
    let options =
        servers::RedisOptions { users: vec![reader.to_owned()], ..servers::RedisOptions::default() };
    let redis = servers::Redis::start(&options).unwrap();
    let place = Workplace::new("reader");
    fill(&connect(&redis.url()), &place.name);
    let set = |name: &str, value: &str| redis.cli(&["config", "set", name, value]).unwrap();
    let url = format!("redis://reader:pw@127.0.0.1:{}", redis.port());
    let exported = || {
        let words = ["state", "export", "keep", "--redis", &url];
        place.invoker(&words).succeeded().out.lines().count()
    };
    set("maxmemory", "1");
    redis.cli(&["set", "more", "1"]).unwrap_err();
    assert_eq!(exported(), EXPORTED.lines().count(), "a server that is full");
    set("maxmemory", "0");
    set("maxmemory-policy", "allkeys-lru");
    assert_eq!(exported(), EXPORTED.lines().count(), "a server that evicts");
    let get = ["state", "get", "keep", "total", "the", "--redis", &url];
    assert_eq!(place.invoker(&get).succeeded().out, "0  the  2\n");
    let get = ["state", "get", "keep", "log", "k", "--redis", &url];
    assert_eq!(place.invoker(&get).succeeded().out, "0  k  a  1\n0  k  b  2\n0  k  c  3\n");
    set("maxmemory-policy", "noeviction");
    fill(&connect(&redis.url()), "other");
    let ended = place.invoker(&["state", "export", "keep", "--redis", &url]);
    ended.failed(
        2,
        &["several deployments have an entity \"keep\"", "\"other\"", "name one with --deployment"],
    );
    let url = url.replace("pw", "wr0ng");
    let ended = place.invoker(&["state", "export", "keep", "--redis", &url]);
    ended.failed(10, &["cannot use Redis at", "refuses the user and password"]);
    assert!(!ended.err.contains("wr0ng"), "{}", ended.err);
}

#[test]
fn an_export_that_cannot_be_written_leaves_nothing_behind() {
    let (url, place) = (servers::redis().unwrap(), Workplace::new("export"));
    fill(&connect(&url), &place.name);
    place.write("there/is", "a folder");
    let export = |file: &str| {
        place.invoker(&[
            "state",
            "export",
            "keep",
            "--redis",
            &url,
            "--deployment",
            &place.name,
            "--file",
            file,
        ])
    };
    export("nowhere/keep.jsonl").failed(5, &["cannot write file \"nowhere/keep.jsonl"]);
    export("there").failed(5, &["cannot write file \"there\""]);
    assert!(!Path::new(&place.path("there.part")).exists());
}
