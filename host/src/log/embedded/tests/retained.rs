//! What is dropped, and what is not.

use super::*;

/// Bytes of frames that the database holds.
fn stored(log: &EmbeddedLog) -> usize {
    log.shared.store.frames.range(b"", None).map(|frame| frame.unwrap().1.len()).sum()
}

fn sweep(log: &EmbeddedLog) {
    retention::sweep(&log.shared).unwrap();
}

#[test]
fn old_records_go_and_readers_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let db = Database::open(dir.path(), Durability::Process).unwrap();
        EmbeddedLog::open(db, EmbeddedOptions { retention_ms: Some(3_600_000), ..options() }).unwrap()
    };
    let log = open();
    topic(&log, "kept", 1);
    let spec =
        TopicSpec { name: "short".into(), partitions: 1, retention_ms: Some(0), ..TopicSpec::default() };
    log.topics().create(&spec).unwrap();
    for value in [b"one", b"two"] {
        write(&log, "kept", 0, value);
        write(&log, "short", 0, value);
    }
    let (_, end) = bounds(&log, "short", 0);
    while bounds(&log, "short", 0).0 < end {
        // Until the clock has moved past the last write.
        sweep(&log);
    }
    let error = values(&log, "short", 0, 0).unwrap_err();
    assert_eq!(error.to_string(), format!("offset 0 of short[0] is gone: the log holds {end} to {end}"));
    assert_eq!(values(&log, "kept", 0, 0).unwrap(), [b"one", b"two"]);
    drop(log);
    let log = open();
    assert_eq!(bounds(&log, "short", 0), (end, end));
    write(&log, "short", 0, b"three");
    assert_eq!(values(&log, "short", 0, end).unwrap(), [b"three"]);
    assert_eq!(values(&log, "kept", 0, 0).unwrap(), [b"one", b"two"]);
}

#[test]
fn the_oldest_records_go_where_a_partition_is_too_large() {
    let log = EmbeddedLog::open(Database::memory(), options()).unwrap();
    let spec =
        TopicSpec { name: "t".into(), partitions: 1, retention_bytes: Some(3000), ..TopicSpec::default() };
    log.topics().create(&spec).unwrap();
    for at in 0..10 {
        write(&log, "t", 0, &[at; 900]);
    }
    sweep(&log);
    let start = bounds(&log, "t", 0).0;
    assert_eq!(values(&log, "t", 0, start).unwrap(), [vec![7; 900], vec![8; 900], vec![9; 900]]);
    assert!(stored(&log) <= 3000);
}

#[test]
fn retention_runs_by_itself_and_ends_with_the_log() {
    let often = EmbeddedOptions { sweep_every: Duration::from_millis(1), retention_ms: Some(0), ..options() };
    let log = EmbeddedLog::open(Database::memory(), often).unwrap();
    topic(&log, "t", 1);
    write(&log, "t", 0, b"v");
    let deadline = std::time::Instant::now() + PATIENCE;
    while bounds(&log, "t", 0).0 == 0 {
        assert!(std::time::Instant::now() < deadline, "nothing was dropped");
        std::thread::yield_now();
    }
    let shared = Arc::downgrade(&log.shared);
    drop(log);
    assert!(shared.upgrade().is_none());
}

#[test]
fn memory_keeps_records_until_every_group_has_consumed_them() {
    let log = EmbeddedLog::open(Database::memory(), options()).unwrap();
    topic(&log, "t", 1);
    log.expect_group("fast", "t");
    log.expect_group("slow", "t");
    for at in 0..4 {
        write(&log, "t", 0, &[at; 1000]);
    }
    let end = bounds(&log, "t", 0).1;
    assert!((4000..6000).contains(&log.backlog_bytes("t")), "{}", log.backlog_bytes("t"));
    consume(&log, "fast", "t", 0, end);
    assert_eq!(values(&log, "t", 0, 0).unwrap().len(), 4, "the slow group has not begun");
    consume(&log, "slow", "t", 0, end / 2);
    assert_eq!(bounds(&log, "t", 0).0, end / 2);
    assert!((2000..3000).contains(&log.backlog_bytes("t")), "{}", log.backlog_bytes("t"));
    consume(&log, "slow", "t", 0, end);
    assert_eq!((bounds(&log, "t", 0), log.backlog_bytes("t"), stored(&log)), ((end, end), 0, 0));
    write(&log, "t", 0, b"later");
    assert_eq!(values(&log, "t", 0, end).unwrap(), [b"later"]);
}

#[test]
fn a_group_that_asks_for_its_position_is_waited_for() {
    let log = EmbeddedLog::open(Database::memory(), options()).unwrap();
    topic(&log, "t", 2);
    write(&log, "t", 0, b"v");
    assert_eq!(log.source().unwrap().committed("slow", &at("t", 0)).unwrap(), None);
    consume(&log, "fast", "t", 0, bounds(&log, "t", 0).1);
    assert_eq!(values(&log, "t", 0, 0).unwrap(), [b"v"]);
    log.delete_group("slow").unwrap();
    write(&log, "t", 0, b"w");
    assert_eq!(bounds(&log, "t", 0).0, 2, "the group that is gone is not waited for");
}

#[test]
fn memory_holds_a_bounded_part_of_a_topic_that_nobody_reads() {
    let log =
        EmbeddedLog::open(Database::memory(), EmbeddedOptions { unread_bytes: 20_000, ..options() }).unwrap();
    topic(&log, "t", 2);
    for at in 0..100 {
        write(&log, "t", 1, &[at; 1000]);
        assert!(stored(&log) <= 10_000, "{} bytes at {at}", stored(&log));
    }
    let start = bounds(&log, "t", 1).0;
    assert_eq!(values(&log, "t", 1, start).unwrap().last().unwrap(), &[99; 1000]);
    assert_eq!(log.backlog_bytes("t"), 0, "nobody can be behind");
}

#[test]
fn a_long_run_in_memory_stays_small() {
    let log = EmbeddedLog::open(Database::memory(), options()).unwrap();
    topic(&log, "t", 1);
    log.expect_group("g", "t");
    for round in 0..2000 {
        write(&log, "t", 0, &[0; 10_000]);
        consume(&log, "g", "t", 0, bounds(&log, "t", 0).1);
        assert!(stored(&log) == 0, "{} bytes in round {round}", stored(&log));
    }
}
