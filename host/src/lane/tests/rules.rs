//! What a lane does with each kind of record and each policy.

use std::time::Duration;

use invoker_core::document::{Delivery, InputDocument, OnFailure, OnStateLoss, StartPosition};

use super::native::{Bench, up_to, wait};
use crate::PartitionState;

const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn rounds(n: usize) -> Vec<(&'static str, &'static str)> {
    (0..n).flat_map(|_| KEYS.map(|key| (key, "word"))).collect()
}

#[test]
fn every_record_is_counted_once_in_order() {
    for delivery in [Delivery::ExactlyOnce, Delivery::AtLeastOnce] {
        let bench = Bench::new(delivery);
        bench.feed("in", rounds(100));
        bench.drain();
        bench.feed("in", rounds(100));
        bench.drain();
        let outputs = bench.outputs();
        assert_eq!(outputs.len(), KEYS.len());
        for key in KEYS {
            assert_eq!(outputs[key], up_to(200), "{delivery:?} {key}");
        }
    }
}

#[test]
fn a_stateless_entity_commits_at_most_once() {
    let mut bench = Bench::new(Delivery::AtMostOnce);
    bench.stateful = false;
    bench.feed("in", rounds(50));
    bench.feed("in", [("a", "transient:1"), ("a", "word")]);
    bench.drain();
    let outputs = bench.outputs();
    assert_eq!(outputs["b"], up_to(50));
    assert_eq!(outputs["a"], up_to(51), "no second try for the transient one");
    assert_eq!(bench.dead().len(), 1);
}

#[test]
fn outputs_keep_key_time_and_headers_of_their_source() {
    let bench = Bench::new(Delivery::ExactlyOnce);
    bench.feed("in", [("a", "word")]);
    bench.drain();
    let out = bench.read("out").into_iter().find(|batch| !batch.is_empty()).unwrap();
    assert_eq!(out.timestamps, [1_000]);
    assert_eq!(out.keys.get(0), Some(&b"a"[..]));
    assert_eq!(out.headers.of(0).collect::<Vec<_>>(), [(&b"trace"[..], Some(&b"a"[..]))]);
}

#[test]
fn each_way_to_fail_costs_only_its_record() {
    for word in ["reject", "trap", "panic", "fail", "loop", "wrong-partition"] {
        let bench = Bench::new(Delivery::ExactlyOnce);
        bench.feed("in", rounds(40));
        bench.feed("in", [("a", word), ("b", "word"), ("a", "word"), ("a", word)]);
        bench.feed("in", rounds(10));
        bench.drain();
        let outputs = bench.outputs();
        assert_eq!(outputs["a"], up_to(51), "{word}");
        assert_eq!(outputs["b"], up_to(51), "{word}");
        let dead = bench.dead();
        assert_eq!(dead.len(), 2, "{word}");
        let expected = match word {
            "reject" | "fail" => "rejected",
            "loop" => "deadline",
            "wrong-partition" => "bad-result",
            other => other,
        };
        assert_eq!(dead[0]["invoker-error-kind"], expected);
        assert_eq!(dead[0]["value"], word);
        assert_eq!(dead[0]["key"], "a");
        assert_eq!(dead[0]["trace"], "a", "its own headers stay");
        assert_eq!(dead[0]["invoker-topic"], "in");
        assert_eq!(dead[0]["invoker-offset"], "81", "behind the mark of the first transaction");
        assert_eq!(dead[0]["invoker-partition"], (b'a' as u32 % 3).to_string());
        assert_eq!(dead[0]["invoker-timestamp"], "1000");
        assert_eq!(dead[0]["invoker-function"], "sha256:native");
    }
}

#[test]
fn a_named_poison_record_is_found_without_a_search() {
    let bench = Bench::new(Delivery::ExactlyOnce);
    let records = (0..16).map(|at| ("a", if at == 11 { "panic" } else { "word" }));
    bench.feed("in", records);
    bench.drain();
    assert_eq!(*bench.calls.lock().unwrap(), [16, 11, 1, 4]);
    assert_eq!(bench.outputs()["a"], up_to(15));
}

#[test]
fn a_transient_failure_is_tried_again_in_place() {
    let bench = Bench::new(Delivery::ExactlyOnce);
    bench.feed("in", [("a", "word"), ("a", "transient:3"), ("a", "word"), ("b", "word")]);
    bench.drain();
    assert_eq!(bench.outputs()["a"], up_to(3));
    assert_eq!(bench.outputs()["b"], up_to(1));
    assert!(bench.dead().is_empty());
}

#[test]
fn a_transient_failure_that_lasts_goes_to_the_dead_letters() {
    let bench = Bench::new(Delivery::ExactlyOnce);
    bench.feed("in", [("a", "word"), ("a", "transient:99"), ("a", "word")]);
    bench.drain();
    assert_eq!(bench.outputs()["a"], up_to(2));
    let dead = bench.dead();
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0]["invoker-error-kind"], "transient");
    assert_eq!(dead[0]["invoker-error-code"], "away");
    assert_eq!(dead[0]["invoker-error-message"], "told to: away");
}

#[test]
fn skip_drops_the_record_and_counts_it() {
    let mut bench = Bench::new(Delivery::ExactlyOnce);
    bench.entity.on_failure = OnFailure::Skip;
    bench.feed("in", [("a", "word"), ("a", "trap"), ("a", "word")]);
    let host = bench.start();
    wait(|| host.status().entities[0].records_in == 3);
    assert_eq!(host.status().entities[0].skipped, 1);
    host.stop(Duration::from_secs(10)).unwrap();
    assert_eq!(bench.outputs()["a"], up_to(2));
    assert!(bench.dead().is_empty());
}

#[test]
fn stop_halts_in_front_of_the_record_and_only_its_partition() {
    for word in ["reject", "trap", "transient:99"] {
        let mut bench = Bench::new(Delivery::ExactlyOnce);
        bench.entity.on_failure = OnFailure::Stop;
        bench.feed("in", [("a", "word"), ("a", "word"), ("a", word), ("a", "word"), ("b", "word")]);
        let host = bench.start();
        let stopped = || {
            let status = host.status();
            let partitions = &status.entities[0].partitions;
            partitions.iter().find_map(|partition| match &partition.state {
                PartitionState::Stopped { error } => Some((partition.committed[0], error.clone())),
                _ => None,
            })
        };
        wait(|| stopped().is_some_and(|(committed, _)| committed == 2));
        wait(|| bench.outputs().contains_key("b"));
        let (_, error) = stopped().unwrap();
        assert!(error.starts_with("in[1] offset 2, key Some(\"a\"): "), "{error}");
        host.stop(Duration::from_secs(10)).unwrap();
        assert_eq!(bench.outputs()["a"], up_to(2), "{word}");
        assert_eq!(bench.outputs()["b"], up_to(1), "{word}");
        bench.entity.on_failure = OnFailure::Skip;
        bench.drain();
        assert_eq!(bench.outputs()["a"], up_to(3), "{word}: it goes on from there");
    }
}

#[test]
fn two_inputs_share_the_state_of_a_key_and_an_idle_one_keeps_its_position() {
    let mut bench = Bench::new(Delivery::ExactlyOnce);
    bench.entity.inputs.push(InputDocument { topic: "in2".to_owned(), start: Default::default() });
    bench.feed("in", rounds(5));
    bench.feed("in2", rounds(5));
    bench.drain();
    bench.feed("in2", rounds(5));
    bench.drain();
    bench.drain();
    for key in KEYS {
        assert_eq!(bench.outputs()[key], up_to(15));
    }
}

#[test]
fn a_start_at_the_end_is_kept_over_a_restart() {
    let mut bench = Bench::new(Delivery::ExactlyOnce);
    bench.entity.inputs[0].start = StartPosition::Latest;
    bench.feed("in", rounds(5));
    bench.drain();
    bench.feed("in", rounds(2));
    bench.drain();
    for key in KEYS {
        assert_eq!(bench.outputs()[key], up_to(2), "what came while nothing ran is read");
    }
}

#[test]
fn lost_state_follows_the_policy() {
    for (policy, counts) in [
        (OnStateLoss::Fail, vec!["1", "2"]),
        (OnStateLoss::Accept, vec!["1", "2", "1"]),
        (OnStateLoss::Rewind, vec!["1", "2", "1", "2", "3"]),
    ] {
        let mut bench = Bench::new(Delivery::ExactlyOnce);
        bench.entity.partitions = vec![1];
        bench.feed("in", [("a", "word"), ("a", "word")]);
        bench.drain();
        bench.state = std::sync::Arc::new(
            crate::state::EmbeddedState::open(crate::db::Database::memory(), crate::state::Journal::Own)
                .unwrap(),
        );
        bench.feed("in", [("a", "word")]);
        bench.entity.on_state_loss = policy;
        let host = bench.start();
        wait(|| {
            let partition = &host.status().entities[0].partitions[0];
            match &partition.state {
                PartitionState::Stopped { error } => {
                    assert!(error.contains("the log stands at 3"), "{error}");
                    policy == OnStateLoss::Fail
                }
                state => *state == PartitionState::Running && partition.lag == Some(0),
            }
        });
        host.stop(Duration::from_secs(10)).unwrap();
        assert_eq!(bench.outputs()["a"], counts, "{policy:?}");
    }
}

#[test]
fn a_second_host_takes_over_and_nothing_is_counted_twice() {
    let bench = Bench::new(Delivery::ExactlyOnce);
    bench.feed("in", rounds(200));
    let first = bench.start();
    wait(|| first.status().entities[0].records_in > 50);
    let second = bench.start();
    bench.feed("in", rounds(100));
    wait(|| bench.is_done());
    first.stop(Duration::from_secs(10)).unwrap();
    second.stop(Duration::from_secs(10)).unwrap();
    bench.drain();
    for key in KEYS {
        assert_eq!(bench.outputs()[key], up_to(300));
    }
}
