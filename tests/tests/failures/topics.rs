//! Topics that entities write to and that are not there, from the start or all of a sudden.

use invoker_tests::servers::{self, Kafka, KafkaOptions};

use crate::feed::{entry, write_all};
use crate::pipeline::Pipeline;
use crate::truth::Truth;
use crate::wait::wait;

fn delete(kafka: &Kafka, topic: &str) {
    kafka.tool("org.apache.kafka.tools.TopicCommand", &["--delete", "--topic", topic]).unwrap();
    wait("the topic to be gone", || {
        let all = kafka.tool("org.apache.kafka.tools.TopicCommand", &["--list"]).unwrap();
        all.lines().any(|line| line == topic).then_some(all)
    });
}

/// Some numbers, and a record now and then that cannot be processed.
fn feed(pipeline: &Pipeline, numbers: std::ops::Range<u64>) {
    let value = |number| if number % 500 == 7 { format!("reject {number}") } else { format!("{number}") };
    let records: String = numbers.map(|number| entry(number, &value(number))).collect();
    write_all(&pipeline.kafka, &pipeline.topic("in"), &records);
}

#[test]
fn an_output_or_dead_letter_topic_that_goes_is_named_and_waited_for() {
    let kafka = Kafka::start(&KafkaOptions::default()).unwrap();
    let pipeline = Pipeline::new("gone", &kafka.address(), &servers::redis().unwrap(), 3);
    let letters = pipeline.topic("first.dead-letter");
    delete(&kafka, &letters);
    let mut host = pipeline.start();
    assert_eq!(host.ends_by_itself(), Some(3), "{}", host.log());
    let missing = format!("names topic {letters:?}, which does not exist");
    assert!(host.log().contains(&missing), "{}", host.log());
    pipeline.make_topic("first.dead-letter");
    host.start();
    feed(&pipeline, 0..3_000);
    Truth::of(&pipeline).wait(&pipeline);
    // What was in a topic is gone with it; what comes later is there, and once.
    let mut gone = Truth::default();
    for (number, name) in [(3_000, "out"), (6_000, "first.dead-letter")] {
        let (topic, before) = (pipeline.topic(name), Truth::of(&pipeline));
        delete(&kafka, &topic);
        host.forget_log();
        feed(&pipeline, number..number + 3_000);
        host.says(&format!("topic {topic:?} does not exist"));
        pipeline.make_topic(name);
        match name {
            "out" => gone.out = before.out,
            _ => gone.dead = before.dead,
        }
        let mut truth = Truth::of(&pipeline);
        truth.leave_out(&gone);
        truth.wait(&pipeline);
    }
    host.end();
    let mut truth = Truth::of(&pipeline);
    truth.leave_out(&gone);
    truth.check(&pipeline);
}
