//! Positions that the log does not hold. The embedded log drops nothing that somebody waits for, so that they lie behind
//! its end here.

use std::collections::BTreeMap;

use invoker_core::document::{Delivery, OnOffsetOutOfRange, StartPosition};

use super::native::{Bench, up_to, wait};
use crate::log::TopicPartition;
use crate::{Host, PartitionState};

const DEADLINE: std::time::Duration = std::time::Duration::from_secs(10);

/// Partition 1 has five records of `a`; reading is to start far behind them.
fn bench(delivery: Delivery, policy: OnOffsetOutOfRange) -> Bench {
    let mut bench = Bench::new(delivery);
    bench.stateful = delivery != Delivery::AtMostOnce;
    bench.entity.on_offset_out_of_range = policy;
    bench.entity.inputs[0].start = StartPosition::Offsets(BTreeMap::from([(1, 1_000)]));
    bench.feed("in", std::iter::repeat_n(("a", "word"), 5));
    bench
}

fn state(host: &Host) -> PartitionState {
    host.status().entities[0].partitions[1].state.clone()
}

/// `None` while a commit is under way, too.
fn committed(bench: &Bench) -> Option<u64> {
    let at = TopicPartition { topic: "in".to_owned(), partition: 1 };
    let committed = bench.log.source().unwrap().committed("invoker.test.counter", &at);
    committed.ok().flatten().map(|at| at.offset)
}

#[test]
fn the_partition_stops_and_says_what_can_be_done() {
    let bench = bench(Delivery::ExactlyOnce, OnOffsetOutOfRange::Stop);
    let host = bench.start();
    wait(|| matches!(state(&host), PartitionState::Stopped { .. }));
    let PartitionState::Stopped { error } = state(&host) else { panic!("it stopped") };
    assert!(error.starts_with("offset 1000 of in[1] is gone: the log holds 0 to "), "{error}");
    assert!(error.ends_with("choose `earliest` or `latest` to go on without what is missing"), "{error}");
    host.stop(DEADLINE).unwrap();
    assert_eq!(bench.outputs(), BTreeMap::new());
}

#[test]
fn earliest_goes_on_with_what_is_there() {
    for delivery in [Delivery::ExactlyOnce, Delivery::AtLeastOnce, Delivery::AtMostOnce] {
        let bench = bench(delivery, OnOffsetOutOfRange::Earliest);
        let host = bench.start();
        wait(|| bench.outputs().get("a").is_some_and(|counts| counts.len() == 5));
        host.stop(DEADLINE).unwrap();
        assert_eq!(bench.outputs()["a"], up_to(5), "{delivery:?}");
    }
}

#[test]
fn latest_goes_on_with_what_comes_and_commits_where_it_stands() {
    for delivery in [Delivery::ExactlyOnce, Delivery::AtLeastOnce, Delivery::AtMostOnce] {
        let bench = bench(delivery, OnOffsetOutOfRange::Latest);
        let end = {
            let at = TopicPartition { topic: "in".to_owned(), partition: 1 };
            bench.log.source().unwrap().bounds(&at).unwrap().1
        };
        let host = bench.start();
        wait(|| committed(&bench) == Some(end));
        host.stop(DEADLINE).unwrap();
        assert_eq!(bench.outputs(), BTreeMap::new());
        bench.feed("in", std::iter::repeat_n(("a", "word"), 3));
        let host = bench.start();
        wait(|| bench.outputs().get("a").is_some_and(|counts| counts.len() == 3));
        host.stop(DEADLINE).unwrap();
        assert_eq!(bench.outputs()["a"], up_to(3), "{delivery:?}");
    }
}
