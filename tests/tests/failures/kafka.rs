//! Kafka goes away and comes back.

use std::time::Duration;

use invoker_tests::servers::{self, Kafka, KafkaOptions};

use crate::pipeline::Pipeline;

fn survives(name: &str, brokers: u16, fault: impl FnOnce(&Kafka)) {
    let kafka = Kafka::start(&KafkaOptions { brokers, ..KafkaOptions::default() }).unwrap();
    let pipeline = Pipeline::new(name, &kafka.address(), &servers::redis().unwrap(), 3);
    pipeline.survives(2_000, || fault(&kafka));
}

#[test]
fn the_broker_restarts() {
    survives("kafka-restarts", 1, |kafka| {
        let broker = &kafka.brokers()[0];
        broker.server().stop().unwrap();
        broker.restart().unwrap();
        std::thread::sleep(Duration::from_secs(2));
        broker.server().kill().unwrap();
        broker.restart().unwrap();
    });
}

#[test]
fn the_broker_is_away_for_ten_seconds() {
    survives("kafka-away", 1, |kafka| {
        let broker = &kafka.brokers()[0];
        broker.server().stop().unwrap();
        std::thread::sleep(Duration::from_secs(10));
        broker.restart().unwrap();
    });
}

#[test]
fn the_broker_answers_nothing_for_ten_seconds() {
    survives("kafka-frozen", 1, |kafka| {
        let server = kafka.brokers()[0].server();
        server.freeze().unwrap();
        std::thread::sleep(Duration::from_secs(10));
        server.thaw().unwrap();
    });
}

#[test]
fn each_of_three_brokers_is_killed_in_turn() {
    survives("kafka-turns", 3, |kafka| {
        for broker in kafka.brokers() {
            broker.server().kill().unwrap();
            std::thread::sleep(Duration::from_secs(5));
            broker.restart().unwrap();
            std::thread::sleep(Duration::from_secs(3));
        }
    });
}
