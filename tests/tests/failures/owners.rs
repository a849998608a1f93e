//! Partitions that change their owner, as planned, by theft and behind the back of a host that sleeps.

use invoker_tests::servers;

use crate::feed::{Feed, write_all};
use crate::host::Host;
use crate::pipeline::Pipeline;
use crate::tail::Tail;
use crate::truth::Truth;

fn pipeline(name: &str, partitions: u32) -> Pipeline {
    Pipeline::new(name, &servers::kafka().unwrap(), &servers::redis().unwrap(), partitions)
}

fn feed(pipeline: &Pipeline) -> Feed {
    Feed::start(&pipeline.kafka, &pipeline.topic("in"), 4_000, |number| format!("v{number}"))
}

fn finish(pipeline: &Pipeline, feed: Feed, hosts: &mut [&mut Host]) {
    feed.finish();
    Truth::settle(pipeline, hosts.iter_mut().map(|host| &mut **host));
}

#[test]
fn two_hosts_that_want_the_same_partitions_agree_on_one_owner() {
    let pipeline = pipeline("two", 3);
    let (feed, output) = (feed(&pipeline), Tail::of(&pipeline, "out"));
    let everything = pipeline.document(&pipeline.all());
    let (mut one, mut other) = (pipeline.host(), pipeline.host());
    for host in [&mut one, &mut other] {
        host.configure(&everything);
        host.start();
    }
    output.grows_by(2_000);
    // From one to the other, and back, without a word to who has it.
    for _ in 0..3 {
        for host in [&mut one, &mut other] {
            host.reconfigure(&pipeline.document(&[]));
            host.reconfigure(&everything);
            output.grows_by(1_000);
        }
    }
    assert!(one.log().contains("another host has taken the partition"), "{}", one.log());
    finish(&pipeline, feed, &mut [&mut one, &mut other]);
}

#[test]
fn a_frozen_host_whose_partitions_moved_commits_nothing_when_it_wakes() {
    let pipeline = pipeline("frozen", 3);
    let (feed, output) = (feed(&pipeline), Tail::of(&pipeline, "out"));
    let mut sleeper = pipeline.start();
    output.grows_by(2_000);
    sleeper.freeze();
    let mut taker = pipeline.start();
    output.grows_by(2_000);
    sleeper.thaw();
    sleeper.says("another host has taken the partition");
    output.grows_by(2_000);
    finish(&pipeline, feed, &mut [&mut sleeper, &mut taker]);
}

#[test]
fn a_lane_that_loses_one_partition_goes_on_with_the_others() {
    let mut pipeline = pipeline("stolen", 3);
    pipeline.more = "  lanes: 1\n".to_owned();
    let (feed, output) = (feed(&pipeline), Tail::of(&pipeline, "out"));
    let mut loser = pipeline.start();
    output.grows_by(2_000);
    let mut thief = pipeline.host();
    thief.configure(&pipeline.document(&[1]));
    thief.start();
    loser.says("another host has taken the partition entity=\"second\" partition=1");
    loser.says("another host has taken the partition entity=\"first\" partition=1");
    output.grows_by(2_000);
    assert!(!loser.log().contains("partition=0"), "{}", loser.log());
    finish(&pipeline, feed, &mut [&mut loser, &mut thief]);
}

#[test]
fn partitions_move_between_live_hosts_under_load() {
    let pipeline = pipeline("moved", 6);
    let (feed, output) = (feed(&pipeline), Tail::of(&pipeline, "out"));
    let (mut one, mut other) = (pipeline.host(), pipeline.host());
    one.configure(&pipeline.document(&pipeline.all()));
    other.configure(&pipeline.document(&[]));
    one.start();
    other.start();
    one.says("running");
    other.says("running");
    for split in [3, 1, 5, 0, 6] {
        let all = pipeline.all();
        let (ones, others) = all.split_at(split);
        // Who gives is told first, as the operator does; who takes finds no one to fence.
        let giver_first = ones.len() < 3;
        let (first, second) = (pipeline.document(ones), pipeline.document(others));
        if giver_first {
            one.reconfigure(&first);
            other.reconfigure(&second);
        } else {
            other.reconfigure(&second);
            one.reconfigure(&first);
        }
        output.grows_by(1_000);
    }
    finish(&pipeline, feed, &mut [&mut one, &mut other]);
}

#[test]
fn a_host_that_ended_in_order_leaves_nobody_to_fence() {
    let pipeline = pipeline("planned", 3);
    let line = |number: u64| crate::feed::entry(number, &format!("v{number}"));
    write_all(&pipeline.kafka, &pipeline.topic("in"), &(0..3000).map(line).collect::<String>());
    let mut host = pipeline.start();
    Truth::of(&pipeline).wait(&pipeline);
    host.end();
    write_all(&pipeline.kafka, &pipeline.topic("in"), &(3000..6000).map(line).collect::<String>());
    host.forget_log();
    host.start();
    let truth = Truth::of(&pipeline);
    truth.wait(&pipeline);
    host.end();
    assert!(!host.log().contains("WARN"), "{}", host.log());
    truth.check(&pipeline);
}
