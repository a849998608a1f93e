//! A host of a configuration folder: waits for its services, follows its document, ends in order.

use invoker_tests::servers::{self, Kafka, KafkaOptions};

use crate::hosting::{Host, at_kafka, at_redis, document};
use crate::workplace::{Workplace, consume, counted, last_counts, produce, wait};

#[test]
fn a_host_waits_for_kafka_follows_its_document_and_ends_in_order() {
    let (kafka, redis) = (Kafka::start(&KafkaOptions::default()).unwrap(), servers::redis().unwrap());
    let place = Workplace::new("host");
    place.make_topics(&kafka);
    let broker = &kafka.brokers()[0];
    broker.server().stop().unwrap();
    let write = |generation, partitions: &str| {
        let (kafka, redis) = (at_kafka(&kafka.address()), at_redis(&redis));
        place.write("config/host.yaml", &document(&place, generation, &kafka, &redis, partitions));
    };
    write(1, "[0, 1]");
    let mut host = Host::start(&place);
    host.says("waiting: cannot use Kafka at");
    assert!(!host.log().contains("ERROR"), "{}", host.log());
    broker.restart().unwrap();
    host.says("running deployment=");

    let lines = ["a b c a\n".repeat(100), "b c\n".repeat(100), "c d\n".repeat(100)];
    for (partition, lines) in lines.iter().enumerate() {
        produce(&kafka.address(), &place.topic("lines"), partition as u32, lines);
    }
    let counts = || consume(&kafka.address(), &place.topic("counts"));
    let expected = counted(&lines[..2].concat());
    wait("two partitions", || last_counts(&counts()) == expected);

    place.write("config/host.yaml", "generation: 2\nnonsense: true\n");
    host.says("config/host.yaml:2:1: nonsense: unknown field");
    write(2, "[0, 1, 2, 3]");
    host.says("entities[0].partitions[3]: there is no partition 3");
    write(2, "[0, 1, 2]");
    host.says("reassigned=[\"split\"] restarted=[] ended=[] kept=[\"count\"]");
    let expected = counted(&lines.concat());
    wait("three partitions", || last_counts(&counts()) == expected);
    write(1, "[0]");
    host.says("generation 1 is older than 2, which runs");
    assert_eq!(host.end(), 0);
    assert_eq!(last_counts(&counts()), expected);
    let log = std::fs::read_to_string(place.path("host.log")).unwrap();
    assert!(log.trim_end().ends_with("ended"), "{log}");
}

#[test]
fn a_host_moves_over_to_another_redis_only_when_it_answers() {
    let (kafka, redis) = (Kafka::start(&KafkaOptions::default()).unwrap(), servers::redis().unwrap());
    let place = Workplace::new("move");
    place.make_topics(&kafka);
    let write = |generation, redis: &str| {
        let (kafka, redis) = (at_kafka(&kafka.address()), at_redis(redis));
        let text = document(&place, generation, &kafka, &redis, "[0, 1, 2]");
        place.write("config/host.yaml", &text);
    };
    write(1, &redis);
    let mut host = Host::start(&place);
    host.says("running deployment=");
    write(2, "redis://127.0.0.1:1");
    host.says("waiting: cannot use Redis at \"redis://127.0.0.1:1\"");
    produce(&kafka.address(), &place.topic("lines"), 0, "a b a\n");
    let counts = || last_counts(&consume(&kafka.address(), &place.topic("counts")));
    wait("what runs to go on", || counts() == counted("a b a"));
    let other = servers::Redis::start(&servers::RedisOptions::default()).unwrap();
    write(3, &other.url());
    host.says("moving to another ground");
    // The state did not move with it: that is seen, and nothing is counted wrongly.
    host.says("state and committed offsets disagree");
    assert_eq!(host.end(), 0);
}
