//! Inputs that change under a host: topics that get more partitions, records that are gone before they were read.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use invoker_tests::{built, servers};
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::feed::{entry, write_all};
use crate::host::Host;
use crate::pipeline::{FIRST, Pipeline};
use crate::truth::{Entry, Truth, read, state};
use crate::wait::wait;

const BEFORE: u32 = 3;
const GROWN: u32 = 6;

fn pipeline(name: &str) -> Pipeline {
    Pipeline::new(name, &servers::kafka().unwrap(), &servers::redis().unwrap(), BEFORE)
}

fn admin(pipeline: &Pipeline) -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", &pipeline.kafka).create().unwrap()
}

fn options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)))
}

/// The topic has six partitions when it returns.
fn grow(pipeline: &Pipeline, topic: &str) {
    let topic = pipeline.topic(topic);
    let partitions = [NewPartitions::new(&topic, GROWN as usize)];
    let made = pollster::block_on(admin(pipeline).create_partitions(&partitions, &options())).unwrap();
    made.into_iter().for_each(|made| drop(made.unwrap()));
}

/// Nothing in front of these offsets is left.
fn delete(pipeline: &Pipeline, starts: &BTreeMap<u32, u64>) {
    let (topic, mut list) = (pipeline.topic("in"), TopicPartitionList::new());
    for (&partition, &start) in starts {
        list.add_partition_offset(&topic, partition as i32, Offset::Offset(start as i64)).unwrap();
    }
    let deleted = pollster::block_on(admin(pipeline).delete_records(&list, &options())).unwrap();
    deleted.elements().iter().for_each(|of| of.error().unwrap());
}

fn feed(pipeline: &Pipeline, numbers: std::ops::Range<u64>) {
    let entries: String = numbers.map(|number| entry(number, &number.to_string())).collect();
    write_all(&pipeline.kafka, &pipeline.topic("in"), &entries);
}

fn mid(pipeline: &Pipeline) -> usize {
    read(&pipeline.kafka, &pipeline.topic("mid")).len()
}

/// Records by key, as one key may have come from two partitions, between which there is no order.
fn by_key(records: impl IntoIterator<Item = Entry>) -> BTreeMap<String, Vec<String>> {
    let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
    records.into_iter().for_each(|Entry { key, value }| all.entry(key).or_default().push(value));
    all.values_mut().for_each(|values| values.sort());
    all
}

/// Each record of the input was counted once, by the counts of its key in its own partition.
#[track_caller]
fn counted_per_partition(pipeline: &Pipeline) {
    let truth = Truth::of(pipeline);
    let found = read(&pipeline.kafka, &pipeline.topic("mid")).into_iter().map(|(_, _, entry)| entry);
    assert_eq!(by_key(found), by_key(truth.mid.values().flatten().cloned()));
    for partition in 0..GROWN {
        assert_eq!(state(pipeline, FIRST, partition), truth.counts(partition), "partition {partition}");
    }
}

#[test]
fn an_input_that_grows_stops_its_entity_until_that_is_accepted() {
    let mut pipeline = pipeline("grows");
    feed(&pipeline, 0..3_000);
    let mut host = pipeline.start();
    Truth::of(&pipeline).wait(&pipeline);
    grow(&pipeline, "in");
    for partition in pipeline.all() {
        host.says(&format!(
            "partition not started entity=\"first\" partition={partition} error=\"the state was written with 3 partitions \
             and the inputs now have 6, "
        ));
    }
    feed(&pipeline, 3_000..9_000);
    assert_eq!(mid(&pipeline), 3_000);
    // It goes on with the partitions that it has, and says that some are nobody's.
    pipeline.more.push_str("  onPartitionChange: accept\n");
    host.reconfigure(&pipeline.document(&pipeline.all()));
    host.says("keys that moved start with empty state");
    host.says("the inputs have more partitions than the document knows of");
    let input = || read(&pipeline.kafka, &pipeline.topic("in")).into_iter();
    let old = input().filter(|(partition, ..)| *partition < BEFORE).count();
    wait("the old partitions", || {
        let found = mid(&pipeline);
        (found != old).then(|| format!("{found} of {old}"))
    });
    // Then it is given all of them. The first entity alone: what it writes has not grown.
    let (known, all) =
        ("partitions: [0, 1, 2]\n  partitionCount: 3", "partitions: [0, 1, 2, 3, 4, 5]\n  partitionCount: 6");
    host.reconfigure(&pipeline.document(&pipeline.all()).replacen(known, all, 1));
    wait("all partitions", || {
        let (found, wanted) = (mid(&pipeline), input().count());
        (found != wanted).then(|| format!("{found} of {wanted}"))
    });
    host.end();
    counted_per_partition(&pipeline);
}

#[test]
fn a_topic_that_grew_while_nobody_looked_is_noticed() {
    let pipeline = pipeline("grew");
    feed(&pipeline, 0..3_000);
    let mut host = pipeline.start();
    Truth::of(&pipeline).wait(&pipeline);
    host.end();
    grow(&pipeline, "in");
    feed(&pipeline, 3_000..6_000);
    host.start();
    for partition in pipeline.all() {
        host.says(&format!("partition not started entity=\"first\" partition={partition}"));
    }
    host.end();
    assert_eq!(mid(&pipeline), 3_000);
}

/// `invoker run`, ended when it is dropped.
struct Run(Child);

impl Drop for Run {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_run_takes_up_accepted_growth_while_it_goes_on() {
    let pipeline = pipeline("run-grows");
    let folder = tempfile::tempdir().unwrap();
    let (function, input, output) =
        (built::guest("journal").unwrap(), pipeline.topic("in"), pipeline.topic("mid"));
    let topology = format!(
        "apiVersion: invoker.io/v1alpha1\nkind: InvokerDeployment\nmetadata: {{ name: growing }}\nspec:\n  id: {}\n  \
         topics: {{ {input:?}: {{}} }}\n  statefulEntities:\n  - {{ name: first, function: {}, inputTopic: {input}, \
         outputTopic: {output}, onPartitionChange: accept }}\n",
        pipeline.name,
        function.display(),
    );
    std::fs::write(folder.path().join("topology.yaml"), topology).unwrap();
    let log = std::fs::File::create(folder.path().join("log")).unwrap();
    feed(&pipeline, 0..3_000);
    let words = ["run", "topology.yaml", "--follow", "--kafka", &pipeline.kafka, "--redis", &pipeline.redis];
    let run = Command::new(built::invoker().unwrap())
        .args(words)
        .current_dir(folder.path())
        .env("INVOKER_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn();
    let mut run = Run(run.unwrap());
    let said = || std::fs::read_to_string(folder.path().join("log")).unwrap();
    let mut reaches = |wanted: usize| {
        wait("the run", || {
            assert_eq!(run.0.try_wait().unwrap(), None, "{}", said());
            let found = mid(&pipeline);
            (found != wanted).then(|| format!("{found} of {wanted}\n{}", said()))
        });
    };
    reaches(3_000);
    grow(&pipeline, "in");
    feed(&pipeline, 3_000..9_000);
    reaches(9_000);
    let text = "entity \"first\": the inputs have grown from 3 to 6 partitions, all of which are read";
    wait("word of it", || (!said().contains(text)).then(said));
    drop(run);
    counted_per_partition(&pipeline);
}

/// By partition, the position that was reached and the first offset that is left.
type Cuts = BTreeMap<u32, (u64, u64)>;

/// A pipeline that has processed 3000 records and ended; 3000 more came since, of which each partition has lost its
/// first 200. Also the input as it was, and where each partition begins now.
fn cut(name: &str) -> (Pipeline, Host, Vec<(u32, u64, Entry)>, Cuts) {
    let pipeline = pipeline(name);
    feed(&pipeline, 0..3_000);
    let mut host = pipeline.start();
    Truth::of(&pipeline).wait(&pipeline);
    host.end();
    let read_input = || read(&pipeline.kafka, &pipeline.topic("in"));
    let ends = read_input().into_iter().map(|(at, offset, _)| (at, (offset + 1, offset + 201)));
    let cuts: Cuts = ends.collect();
    feed(&pipeline, 3_000..6_000);
    let input = read_input();
    delete(&pipeline, &cuts.iter().map(|(&partition, &(_, start))| (partition, start)).collect());
    (pipeline, host, input, cuts)
}

#[test]
fn records_that_are_gone_stop_their_partition_until_that_is_accepted() {
    let (mut pipeline, mut host, input, cuts) = cut("gone");
    host.start();
    for (partition, (position, start)) in &cuts {
        host.says(&format!(
            "partition stopped entity=\"first\" partition={partition} error=\"offset {position} of {}[{partition}] is gone: \
             the log holds {start} to ",
            pipeline.topic("in")
        ));
    }
    assert_eq!(mid(&pipeline), 3_000);
    pipeline.more.push_str("  onOffsetOutOfRange: earliest\n");
    host.reconfigure(&pipeline.document(&pipeline.all()));
    let is_left = |(at, offset, _): &(u32, u64, Entry)| {
        let (position, start) = cuts[at];
        *offset < position || *offset >= start
    };
    let truth = Truth::of_records(input.into_iter().filter(is_left));
    truth.wait(&pipeline);
    assert!(host.log().contains("skipped=200"), "{}", host.log());
    host.end();
    truth.check(&pipeline);
}

#[test]
fn latest_goes_on_with_what_comes_after_a_cut() {
    let (mut pipeline, mut host, input, cuts) = cut("latest");
    pipeline.more.push_str("  onOffsetOutOfRange: latest\n");
    host.configure(&pipeline.document(&pipeline.all()));
    host.start();
    for partition in pipeline.all() {
        host.says(&format!("topic={:?} partition={partition} ", pipeline.topic("in")));
    }
    // Not from memory: the new positions were committed with nothing else.
    host.end();
    feed(&pipeline, 6_000..8_000);
    host.forget_log();
    host.start();
    let before = input.iter().filter(|(at, offset, _)| *offset < cuts[at].0).cloned();
    let ends: BTreeMap<u32, u64> = input.iter().map(|(at, offset, _)| (*at, offset + 1)).collect();
    let now = read(&pipeline.kafka, &pipeline.topic("in"));
    let after = now.into_iter().filter(|(at, offset, _)| *offset >= ends[at]);
    let truth = Truth::of_records(before.chain(after));
    truth.wait(&pipeline);
    assert!(!host.log().contains("the log does not hold the position"), "{}", host.log());
    host.end();
    truth.check(&pipeline);
}
