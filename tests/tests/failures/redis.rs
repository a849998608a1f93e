//! Redis goes away, comes back, and comes back without what it had last.

use std::collections::BTreeMap;
use std::time::Duration;

use invoker_tests::servers::{self, Redis, RedisOptions};

use crate::feed::{entry, write_all};
use crate::host::Host;
use crate::pipeline::{FIRST, Pipeline};
use crate::truth::{Entry, Truth, by_partition, read, state};
use crate::wait::wait;

fn start(name: &str) -> (Redis, Pipeline) {
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    let pipeline = Pipeline::new(name, &servers::kafka().unwrap(), &redis.url(), 3);
    (redis, pipeline)
}

fn survives(name: &str, fault: impl FnOnce(&Redis)) {
    let (redis, pipeline) = start(name);
    pipeline.survives(3_000, || fault(&redis));
}

#[test]
fn redis_restarts() {
    survives("redis-restarts", |redis| {
        redis.server().stop().unwrap();
        redis.restart().unwrap();
        std::thread::sleep(Duration::from_secs(1));
        redis.server().kill().unwrap();
        redis.restart().unwrap();
    });
}

#[test]
fn redis_is_away_for_ten_seconds() {
    survives("redis-away", |redis| {
        redis.server().stop().unwrap();
        std::thread::sleep(Duration::from_secs(10));
        redis.restart().unwrap();
    });
}

#[test]
fn redis_answers_nothing_for_ten_seconds() {
    survives("redis-frozen", |redis| {
        redis.server().freeze().unwrap();
        std::thread::sleep(Duration::from_secs(10));
        redis.server().thaw().unwrap();
    });
}

/// Three parts of input: in the state that Redis still has, in the state that it lost, and after that.
struct Parts {
    pipeline: Pipeline,
    host: Host,
    redis: Redis,
}

const PART: u64 = 3_000;

fn part(number: u64) -> String {
    (number * PART..(number + 1) * PART).map(|number| entry(number, &number.to_string())).collect()
}

/// Redis has lost its last second, and more input comes.
fn lose_the_last_second(name: &str, policy: &str) -> Parts {
    let (redis, mut pipeline) = start(name);
    pipeline.more = format!("  lanes: 2\n  onStateLoss: {policy}\n");
    let mut host = pipeline.start();
    let input = pipeline.topic("in");
    write_all(&pipeline.kafka, &input, &part(0));
    Truth::of(&pipeline).wait(&pipeline);
    // Promoted, too: nothing is pending in the copy.
    host.end();
    let copy = redis.copy_data().unwrap();
    host.start();
    write_all(&pipeline.kafka, &input, &part(1));
    Truth::of(&pipeline).wait(&pipeline);
    redis.server().kill().unwrap();
    redis.put_back(copy.path()).unwrap();
    redis.restart().unwrap();
    write_all(&pipeline.kafka, &input, &part(2));
    Parts { pipeline, host, redis }
}

#[test]
fn a_state_that_went_back_stops_its_partitions_and_can_be_rewound_later() {
    let Parts { mut pipeline, mut host, redis: _redis } = lose_the_last_second("back-fail", "fail");
    for partition in 0..pipeline.partitions {
        host.says(&format!(
            "partition not started entity=\"first\" partition={partition} \
             error=\"state and committed offsets disagree: the log stands at "
        ));
    }
    let stopped = read(&pipeline.kafka, &pipeline.topic("mid")).len();
    pipeline.more = pipeline.more.replace("onStateLoss: fail", "onStateLoss: rewind");
    assert_eq!(stopped, 2 * PART as usize, "nothing was processed with a state that is wrong");
    host.reconfigure(&pipeline.document(&pipeline.all()));
    rewound(&pipeline, &mut host);
}

#[test]
fn a_state_that_went_back_is_rewound_with_its_input() {
    let Parts { pipeline, mut host, redis: _redis } = lose_the_last_second("back-rewind", "rewind");
    rewound(&pipeline, &mut host);
}

/// The state is right, and outputs behind what it had still are there twice and no others.
fn rewound(pipeline: &Pipeline, host: &mut Host) {
    let truth = Truth::of(pipeline);
    let states = || -> BTreeMap<_, _> {
        pipeline.all().into_iter().map(|partition| (partition, state(pipeline, FIRST, partition))).collect()
    };
    let right = |counts: &BTreeMap<u32, BTreeMap<String, u64>>| {
        counts.values().flat_map(BTreeMap::values).sum::<u64>() == 3 * PART
    };
    wait("the state", || (!right(&states())).then(|| format!("{:?}", states())));
    host.end();
    for partition in pipeline.all() {
        assert_eq!(state(pipeline, FIRST, partition), truth.counts(partition));
    }
    let mid = by_partition(&pipeline.kafka, &pipeline.topic("mid"));
    assert_eq!(mid.values().map(Vec::len).sum::<usize>(), 4 * PART as usize, "one part came twice");
    for (partition, entries) in mid {
        let wanted = truth.mid.get(&partition).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        let first: Vec<&Entry> = entries.iter().filter(|entry| seen.insert(*entry)).collect();
        assert!(
            first.into_iter().eq(wanted),
            "mid, partition {partition}: not in order once repeats are left out"
        );
    }
}

#[test]
fn a_state_that_went_back_can_be_accepted_as_it_is() {
    let Parts { pipeline, mut host, redis: _redis } = lose_the_last_second("back-accept", "accept");
    wait("the third part", || {
        let mid = read(&pipeline.kafka, &pipeline.topic("mid")).len();
        (mid != 3 * PART as usize).then(|| format!("{mid} records"))
    });
    host.end();
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for line in (part(0) + &part(2)).lines() {
        let (key, _) = line.split_once(':').unwrap();
        *expected.entry(key.to_owned()).or_default() += 1;
    }
    let found: BTreeMap<String, u64> =
        pipeline.all().into_iter().flat_map(|partition| state(&pipeline, FIRST, partition)).collect();
    assert_eq!(found, expected, "the second part is in no count, the others are");
}
