//! Records that cannot be processed, outputs that cannot be written, topics that are not what they were.

use std::collections::BTreeMap;
use std::time::Duration;

use invoker_tests::servers::{self, Kafka, KafkaOptions};

use crate::feed::{Feed, entry, write_all};
use crate::pipeline::{FIRST, Pipeline};
use crate::truth::{Truth, dead_letters, kcat, read, state};
use crate::wait::wait;

fn pipeline(name: &str, partitions: u32) -> Pipeline {
    Pipeline::new(name, &servers::kafka().unwrap(), &servers::redis().unwrap(), partitions)
}

fn entries(numbers: std::ops::Range<u64>, value: impl Fn(u64) -> String) -> String {
    numbers.map(|number| entry(number, &value(number))).collect()
}

#[test]
fn one_record_in_a_million_panics() {
    let pipeline = pipeline("million", 4);
    let value = |number: u64| if number == 654_321 { "panic 654321".to_owned() } else { number.to_string() };
    write_all(&pipeline.kafka, &pipeline.topic("in"), &entries(0..1_000_000, value));
    let mut host = pipeline.start();
    Truth::settle(&pipeline, [&mut host]);
    let letters = kcat(&pipeline.kafka, &pipeline.topic("first.dead-letter"), "%k %s %h\\n");
    for part in [
        "panic 654321 ",
        "invoker-format=1,",
        "invoker-error-kind=panic,",
        "told to by \"panic 654321\", at journal/src/lib.rs:21,",
        "invoker-function=",
        "invoker-timestamp=",
    ] {
        assert!(letters.contains(part), "{part:?} is not in {letters}");
    }
    assert_eq!(letters.lines().count(), 1, "{letters}");
}

#[test]
fn each_way_to_go_wrong_costs_one_record() {
    let mut pipeline = pipeline("wrong", 3);
    pipeline.more =
        "  lanes: 3\n  limits: { recordDeadlineMs: 200, batchDeadlineMs: 400 }\n  retry: { attempts: 2, backoffMs: 1 }\n"
            .to_owned();
    let value = |number| match number {
        5_000 => "spin for ever".to_owned(),
        6_000 => "grow without end".to_owned(),
        7_000 => "large output".to_owned(),
        8_000 => "reject this".to_owned(),
        9_000 => "flaky once".to_owned(),
        _ => number.to_string(),
    };
    write_all(&pipeline.kafka, &pipeline.topic("in"), &entries(0..12_000, value));
    let mut host = pipeline.start();
    Truth::settle(&pipeline, [&mut host]);
    let letters = kcat(&pipeline.kafka, &pipeline.topic("first.dead-letter"), "%s %h\\x1e");
    let letter = |of: &str| letters.split('\x1e').find(|letter| letter.starts_with(of)).unwrap().to_owned();
    for (of, texts) in [
        ("spin", ["error-kind=deadline", "within 200ms"]),
        ("grow", ["error-kind=memory", "67108864 bytes"]),
        ("large", ["error-kind=output-too-large", ".mid"]),
        ("reject", ["error-kind=rejected", "told-to"]),
    ] {
        for text in texts {
            assert!(letter(of).contains(text), "{text:?} is not in {}", letter(of));
        }
    }
}

#[test]
fn on_failure_stop_stops_one_partition_in_front_of_the_record() {
    let mut pipeline = pipeline("stops", 3);
    pipeline.more = "  lanes: 2\n  onFailure: stop\n".to_owned();
    let value = |number: u64| if number == 2_000 { "reject this".to_owned() } else { number.to_string() };
    write_all(&pipeline.kafka, &pipeline.topic("in"), &entries(0..6_000, value));
    let mut host = pipeline.start();
    let truth = Truth::of(&pipeline);
    let (&partition, letters) = truth.dead.first_key_value().unwrap();
    let offset = letters[0].0;
    host.says(&format!("partition stopped entity=\"first\" partition={partition}"));
    host.says(&format!("offset {offset}"));
    let before = read(&pipeline.kafka, &pipeline.topic("in"));
    let done = before.iter().filter(|(of, at, _)| *of != partition || *at < offset).count();
    wait("all that is not behind the record", || {
        let found = read(&pipeline.kafka, &pipeline.topic("out")).len();
        (found != done).then(|| format!("{found} of {done}"))
    });
    // What the author mends is then processed from where it stopped.
    pipeline.more = "  lanes: 2\n".to_owned();
    host.reconfigure(&pipeline.document(&pipeline.all()));
    truth.wait(&pipeline);
    host.end();
    truth.check(&pipeline);
}

#[test]
fn a_topic_that_is_missing_is_named_at_the_start() {
    let mut pipeline = pipeline("missing", 3);
    pipeline.name.push_str("-not");
    let mut host = pipeline.start();
    assert_eq!(host.ends_by_itself(), Some(3), "{}", host.log());
    let missing = pipeline.topic("in");
    assert!(host.log().contains(&format!("names topic {missing:?}, which does not exist")), "{}", host.log());
}

#[test]
fn an_input_that_is_idle_holds_nobody_up() {
    let pipeline = pipeline("idle", 3);
    pipeline.make_topic("idle");
    let both =
        format!("inputs: [{{ topic: {} }}, {{ topic: {} }}]", pipeline.topic("idle"), pipeline.topic("in"));
    let one = format!("inputs: [{{ topic: {} }}]", pipeline.topic("in"));
    let document = pipeline.document(&pipeline.all()).replace(&one, &both);
    let mut host = pipeline.host();
    host.configure(&document);
    host.start();
    let feed = Feed::start(&pipeline.kafka, &pipeline.topic("in"), 3_000, |number| number.to_string());
    for _ in 0..4 {
        std::thread::sleep(Duration::from_millis(500));
        host.kill();
        host.start();
    }
    feed.finish();
    Truth::settle(&pipeline, [&mut host]);
}

/// Kafka and a pipeline on it that has processed 3000 records.
fn processed(name: &str) -> (Kafka, Pipeline) {
    let kafka = Kafka::start(&KafkaOptions::default()).unwrap();
    let pipeline = Pipeline::new(name, &kafka.address(), &servers::redis().unwrap(), 3);
    write_all(&pipeline.kafka, &pipeline.topic("in"), &entries(0..3_000, |number| number.to_string()));
    (kafka, pipeline)
}

/// Deletes the input topic, makes it again, and fills it with more than it had.
fn make_again(kafka: &Kafka, pipeline: &Pipeline) {
    let input = pipeline.topic("in");
    kafka.tool("org.apache.kafka.tools.TopicCommand", &["--delete", "--topic", &input]).unwrap();
    wait("the topic to be gone", || {
        let all = kafka.tool("org.apache.kafka.tools.TopicCommand", &["--list"]).unwrap();
        all.contains(&input).then_some(all)
    });
    pipeline.make_topic("in");
    write_all(&pipeline.kafka, &input, &entries(10_000..16_000, |number| number.to_string()));
}

#[test]
fn a_topic_made_again_while_nobody_looks_is_noticed() {
    let (kafka, mut pipeline) = processed("again-down");
    let mut host = pipeline.start();
    Truth::of(&pipeline).wait(&pipeline);
    host.end();
    make_again(&kafka, &pipeline);
    host.start();
    for partition in pipeline.all() {
        host.says(&format!("partition not started entity=\"first\" partition={partition}"));
    }
    assert_eq!(read(&pipeline.kafka, &pipeline.topic("mid")).len(), 3_000);
    start_over(&mut pipeline, &mut host);
}

#[test]
fn a_topic_made_again_under_a_running_host_is_noticed() {
    let (kafka, mut pipeline) = processed("again-live");
    let mut host = pipeline.start();
    Truth::of(&pipeline).wait(&pipeline);
    make_again(&kafka, &pipeline);
    for partition in pipeline.all() {
        host.says(&format!("partition not started entity=\"first\" partition={partition}"));
    }
    assert_eq!(read(&pipeline.kafka, &pipeline.topic("mid")).len(), 3_000);
    start_over(&mut pipeline, &mut host);
}

/// `accept` begins the new topic at its beginning, with the state as it is.
fn start_over(pipeline: &mut Pipeline, host: &mut crate::host::Host) {
    pipeline.more = "  onStateLoss: accept\n".to_owned();
    host.reconfigure(&pipeline.document(&pipeline.all()));
    wait("the new topic", || {
        let found = read(&pipeline.kafka, &pipeline.topic("mid")).len();
        (found != 9_000).then(|| format!("{found} of 9000"))
    });
    host.end();
    let counted: u64 = pipeline
        .all()
        .into_iter()
        .flat_map(|partition| state(pipeline, FIRST, partition))
        .map(|(_, count)| count)
        .sum();
    assert_eq!(counted, 9_000);
}

#[test]
fn positions_set_by_hand_are_noticed() {
    let (kafka, mut pipeline) = processed("by-hand");
    let mut host = pipeline.start();
    Truth::of(&pipeline).wait(&pipeline);
    host.end();
    let groups = ["--group", &format!("invoker.{}.first", pipeline.name), "--topic", &pipeline.topic("in")];
    let reset = [&groups[..], &["--reset-offsets", "--to-earliest", "--execute"]].concat();
    kafka.tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", &reset).unwrap();
    host.start();
    for partition in pipeline.all() {
        host.says(&format!(
            "partition not started entity=\"first\" partition={partition} error=\"state and committed offsets disagree: the log stands at 0 "
        ));
    }
    assert_eq!(read(&pipeline.kafka, &pipeline.topic("mid")).len(), 3_000);
    // The state knows where it stands.
    pipeline.more = "  onStateLoss: rewind\n".to_owned();
    write_all(&pipeline.kafka, &pipeline.topic("in"), &entries(3_000..4_000, |number| number.to_string()));
    host.reconfigure(&pipeline.document(&pipeline.all()));
    Truth::settle(&pipeline, [&mut host]);
    assert_eq!(dead_letters(&pipeline, FIRST), BTreeMap::new());
}
