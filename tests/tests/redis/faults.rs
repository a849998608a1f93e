//! Servers that go away, come back, forget scripts, or hand slots over.

use std::time::{Duration, Instant};

use invoker_core::commit::Token;
use invoker_host::state::{Answer, Error, RedisOptions, RedisState, StateKind, StateStore};
use invoker_tests::servers::{self, Redis};

use super::owner::{Owner, changes, root, scope, values};
use super::server::{cli, start, start_cluster, wait_for};
use super::{connect, options};

fn patient_for(url: &str, response: Duration) -> RedisState {
    RedisState::connect(RedisOptions { response_timeout: response, ..options(url) }).unwrap()
}

#[test]
fn scripts_that_are_gone_are_loaded_again() {
    let server = start(&[]);
    let store = connect(&server.url()).unwrap();
    let mut owner = Owner::take(&store, &scope("noscript"));
    let other = Owner::take(&store, &scope("noscript"));
    for value in [&b"1"[..], b"2"] {
        cli(&server, &["script", "flush"]);
        owner.commit(&values(&[("k", Some(value), -1)]));
        cli(&server, &["script", "flush"]);
        // In the middle of a pipeline, too.
        let unknown = other.token;
        let promotes = [
            (&owner.scope, owner.token, owner.committed.unwrap()),
            (&other.scope, unknown, owner.committed.unwrap()),
        ];
        let answers = store.promote(&promotes).unwrap();
        assert_eq!(answers, [Answer::Ok, Answer::StateLost { applied: None }]);
        assert_eq!(owner.value("k").as_deref(), Some(value));
    }
}

#[test]
fn a_restart_in_between_is_not_noticed() {
    let server = start(&[("appendfsync", "always")]);
    let store = connect(&server.url()).unwrap();
    let mut owner = Owner::take(&store, &scope("restart"));
    owner.commit(&values(&[("k", Some(b"1"), -1)]));
    let id = owner.next_id();
    assert_eq!(owner.send(id, &values(&[("k", Some(b"2"), -1)])).unwrap(), Answer::Ok);
    server.server().kill().unwrap();
    std::thread::scope(|threads| {
        let promoted = threads.spawn(|| owner.promote(id).unwrap());
        server.restart().unwrap();
        assert_eq!(promoted.join().unwrap(), Answer::Ok, "asked while it was away");
    });
    assert_eq!(owner.value("k").as_deref(), Some(&b"2"[..]));
}

#[test]
fn a_server_that_stays_away_is_an_error_that_may_pass() {
    let server = start(&[]);
    let store = patient_for(&server.url(), Duration::from_millis(300));
    let owner = Owner::take(&store, &scope("away"));
    server.server().kill().unwrap();
    let began = Instant::now();
    let error = store.owner(&owner.scope).unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    server.restart().unwrap();
    assert_eq!(store.owner(&owner.scope).unwrap(), Some(owner.token));
}

#[test]
fn a_lost_answer_may_be_asked_for_again() {
    let server = start(&[]);
    let store = patient_for(&server.url(), Duration::from_millis(200));
    let mut owner = Owner::take(&store, &scope("frozen"));
    let id = owner.next_id();
    let change = values(&[("k", Some(b"1"), -1)]);
    server.server().freeze().unwrap();
    let error = owner.send(id, &change).unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }) && error.is_retryable(), "{error:?}");
    server.server().thaw().unwrap();
    // The server does now what it was sent then; it still counts once.
    assert_eq!(owner.send(id, &change).unwrap(), Answer::Ok);
    assert_eq!(owner.send(id, &change).unwrap(), Answer::Ok);
    assert_eq!(owner.promote(id).unwrap(), Answer::Ok);
    assert_eq!(owner.value("k").as_deref(), Some(&b"1"[..]));
}

#[test]
fn a_raise_whose_answer_is_lost_is_not_sent_twice() {
    let server = start(&[]);
    let store = patient_for(&server.url(), Duration::from_millis(200));
    let owner = Owner::take(&store, &scope("raise"));
    server.server().freeze().unwrap();
    let error = store.raise(&owner.scope, owner.token, 40).unwrap_err();
    assert!(error.is_retryable(), "a repetition would have been refused: {error:?}");
    server.server().thaw().unwrap();
    let raised = Some(Token { epoch: 40, ..owner.token });
    wait_for("the raise to be done", || store.owner(&owner.scope).ok().flatten() == raised);
}

#[test]
fn a_stage_of_50_000_changes_and_16_mib_is_promoted_whole() {
    let server = start(&[]);
    let store = connect(&server.url()).unwrap();
    let mut owner = Owner::take(&store, &scope("big"));
    let names: Vec<_> = (0..50_000).map(|i| format!("key-{i}")).collect();
    let value = [7; 320];
    let rows: Vec<_> = names.iter().map(|name| (&**name, Some(&value[..]), -1)).collect();
    owner.commit(&values(&rows));
    owner.commit(&changes("s", StateKind::SortedMap, Some("k"), &rows));
    let root = root(&owner.scope);
    let key = |name: &str| format!("{root}:{name}");
    assert_eq!(cli(&server, &["hlen", &key("v:v")]), "50000");
    assert_eq!(cli(&server, &["zcard", &key("z:s:k")]), "50000");
    let removed: Vec<_> = names.iter().map(|name| (&**name, None, -1)).collect();
    owner.commit(&changes("s", StateKind::SortedMap, Some("k"), &removed));
    assert_eq!(cli(&server, &["exists", &key("z:s:k"), &key("m:s:k")]), "0");
}

#[test]
fn a_full_server_takes_nothing_in_part() {
    let server = start(&[("maxmemory", "20mb")]);
    let store = connect(&server.url()).unwrap();
    let mut owner = Owner::take(&store, &scope("full"));
    owner.commit(&values(&[("k", Some(b"1"), -1)]));
    let filler = vec![b'x'; 9 << 20];
    for name in ["a", "b", "c"] {
        let rows = [(name, Some(&filler[..]), -1), ("k", Some(&b"2"[..]), -1)];
        let before = owner.value("k");
        match owner.apply(&values(&rows)) {
            Ok(answer) => {
                assert_eq!(answer, Answer::Ok);
                owner.committed = Some(owner.last_id());
            }
            Err(error) => {
                assert!(error.is_retryable(), "{error:?}");
                assert!(super::text(&error).contains("is full"), "{}", super::text(&error));
                assert_eq!(owner.value("k"), before);
                assert_eq!(owner.value(name), None);
                return;
            }
        }
    }
    panic!("it was never full");
}

#[test]
fn replicas_are_waited_for_where_that_is_asked() {
    let primary = start(&[]);
    let waiting = RedisOptions {
        wait_replicas: 1,
        response_timeout: Duration::from_secs(2),
        ..options(&primary.url())
    };
    let error = RedisState::connect(waiting.clone()).unwrap_err();
    assert!(error.is_retryable());
    assert!(super::text(&error).ends_with("only 0 of 1 replicas have it"), "{}", super::text(&error));
    let replica = primary.replica(&servers::RedisOptions::default()).unwrap();
    // That it follows is known to it a little before the primary counts it.
    wait_for("the replica to count", || cli(&primary, &["wait", "1", "100"]) == "1");
    let store = RedisState::connect(waiting).unwrap();
    let mut owner = Owner::take(&store, &scope("replicas"));
    owner.commit(&values(&[("k", Some(b"1"), -1)]));
    let control = cli(&replica, &["keys", "*control"]);
    assert_eq!(cli(&replica, &["hget", &control, "applied"]), owner.committed.unwrap().to_string());
    replica.server().kill().unwrap();
    let id = owner.next_id();
    assert!(owner.send(id, &values(&[("k", Some(b"2"), -1)])).unwrap_err().is_retryable());
}

#[test]
fn the_primary_is_found_among_several_addresses_and_again_after_a_failover() {
    let primary = start(&[]);
    let replica = primary.replica(&servers::RedisOptions::default()).unwrap();
    let urls = vec![replica.url(), primary.url()];
    let store = RedisState::connect(RedisOptions::new(urls)).unwrap();
    let mut owner = Owner::take(&store, &scope("failover"));
    owner.commit(&values(&[("k", Some(b"1"), -1)]));
    cli(&primary, &["failover"]);
    wait_for("the fail-over", || cli(&replica, &["role"]).starts_with("master"));
    owner.commit(&values(&[("k", Some(b"2"), -1)]));
    assert_eq!(owner.value("k").as_deref(), Some(&b"2"[..]));
}

/// Moves the slot of a key to another node while it is in use.
#[test]
fn a_slot_that_moves_is_followed() {
    let cluster = start_cluster(&[]);
    let nodes = cluster.nodes();
    let store = connect(&cluster.url()).unwrap();
    let mut owner = Owner::take(&store, &scope("moves"));
    owner.commit(&values(&[("k", Some(b"1"), -1)]));
    let tag = root(&owner.scope);
    let slot = cli(&nodes[0], &["cluster", "keyslot", &tag]);
    let holds = |node: &Redis| !cli(node, &["keys", &format!("{tag}*")]).replace('\n', "").is_empty();
    let from = nodes.iter().position(holds).unwrap();
    let to = (from + 1) % 3;
    let id_of = |node: usize| cli(&nodes[node], &["cluster", "myid"]);
    let (source, target) = (id_of(from), id_of(to));
    cli(&nodes[to], &["cluster", "setslot", &slot, "importing", &source]);
    cli(&nodes[from], &["cluster", "setslot", &slot, "migrating", &target]);
    let keys = cli(&nodes[from], &["cluster", "getkeysinslot", &slot, "100"]);
    let port = nodes[to].port().to_string();
    for key in keys.lines().filter(|key| key.ends_with(":v:v")) {
        assert_eq!(cli(&nodes[from], &["migrate", "127.0.0.1", &port, key, "0", "5000"]), "OK");
    }
    assert_eq!(owner.value("k").as_deref(), Some(&b"1"[..]), "asked for at the target");
    std::thread::scope(|threads| {
        // Waits while some of the keys are here and some are there.
        let committed = threads.spawn(|| owner.commit(&values(&[("k", Some(b"2"), -1)])));
        for key in keys.lines().filter(|key| !key.ends_with(":v:v")) {
            assert_eq!(cli(&nodes[from], &["migrate", "127.0.0.1", &port, key, "0", "5000"]), "OK");
        }
        for node in [to, from] {
            assert_eq!(cli(&nodes[node], &["cluster", "setslot", &slot, "node", &target]), "OK");
        }
        committed.join().unwrap();
    });
    assert_eq!(owner.value("k").as_deref(), Some(&b"2"[..]));
    owner.commit(&values(&[("k", Some(b"3"), -1)]));
    assert_eq!(owner.value("k").as_deref(), Some(&b"3"[..]));
    assert!(holds(&nodes[to]) && !holds(&nodes[from]));
}

#[test]
fn a_node_of_a_cluster_that_restarts_is_waited_for() {
    let cluster = start_cluster(&[("appendfsync", "always")]);
    let nodes = cluster.nodes();
    let store = RedisState::connect(RedisOptions {
        response_timeout: Duration::from_secs(20),
        ..options(&cluster.url())
    });
    let store = store.unwrap();
    let scopes: Vec<_> = (0..12).map(|_| scope("nodes")).collect();
    let mut owners: Vec<_> = scopes.iter().map(|scope| Owner::take(&store, scope)).collect();
    owners.iter_mut().for_each(|owner| owner.commit(&values(&[("k", Some(b"1"), -1)])));
    assert!(nodes.iter().all(|node| cli(node, &["dbsize"]) != "0"), "each node has some");
    let promotes: Vec<_> =
        owners.iter().map(|owner| (&owner.scope, owner.token, owner.committed.unwrap())).collect();
    nodes[1].server().kill().unwrap();
    std::thread::scope(|threads| {
        let promoted = threads.spawn(|| store.promote(&promotes).unwrap());
        nodes[1].restart().unwrap();
        assert_eq!(promoted.join().unwrap(), vec![Answer::Ok; 12]);
    });
    let mut found = store.scopes().unwrap();
    found.retain(|found| scopes.contains(found));
    assert_eq!(found, scopes);
}

#[test]
fn callers_do_not_wait_for_each_other() {
    let server = start(&[]);
    let store = connect(&server.url()).unwrap();
    let scopes: Vec<_> = (0..8).map(|_| scope("callers")).collect();
    std::thread::scope(|threads| {
        for scope in &scopes {
            let store = &store;
            threads.spawn(move || {
                let mut owner = Owner::take(store, scope);
                for i in 0..200 {
                    owner.commit(&values(&[("k", Some(i.to_string().as_bytes()), -1)]));
                }
                assert_eq!(owner.value("k").as_deref(), Some(&b"199"[..]));
            });
        }
    });
    let clients = cli(&server, &["client", "list"]).lines().count();
    assert!((2..=10).contains(&clients), "{clients} connections");
}
