//! The weaker promises while hosts are killed at random: `at-least-once` loses nothing, `at-most-once` repeats nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use invoker_tests::{built, servers};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::feed::{Feed, entry, write_all};
use crate::host::Host;
use crate::pipeline::{ENTITIES, FIRST, Pipeline};
use crate::truth::{Entry, Truth, by_partition, state};
use crate::wait::wait;

const KILLS: usize = 6;

fn pipeline(name: &str, more: &str) -> Pipeline {
    let mut pipeline = Pipeline::new(name, &servers::kafka().unwrap(), &servers::redis().unwrap(), 4);
    more.clone_into(&mut pipeline.more);
    pipeline
}

/// Two hosts that share the partitions are killed in turn at random moments, each started again at once, while records
/// flow.
fn survive(pipeline: &Pipeline, document: impl Fn(&[u32]) -> String) -> [Host; 2] {
    let mut rng = SmallRng::seed_from_u64(1);
    let mut hosts = [&[0, 1][..], &[2, 3]].map(|partitions| {
        let mut host = pipeline.host();
        host.configure(&document(partitions));
        host.start();
        host
    });
    let feed = Feed::start(&pipeline.kafka, &pipeline.topic("in"), 2_000, |number| number.to_string());
    for kill in 0..KILLS {
        std::thread::sleep(Duration::from_millis(rng.random_range(200..1_200)));
        let Some(host) = hosts.get_mut(kill % 2) else { continue };
        host.kill();
        host.start();
    }
    feed.finish();
    hosts
}

/// The last word of each value.
fn words(records: &[Entry]) -> BTreeSet<&str> {
    records.iter().filter_map(|entry| entry.value.split(' ').next_back()).collect()
}

#[test]
fn at_least_once_loses_nothing_and_its_state_is_what_its_outputs_say() {
    let more = "  lanes: 2\n  delivery: at-least-once\n  commitIntervalMs: 50\n";
    let pipeline = pipeline("at-least-once", more);
    let mut hosts = survive(&pipeline, |partitions| pipeline.document(partitions));
    let wanted = by_partition(&pipeline.kafka, &pipeline.topic("in"));
    wait("every record to come out", || {
        let found = by_partition(&pipeline.kafka, &pipeline.topic("out"));
        let differs = wanted.iter().find(|(partition, records)| {
            words(records) != found.get(partition).map(|found| words(found)).unwrap_or_default()
        });
        differs.map(|(partition, _)| format!("those of partition {partition} have not"))
    });
    hosts.iter_mut().for_each(Host::end);
    let truth = Truth::of(&pipeline);
    for (entity, topic) in ENTITIES.into_iter().zip(["mid", "out"]) {
        let outputs = by_partition(&pipeline.kafka, &pipeline.topic(topic));
        for partition in pipeline.all() {
            let mut said = BTreeMap::new();
            for Entry { key, value } in outputs.get(&partition).into_iter().flatten() {
                let count: u64 = value.split(' ').next().unwrap().parse().unwrap();
                said.insert(key.clone(), count);
            }
            let state = state(&pipeline, entity, partition);
            assert_eq!(state, said, "the state of {entity}, partition {partition}, and its last outputs");
            let least = truth.counts(partition);
            let less: Vec<_> = least.iter().filter(|(key, count)| state.get(*key) < Some(count)).collect();
            assert!(less.is_empty(), "{entity} has counted fewer than there are: {less:?}");
        }
    }
}

/// A host that copies these partitions from `in` to `out`.
fn copying(pipeline: &Pipeline, delivery: &str, partitions: &[u32]) -> String {
    let Pipeline { name, kafka, redis, .. } = pipeline;
    format!(
        "deployment: {name}\nhost: h\nkafka: {{ bootstrapServers: {kafka:?} }}\nredis: {{ url: {redis:?} }}\nentities:\n\
         - id: {FIRST}\n  function: {}\n  inputs: [{{ topic: {} }}]\n  outputs: [{}]\n  partitions: {partitions:?}\n  \
         partitionCount: 4\n  delivery: {delivery}\n  limits: {{ batchRecords: 16 }}\n",
        built::guest("raw_map_sdk").unwrap().display(),
        pipeline.topic("in"),
        pipeline.topic("out"),
    )
}

#[test]
fn at_least_once_without_state_loses_nothing() {
    let pipeline = pipeline("at-least-once-copy", "");
    let mut hosts = survive(&pipeline, |partitions| copying(&pipeline, "at-least-once", partitions));
    let wanted = by_partition(&pipeline.kafka, &pipeline.topic("in"));
    wait("every record to come out", || {
        let found = by_partition(&pipeline.kafka, &pipeline.topic("out"));
        let differs = wanted.iter().find(|(partition, records)| {
            words(records) != found.get(partition).map(|found| words(found)).unwrap_or_default()
        });
        differs.map(|(partition, _)| format!("those of partition {partition} have not"))
    });
    hosts.iter_mut().for_each(Host::end);
}

#[test]
fn at_most_once_repeats_nothing_and_goes_on() {
    let pipeline = pipeline("at-most-once", "");
    let kafka = &pipeline.kafka;
    let mut hosts = survive(&pipeline, |partitions| copying(&pipeline, "at-most-once", partitions));
    // Those that come while nobody is killed come out.
    let later: String = (0..200).map(|number| entry(number, &format!("later{number}"))).collect();
    write_all(kafka, &pipeline.topic("in"), &later);
    let output = || by_partition(kafka, &pipeline.topic("out"));
    wait("all that came after the last kill", || {
        let found = output();
        let found = found.values().flatten().filter(|entry| entry.value.starts_with("later")).count();
        (found < 200).then(|| format!("{found} of 200"))
    });
    hosts.iter_mut().for_each(Host::end);
    let (input, output) = (by_partition(kafka, &pipeline.topic("in")), output());
    for (partition, found) in &output {
        // Each is found behind the one before it, and so not twice.
        let mut left = input.get(partition).into_iter().flatten();
        for entry in found {
            assert!(
                left.any(|read| read == entry),
                "repeated, or in another order: {entry:?} of {partition}"
            );
        }
    }
}
