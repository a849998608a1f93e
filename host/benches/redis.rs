//! What state in Redis costs, against plain pipelined commands for the same data in the same run.
//!
//! `INVOKER_TEST_REDIS=redis://… cargo bench -p invoker-host --bench redis`; without the variable it starts a
//! `redis-server` of its own (append-only file, fsync every second). It writes under the prefix `bench` and deletes that
//! in the end. Prints medians in microseconds: an exchange as a whole, and the longest that Redis kept everybody else
//! waiting in it.

#![expect(clippy::print_stdout, clippy::unwrap_used, clippy::panic, reason = "this is a bench")]

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use invoker_core::commit::{CommitId, Token};
use invoker_core::records::Column;
use invoker_host::state::{
    Answer, Changes, Read, RedisOptions, RedisState, Scope, Stage, StateKind, StateStore, Take,
};
use redis::{Client, Connection, Pipeline};

const PREFIX: &str = "bench";
const COUNTS: usize = 1_000_000;

fn main() {
    let server = Server::start();
    let mut plain = Client::open(&*server.url).unwrap().get_connection().unwrap();
    let options = RedisOptions { prefix: PREFIX.into(), ..RedisOptions::new(vec![server.url.clone()]) };
    let store = RedisState::connect(options).unwrap();
    forget(&mut plain);
    read(&store, &mut plain);
    write(&store, &mut plain, &server, 1024, 8, 200);
    write(&store, &mut plain, &server, 50_000, 8, 20);
    write(&store, &mut plain, &server, 50_000, 320, 10);
    memory(&store, &mut plain);
    forget(&mut plain);
}

/// A prefetch of 1024 keys of 100 k, of one partition and of eight.
fn read(store: &RedisState, plain: &mut Connection) {
    let all = names(100_000);
    let mut lanes: Vec<_> = (0..8).map(|partition| Lane::take(store, "read", partition)).collect();
    lanes.iter_mut().for_each(|lane| lane.commit(&counts(&all, 8)));
    let wanted: Column = all.iter().step_by(97).take(1024).map(|name| Some(name.as_bytes())).collect();
    let fields: Column = (0..1024).map(|_| None).collect();
    let hash = format!("{{{PREFIX}:1:bench:read:0}}:v:v");
    for partitions in [1, 8] {
        let reads: Vec<_> = lanes
            .iter()
            .take(partitions)
            .map(|lane| Read {
                scope: &lane.scope,
                state: "v",
                kind: StateKind::Value,
                keys: &wanted,
                fields: &fields,
            })
            .collect();
        let ours = median(200, || assert_eq!(store.read(&reads).unwrap().len(), partitions));
        let theirs = median(200, || {
            let mut pipe = Pipeline::new();
            for _ in 0..partitions {
                let command = pipe.cmd("HMGET").arg(&hash);
                for key in wanted.iter().flatten() {
                    command.arg(key);
                }
            }
            let found: Vec<Vec<Option<Vec<u8>>>> = pipe.query(plain).unwrap();
            assert_eq!(found.len(), partitions);
        });
        line(&format!("read 1024 keys of {partitions} partitions"), ours, theirs, None);
    }
}

/// Stage and promote of changes, against HSET of the same.
fn write(
    store: &RedisState,
    plain: &mut Connection,
    server: &Server,
    changes: usize,
    bytes: usize,
    rounds: usize,
) {
    let all = names(changes);
    let changed = counts(&all, bytes);
    let mut lane = Lane::take(store, &format!("write-{bytes}"), changes as u32);
    lane.commit(&changed);
    let (mut staged, mut promoted) = (Vec::new(), Vec::new());
    let probe = Probe::start(server);
    for _ in 0..rounds {
        let began = Instant::now();
        let id = lane.stage(&changed);
        staged.push(began.elapsed());
        let began = Instant::now();
        lane.promote(id);
        promoted.push(began.elapsed());
    }
    let longest = probe.longest();
    let value = vec![b'x'; bytes];
    let theirs = median(rounds, || {
        let mut pipe = Pipeline::new();
        for names in all.chunks(1000) {
            let command = pipe.cmd("HSET").arg("{bench:plain}").ignore();
            for name in names {
                command.arg(name).arg(&value);
            }
        }
        pipe.exec(plain).unwrap();
    });
    let what = |step: &str| format!("{step} {changes} changes of {bytes} bytes");
    line(&what("stage"), middle(staged), theirs, None);
    line(&what("promote"), middle(promoted), theirs, Some(longest));
}

/// Memory of a million counts of 8 bytes, in 16 partitions.
fn memory(store: &RedisState, plain: &mut Connection) {
    forget(plain);
    let before = used(plain);
    let all = names(COUNTS);
    for (partition, names) in all.chunks(COUNTS / 16).enumerate() {
        let mut lane = Lane::take(store, "memory", partition as u32);
        names.chunks(10_000).for_each(|names| lane.commit(&counts(names, 8)));
    }
    let ours = used(plain) - before;
    forget(plain);
    let before = used(plain);
    for (at, names) in all.chunks(1000).enumerate() {
        let mut pipe = Pipeline::new();
        let command = pipe.cmd("HSET").arg(format!("{{bench:plain:{}}}", at / 62)).ignore();
        for name in names {
            command.arg(name).arg("12345678");
        }
        pipe.exec(plain).unwrap();
    }
    let theirs = used(plain) - before;
    let per_key = |bytes: u64| bytes as f64 / COUNTS as f64;
    println!(
        "memory of {COUNTS} counts: {:.1} bytes a key, plain hashes {:.1}",
        per_key(ours),
        per_key(theirs)
    );
}

/// Owns one partition.
struct Lane<'a> {
    store: &'a RedisState,
    scope: Scope,
    token: Token,
    sequence: u64,
    committed: Option<CommitId>,
}

impl<'a> Lane<'a> {
    fn take(store: &'a RedisState, entity: &str, partition: u32) -> Self {
        let scope = Scope { deployment: "bench".into(), entity: entity.into(), partition };
        let seen = store.owner(&scope).unwrap();
        let Take::Taken { token, .. } = store.take(&scope, 7, "bench", seen).unwrap() else {
            panic!("somebody else runs this bench")
        };
        Self { store, scope, token, sequence: 0, committed: None }
    }

    fn stage(&mut self, changes: &Changes) -> CommitId {
        self.sequence += 1;
        let id = CommitId { token: self.token, sequence: self.sequence };
        let stage = Stage {
            scope: &self.scope,
            token: self.token,
            id,
            next: &[self.sequence],
            changes,
            committed: self.committed,
            previous: self.committed,
            promoted: self.committed.is_some(),
        };
        assert_eq!(self.store.stage(&[stage]).unwrap(), [Answer::Ok]);
        id
    }

    fn promote(&mut self, id: CommitId) {
        assert_eq!(self.store.promote(&[(&self.scope, self.token, id)]).unwrap(), [Answer::Ok]);
        self.committed = Some(id);
    }

    fn commit(&mut self, changes: &Changes) {
        let id = self.stage(changes);
        self.promote(id);
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("word-{i:07}")).collect()
}

fn counts(names: &[String], bytes: usize) -> Changes {
    let value = vec![b'x'; bytes];
    Changes {
        states: vec![("v".into(), StateKind::Value)],
        state: vec![0; names.len()],
        keys: names.iter().map(|name| Some(name.as_bytes())).collect(),
        fields: names.iter().map(|_| None).collect(),
        values: names.iter().map(|_| Some(&value[..])).collect(),
        expires: vec![-1; names.len()],
    }
}

/// Somebody else on the same Redis, who asks for one small thing after another.
struct Probe {
    stop: std::sync::Arc<AtomicBool>,
    asks: std::thread::JoinHandle<Duration>,
}

impl Probe {
    fn start(server: &Server) -> Self {
        let stop = std::sync::Arc::new(AtomicBool::new(false));
        let (url, stopped) = (server.url.clone(), stop.clone());
        let asks = std::thread::spawn(move || {
            let mut connection = Client::open(url).unwrap().get_connection().unwrap();
            let mut longest = Duration::ZERO;
            while !stopped.load(Ordering::Relaxed) {
                let began = Instant::now();
                redis::cmd("PING").exec(&mut connection).unwrap();
                longest = longest.max(began.elapsed());
            }
            longest
        });
        Self { stop, asks }
    }

    fn longest(self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        self.asks.join().unwrap()
    }
}

fn median(rounds: usize, mut run: impl FnMut()) -> Duration {
    run();
    let one = |_| {
        let began = Instant::now();
        run();
        began.elapsed()
    };
    middle((0..rounds).map(one).collect())
}

fn middle(mut spent: Vec<Duration>) -> Duration {
    spent.sort_unstable();
    spent.get(spent.len() / 2).copied().unwrap_or_default()
}

fn line(what: &str, ours: Duration, theirs: Duration, longest: Option<Duration>) {
    let micros = |spent: Duration| spent.as_secs_f64() * 1e6;
    let (ours, theirs) = (micros(ours), micros(theirs));
    let longest =
        longest.map(|longest| format!(", others waited {:.0} at most", micros(longest))).unwrap_or_default();
    println!("{what}: {ours:.0} µs, plain {theirs:.0} ({:.2} times){longest}", ours / theirs);
}

fn used(plain: &mut Connection) -> u64 {
    let info: String = redis::cmd("INFO").arg("memory").query(plain).unwrap();
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory_dataset:")).unwrap();
    used.trim().parse().unwrap()
}

/// Deletes what this bench wrote.
fn forget(plain: &mut Connection) {
    let keys: Vec<String> = redis::cmd("KEYS").arg(format!("{{{PREFIX}:*")).query(plain).unwrap();
    for key in keys {
        redis::cmd("DEL").arg(key).exec(plain).unwrap();
    }
}

/// The Redis that is measured.
struct Server {
    url: String,
    own: Option<(Child, tempfile::TempDir)>,
}

impl Server {
    fn start() -> Self {
        if let Ok(url) = std::env::var("INVOKER_TEST_REDIS") {
            return Self { url, own: None };
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        let mut command = Command::new("redis-server");
        command.args([
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "yes",
        ]);
        command.arg("--dir").arg(dir.path()).stdout(Stdio::null());
        let child = command.spawn().unwrap();
        let url = format!("redis://127.0.0.1:{port}");
        let client = Client::open(&*url).unwrap();
        let began = Instant::now();
        while client.get_connection().is_err() {
            assert!(began.elapsed() < Duration::from_secs(10), "redis-server does not answer");
            std::thread::yield_now();
        }
        Self { url, own: Some((child, dir)) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((server, _)) = &mut self.own {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }
}
