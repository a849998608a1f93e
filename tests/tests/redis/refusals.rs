//! What is refused at the start, each with one clear line.

use std::time::Duration;

use invoker_host::state::{RedisOptions, RedisState};
use invoker_tests::servers::{self, Certificate, Redis};

use super::owner::{Owner, scope, values};
use super::server::{cli, start, start_cluster};
use super::{connect, options, text};

/// Why there is no connection, and whether waiting can help.
fn refused(options: RedisOptions) -> (String, bool) {
    let error = RedisState::connect(options).unwrap_err();
    let text = text(&error);
    assert!(!text.contains('\n') && text.starts_with("connect to redis failed: "), "{text}");
    (text, error.is_retryable())
}

#[track_caller]
fn assert_refused(options: RedisOptions, wanted: &[&str]) {
    let (text, retryable) = refused(options);
    assert!(wanted.iter().all(|part| text.contains(part)), "{text}");
    assert!(!retryable, "{text}");
}

#[test]
fn an_address_that_is_none() {
    assert_refused(RedisOptions::new(vec![]), &["no address", "redis://"]);
    assert_refused(options("http://me:secret@h:1"), &["\"h:1\"", "write redis://"]);
    assert_refused(options("redis+unix:///tmp/x"), &["socket file"]);
    let (text, _) = refused(options("http://me:secret@h:1"));
    assert!(!text.contains("secret"), "{text}");
    assert_refused(RedisOptions { prefix: "a{b".into(), ..options("redis://h") }, &["\"a{b\"", "letters"]);
}

#[test]
fn nobody_at_the_address_may_pass() {
    let server = start(&[]);
    server.server().kill().unwrap();
    let (text, retryable) = refused(options(&server.url()));
    assert!(retryable && text.contains("cannot be reached") && text.contains("refused"), "{text}");
    let (text, retryable) = refused(options("redis://no-such-host.invalid:6379"));
    assert!(retryable && text.contains("no-such-host.invalid:6379 cannot be reached"), "{text}");
}

#[test]
fn a_wrong_or_missing_password() {
    let server = start(&[("requirepass", "\"open sesame\"")]);
    let at = |user: &str| options(&format!("redis://{user}127.0.0.1:{}", server.port()));
    assert_refused(at(":secret@"), &["refuses the user and password"]);
    let (text, _) = refused(at(":secret@"));
    assert!(!text.contains("secret"), "{text}");
    assert_refused(at(""), &["asks for a password", "redis://user:password@"]);
    RedisState::connect(at(":open%20sesame@")).unwrap();
}

#[test]
fn a_server_that_evicts_state() {
    let server = start(&[("maxmemory", "100mb"), ("maxmemory-policy", "allkeys-lru")]);
    assert_refused(options(&server.url()), &["\"allkeys-lru\"", "set maxmemory-policy noeviction"]);
    cli(&server, &["config", "set", "maxmemory-policy", "volatile-lru"]);
    connect(&server.url()).unwrap();
}

#[test]
fn a_replica() {
    let primary = start(&[]);
    let replica = primary.replica(&servers::RedisOptions::default()).unwrap();
    assert_refused(options(&replica.url()), &["is a replica", "the address of its primary"]);
}

#[test]
fn a_cluster_where_none_is_meant_and_the_other_way_round() {
    let cluster = start_cluster(&[]);
    let url = cluster.nodes()[1].url();
    assert_refused(RedisOptions { cluster: Some(false), ..options(&url) }, &["belongs to a cluster"]);
    assert_refused(options(&format!("{url}/3")), &["database 3", "a cluster has none but 0"]);
    let single = start(&[]);
    assert_refused(RedisOptions { cluster: Some(true), ..options(&single.url()) }, &["no node of a cluster"]);
    let alone = start(&[("cluster-enabled", "yes")]);
    let (text, retryable) = refused(options(&alone.url()));
    assert!(retryable && text.contains("no slots yet"), "{text}");
}

/// The rights that docs/state-in-redis.md names.
const RIGHTS: &[&str] = &[
    "~{invoker:1:*",
    "-@all",
    "+info",
    "+wait",
    "+cluster|slots",
    "+asking",
    "+script|load",
    "+evalsha",
    "+get",
    "+set",
    "+del",
    "+exists",
    "+hget",
    "+hmget",
    "+hset",
    "+hdel",
    "+hscan",
    "+zadd",
    "+zrem",
    "+zrangebylex",
    "+sadd",
    "+srem",
    "+sscan",
    "+scan",
];

#[test]
fn a_user_without_the_rights_and_one_with_no_more_than_those() {
    let server = start(&[]);
    let user = |rights: &[&str]| {
        cli(&server, &[&["acl", "setuser", "app", "reset", "on", ">pw"], rights].concat());
        options(&format!("redis://app:pw@127.0.0.1:{}", server.port()))
    };
    assert_refused(user(&["-@all"]), &["does not let this user", "'info'", "docs/state-in-redis.md"]);
    assert_refused(user(&["+@all", "~other:*"]), &["does not let this user", "keys"]);
    for missing in ["+evalsha", "+script|load", "+hset", "+zadd", "+hscan"] {
        let rights: Vec<_> = RIGHTS.iter().copied().filter(|right| *right != missing).collect();
        assert_refused(user(&rights), &["does not let this user", &missing[1..]]);
    }
    let store = RedisState::connect(user(RIGHTS)).unwrap();
    let mut owner = Owner::take(&store, &scope("acl"));
    owner.commit(&values(&[("k", Some(b"1"), 1_000)]));
    let document = include_str!("../../../docs/state-in-redis.md");
    let missing: Vec<_> = RIGHTS.iter().filter(|right| !document.contains(**right)).collect();
    assert!(missing.is_empty(), "not in the document: {missing:?}");
}

fn read(file: &std::path::Path) -> String {
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn tls_and_its_mistakes() {
    let server = Redis::start(&servers::RedisOptions { tls: true, ..Default::default() }).unwrap();
    let ca = read(server.authority().unwrap());
    let elsewhere = tempfile::tempdir().unwrap();
    let other = read(&Certificate::make(elsewhere.path()).unwrap().authority);
    let (url, plain) = (server.url(), start(&[]));
    let with = |ca: &str| RedisOptions { ca: Some(ca.to_owned()), ..options(&url) };
    let store = RedisState::connect(with(&ca)).unwrap();
    Owner::take(&store, &scope("tls")).commit(&values(&[("k", Some(b"1"), -1)]));
    assert_refused(with(&other), &["TLS with redis 127.0.0.1", "check the certificate authority"]);
    assert_refused(options(&url), &["TLS with redis 127.0.0.1", "check the certificate authority"]);
    assert_refused(with("nonsense"), &["certificate authority for redis", "PEM"]);
    assert_refused(
        RedisOptions { ca: Some(ca.clone()), ..options(&plain.url()) },
        &["without TLS", "rediss://"],
    );
    // A server that is only slow looks the same as one that waits for a line of its own protocol.
    let response_timeout = Duration::from_millis(500);
    let (text, retryable) = refused(RedisOptions {
        ca: Some(ca),
        response_timeout,
        ..options(&plain.url().replace("redis", "rediss"))
    });
    assert!(retryable && text.contains("that the port is one for TLS"), "{text}");
    let (text, retryable) =
        refused(RedisOptions { response_timeout, ..options(&url.replace("rediss", "redis")) });
    assert!(retryable && text.contains("write rediss://"), "{text}");
}
