//! Where a partition goes on when its positions, or its inputs, are not those that its state knows.

use std::time::Duration;

use invoker_core::document::{Delivery, InputDocument, OnStateLoss, StartPosition};

use super::native::{Bench, up_to, wait};
use crate::PartitionState;

const GROUP: &str = "invoker.test.counter";

fn input(topic: &str) -> InputDocument {
    InputDocument { topic: topic.to_owned(), start: Default::default() }
}

fn words(n: usize) -> impl Iterator<Item = (&'static str, &'static str)> {
    std::iter::repeat_n(("a", "word"), n)
}

/// Why the partition of `a` has stopped.
fn stopped(bench: &Bench) -> String {
    let host = bench.start();
    let state = || host.status().entities[0].partitions[1].state.clone();
    wait(|| matches!(state(), PartitionState::Stopped { .. }));
    let PartitionState::Stopped { error } = state() else { panic!("it stopped") };
    host.stop(Duration::from_secs(10)).unwrap();
    error
}

#[test]
fn at_least_once_goes_on_behind_its_state_where_the_log_forgot_its_positions() {
    for start in [StartPosition::Earliest, StartPosition::Latest] {
        let mut bench = Bench::new(Delivery::AtLeastOnce);
        bench.feed("in", words(5));
        bench.drain();
        bench.log.delete_group(GROUP).unwrap();
        bench.feed("in", words(5));
        bench.entity.inputs[0].start = start.clone();
        bench.drain();
        assert_eq!(bench.outputs()["a"], up_to(10), "{start:?}");
    }
}

#[test]
fn exactly_once_stops_where_the_log_forgot_its_positions() {
    let bench = Bench::new(Delivery::ExactlyOnce);
    bench.feed("in", words(5));
    bench.drain();
    bench.log.delete_group(GROUP).unwrap();
    let error = stopped(&bench);
    assert!(error.contains("the log stands at none, the state at [6]"), "{error}");
}

#[test]
fn state_is_not_gone_on_with_from_other_inputs_unless_that_is_accepted() {
    let mut bench = Bench::new(Delivery::ExactlyOnce);
    bench.feed("in", words(5));
    bench.feed("in2", words(2));
    bench.entity.inputs = vec![input("in"), input("in2")];
    bench.drain();
    bench.feed("in", words(3));
    for inputs in [vec![input("in2"), input("in")], vec![input("in2")]] {
        bench.entity.inputs = inputs;
        let error = stopped(&bench);
        assert!(
            error.starts_with(r#"the state was written from ["in", "in2"], and the inputs are ["in2""#),
            "{error}"
        );
    }
    bench.entity.inputs = vec![input("in2"), input("in")];
    bench.entity.on_state_loss = OnStateLoss::Accept;
    bench.drain();
    assert_eq!(bench.outputs()["a"], up_to(10), "each goes on where it was committed");
    bench.entity.on_state_loss = OnStateLoss::Fail;
    bench.feed("in2", words(1));
    bench.drain();
    assert_eq!(bench.outputs()["a"], up_to(11), "once accepted, they are known");
}

#[test]
fn an_input_may_be_added_behind_the_others() {
    let mut bench = Bench::new(Delivery::ExactlyOnce);
    bench.feed("in", words(5));
    bench.drain();
    bench.feed("in2", words(5));
    bench.entity.inputs.push(input("in2"));
    bench.drain();
    assert_eq!(bench.outputs()["a"], up_to(10));
}

#[test]
fn without_state_the_inputs_may_be_others() {
    let mut bench = Bench::new(Delivery::ExactlyOnce);
    bench.stateful = false;
    bench.feed("in", words(5));
    bench.drain();
    bench.feed("in2", words(5));
    bench.entity.inputs = vec![input("in2")];
    bench.drain();
    assert_eq!(bench.outputs()["a"].len(), 10);
}
