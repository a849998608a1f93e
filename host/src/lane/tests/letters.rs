//! Dead letters that are larger than what their topic takes.

use std::time::Duration;

use invoker_core::document::Delivery;
use invoker_core::records::RecordRef;

use super::native::{Bench, PARTITIONS, up_to, wait};
use crate::PartitionState;
use crate::log::{Commit, EmbeddedOptions};

/// Largest record of every topic, bytes.
const LIMIT: usize = 1_000;

fn bench() -> Bench {
    let options = EmbeddedOptions { record_limit: LIMIT, ..EmbeddedOptions::default() };
    Bench::over(Delivery::ExactlyOnce, PARTITIONS, options)
}

#[test]
fn a_record_that_leaves_no_room_for_its_failure_is_told_by_its_place() {
    let bench = bench();
    let large = format!("reject:{}", "x".repeat(LIMIT - 100));
    bench.feed("in", [("a", "word"), ("a", &large), ("a", "word"), ("a", "reject")]);
    bench.drain();
    assert_eq!(bench.outputs()["a"], up_to(2));
    let dead = bench.dead();
    assert_eq!((dead.len(), dead[1]["value"].as_str()), (2, "reject"));
    assert!(!dead[1].contains_key("invoker-left-out"));
    let bytes = large.len() + "a".len() + "tracea".len();
    assert_eq!(dead[0]["invoker-left-out"], format!("value and headers, {bytes} bytes"));
    assert_eq!((dead[0]["value"].as_str(), dead[0]["key"].as_str()), ("", "a"));
    assert_eq!((dead[0]["invoker-offset"].as_str(), dead[0]["invoker-error-code"].as_str()), ("1", "odd"));
    assert!(!dead[0].contains_key("trace") && !dead[0].contains_key("invoker-log"));
}

#[test]
fn a_key_that_leaves_no_room_for_a_letter_stops_its_partition_alone() {
    let bench = bench();
    bench.feed("in", [("a", "word")]);
    let mut producer = bench.log.producer("feeder").unwrap();
    let (topic, _) = producer.open("in").unwrap();
    producer.begin().unwrap();
    let key = "a".repeat(LIMIT - 100);
    let record =
        RecordRef { key: Some(key.as_bytes()), value: Some(b"reject"), timestamp: 1_000, headers: &[] };
    producer.write(topic, 1, record).unwrap();
    assert_eq!(producer.commit(), Commit::Committed);
    bench.feed("in", [("a", "word"), ("b", "word")]);
    let host = bench.start();
    let state = || host.status().entities[0].partitions[1].state.clone();
    wait(|| matches!(state(), PartitionState::Stopped { .. }) && bench.outputs().contains_key("b"));
    let PartitionState::Stopped { error } = state() else { panic!("it stopped") };
    assert!(
        error.starts_with("in[1] offset 2 failed (odd: told to: odd), and its dead letter of "),
        "{error}"
    );
    assert!(error.contains("is over the limit of 1000 of topic \"dead\""), "{error}");
    assert_eq!(host.status().entities[0].recoveries, 0);
    host.stop(Duration::from_secs(10)).unwrap();
    assert_eq!(bench.outputs()["a"], up_to(1));
}
