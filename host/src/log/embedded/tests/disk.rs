//! What outlives a process, however it ends. Writers are children of the test: this same program, told by its
//! environment to run one of the ignored tests here.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::*;

const DIR: &str = "INVOKER_TEST_LOG_DIR";

fn open(dir: &Path) -> EmbeddedLog {
    EmbeddedLog::open(Database::open(dir, Durability::Commit).unwrap(), options()).unwrap()
}

/// Starts `test` of this file in a child, through a shell that runs `before` first.
fn child(test: &str, before: &str, dir: &Path) -> Child {
    let (_, module) = module_path!().split_once("::").unwrap();
    Command::new("sh")
        .args(["-c", &format!("{before} exec \"$@\""), "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", &format!("{module}::{test}")])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn reopening_keeps_everything() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    topic(&log, "a", 2);
    topic(&log, "b", 1);
    write(&log, "a", 1, b"one");
    write(&log, "b", 0, b"other");
    consume(&log, "g", "a", 1, 2);
    let before = (bounds(&log, "a", 0), bounds(&log, "a", 1), bounds(&log, "b", 0));
    drop(log);
    let log = open(dir.path());
    assert_eq!((bounds(&log, "a", 0), bounds(&log, "a", 1), bounds(&log, "b", 0)), before);
    topic(&log, "c", 1);
    write(&log, "a", 1, b"two");
    write(&log, "c", 0, b"new");
    assert_eq!(values(&log, "a", 1, 0).unwrap(), [b"one", b"two"]);
    assert_eq!(values(&log, "b", 0, 0).unwrap(), [b"other"]);
    assert_eq!(values(&log, "c", 0, 0).unwrap(), [b"new"]);
    assert_eq!(log.group("g").unwrap(), [(at("a", 1), Committed { offset: 2, metadata: "m".into() })]);
    let names: Vec<_> = log.topics().list().unwrap().into_iter().map(|topic| topic.name).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

/// The number that a record holds, and 40 KB after it so that the database's files fill and turn over.
fn numbered(number: u64) -> Vec<u8> {
    let mut value = number.to_be_bytes().to_vec();
    value.resize(40_000, number as u8);
    value
}

/// What each partition holds, and the group: the same count everywhere, numbered without a gap.
fn count(log: &EmbeddedLog) -> u64 {
    let first = values(log, "t", 0, 0).unwrap();
    let expected: Vec<_> = (0..first.len() as u64).map(numbered).collect();
    assert!(first == expected, "partition 0 has a gap, a repeat or damage");
    assert!(values(log, "t", 1, 0).unwrap() == expected, "the partitions differ");
    let group = log.source().unwrap().committed("g", &at("t", 0)).unwrap();
    assert_eq!(group.map_or(0, |group| group.offset), first.len() as u64, "the group differs");
    first.len() as u64
}

#[test]
#[ignore = "runs as a child of the test below, which kills it"]
fn writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let log = open(Path::new(&dir));
    if log.topics().describe("t").unwrap().is_none() {
        topic(&log, "t", 2);
    }
    let mut out = std::io::stdout();
    let mut producer = log.producer("writer").unwrap();
    let (handle, _) = producer.open("t").unwrap();
    let committed = log.source().unwrap().committed("g", &at("t", 0)).unwrap();
    for number in committed.map_or(0, |committed| committed.offset).. {
        let value = numbered(number);
        let record = RecordRef { key: None, value: Some(&value), timestamp: -1, headers: &[] };
        producer.begin().unwrap();
        producer.write(handle, 0, record).unwrap();
        producer.write(handle, 1, record).unwrap();
        let position = Committed { offset: number + 1, metadata: String::new() };
        producer.add_offsets("g", &[(at("t", 0), position)]).unwrap();
        assert_eq!(producer.commit(), Commit::Committed);
        writeln!(out, "acknowledged {}", number + 1).unwrap();
    }
}

#[test]
fn a_killed_writer_loses_nothing_acknowledged_and_leaves_nothing_half_done() {
    let dir = tempfile::tempdir().unwrap();
    let (mut had, mut random) = (0, std::process::id() as usize);
    for round in 0..12 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = child("writes_until_it_is_killed", "", dir.path());
        // Round by round from the first files on to full ones, and at any moment of a commit.
        let (after, spins) = ([0, 1, 3, 200][round % 4] + (random >> 33) % 20, (random >> 20) % 200_000);
        let mut acknowledged = had;
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut take = |line: String| {
            if let Some((_, number)) = line.split_once("acknowledged ") {
                acknowledged = number.parse().unwrap();
            }
        };
        let mut came = 0;
        while came < after {
            let Some(line) = lines.next() else { break };
            take(line.unwrap());
            came += 1;
        }
        (0..spins).for_each(|_| std::hint::spin_loop());
        child.kill().unwrap();
        // Acknowledged before it died, read after.
        lines.for_each(|line| take(line.unwrap()));
        let status = child.wait().unwrap();
        assert!(!status.success(), "the writer ended by itself");
        let log = open(dir.path());
        if log.topics().describe("t").unwrap().is_some() {
            had = count(&log);
        }
        assert!(had >= acknowledged, "{acknowledged} were acknowledged, {had} are there, round {round}");
    }
    assert!(had > 100, "the writers wrote {had} records only");
}

#[test]
#[ignore = "runs as a child of the test below, which limits its files"]
fn writes_until_the_disk_refuses() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let log = open(Path::new(&dir));
    topic(&log, "t", 1);
    write(&log, "t", 0, b"before");
    let mut producer = log.producer("large").unwrap();
    let (handle, _) = producer.open("t").unwrap();
    producer.begin().unwrap();
    for _ in 0..200 {
        let value = vec![7; 1_000_000];
        let record = RecordRef { key: None, value: Some(&value), timestamp: 1, headers: &[] };
        producer.write(handle, 0, record).unwrap();
    }
    assert_eq!(producer.commit(), Commit::Unknown);
    assert_eq!(values(&log, "t", 0, 0).unwrap(), [b"before"]);
    let error = producer.begin().unwrap_err();
    assert!(!error.is_retryable());
    println!("refused: {}", std::error::Error::source(&error).unwrap());
    assert!(log.producer("other").is_err(), "nothing may follow what may be lost");
    let db = &log.shared.store.db;
    let mut batch = Batch::new();
    batch.put(&log.shared.store.rows, b"key", b"value");
    println!("refused: {}", db.write(batch, Sync::Now).unwrap_err());
}

#[test]
fn a_disk_that_fails_under_a_commit_ends_writing_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // Files may have 100 MB, in whichever blocks the shell counts; more is an error and no signal.
    let limit = "trap '' XFSZ; ulimit -f 200000 && ";
    let child = child("writes_until_the_disk_refuses", limit, dir.path());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("refused: an earlier commit failed, and nothing may follow what may be lost: "),
        "{text}"
    );
    assert!(text.contains("File too large"), "{text}");
    assert!(text.contains("; mend that and start this process again"), "{text}");
    assert!(text.contains("takes no more writes: an earlier one failed"), "{text}");
    let log = open(dir.path());
    assert_eq!(values(&log, "t", 0, 0).unwrap(), [b"before"]);
    write(&log, "t", 0, b"after");
}
