use super::*;
use crate::document::{Delivery, OnOffsetOutOfRange, OnPartitionChange, StartPosition};
use crate::topology::SecretRef;

const EVERY_FIELD: &str = r#"
generation: 7
deployment: prod-wordcount
prefix: team
host: count-0
kafka:
  bootstrapServers: kafka-0:9092,kafka-1:9092
  tls: { secretRef: { name: kafka-ca } }
  sasl: { mechanism: PLAIN, secretRef: { name: kafka-login } }
  properties: { compression.type: lz4 }
redis:
  secretRef: { name: redis, key: address }
  cluster: true
  waitReplicas: 1
  tls: { secretRef: { name: redis-ca } }
data: data
entities:
  - id: count
    function: functions/count.wasm
    inputs:
      - { topic: words, start: "offsets:0=120,1=98" }
      - { topic: more }
    outputs: [counts, null]
    partitions: [0, 2]
    partitionCount: 6
    lanes: 2
    delivery: at-least-once
    settings: { minimum: 3, token: { secretRef: { name: api, key: token } } }
    retry: { attempts: 2 }
    onFailure: skip
    deadLetterTopic: failed
    onStateLoss: rewind
    onPartitionChange: accept
    onOffsetOutOfRange: latest
    stallAfterMs: 90000
    limits: { memoryBytes: 1048576 }
    commitIntervalMs: 50
"#;

const LEAST: &str = "generation: 1\ndeployment: d\nhost: h\ndata: data\nentities:\n  - id: a\n    function: ./a.wasm\n    \
                     inputs: [{ topic: lines }]\n    partitions: [0]\n    partitionCount: 4\n";

fn problems(text: &str) -> String {
    read("host.yaml", text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn every_field_is_read() {
    let document = read("host.yaml", EVERY_FIELD.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    let entity = &document.entities[0];
    assert_eq!(entity.inputs[0].start, StartPosition::Offsets([(0, 120), (1, 98)].into()));
    assert_eq!(entity.outputs, [Some("counts".to_owned()), None]);
    assert_eq!(entity.on_partition_change, OnPartitionChange::Accept);
    assert_eq!(entity.on_offset_out_of_range, OnOffsetOutOfRange::Latest);
    assert_eq!(entity.stall_after_ms, Some(90_000));
    assert_eq!((entity.retry.attempts, entity.retry.backoff_ms), (2, 100));
    assert_eq!((entity.limits.memory_bytes, entity.limits.batch_records), (1 << 20, 1024));
    let kafka = document.kafka.as_ref().unwrap();
    assert_eq!(kafka.properties["compression.type"], "lz4");
    let redis = document.redis.as_ref().unwrap();
    assert_eq!(
        redis.secret_ref,
        Some(SecretRef { name: "redis".to_owned(), key: Some("address".to_owned()) })
    );
}

#[test]
fn a_document_survives_json() {
    let document = read("host.yaml", EVERY_FIELD.as_bytes()).unwrap();
    let json = serde_json::to_vec(&document).unwrap();
    assert_eq!(read("host.json", &json), Ok(document));
}

#[test]
fn what_is_left_out_has_its_default() {
    let document = read("host.yaml", LEAST.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    let entity = &document.entities[0];
    assert_eq!(document.prefix, "invoker");
    assert_eq!(entity.dead_letter_topic, "d.a.dead-letter");
    assert_eq!((entity.lanes, entity.delivery, entity.commit_interval_ms), (1, Delivery::ExactlyOnce, 100));
    assert_eq!(entity.limits, Limits::default());
}

#[test]
fn every_problem_is_named_with_its_field_and_line() {
    let text = LEAST
        .replace("generation: 1", "generation: 0")
        .replace("partitions: [0]", "partitions: [0, 0, 9]\n    stallAfterMs: 20")
        .replace("data: data", "kafka: { bootstrapServers: kafka }");
    let found = problems(&text);
    for expected in [
        "host.yaml:1:1: generation: 0 is no generation",
        "host.yaml:4:10: kafka.bootstrapServers: \"kafka\" is not an address",
        "host.yaml:9:21: entities[0].partitions[1]: partition 0 is given twice",
        "host.yaml:9:24: entities[0].partitions[2]: there is no partition 9",
        "host.yaml:10:5: entities[0].stallAfterMs: 20 is out of range\n  why: it is at least 1000",
        "data: there is no folder for data\n  why: redis is not given, and what is embedded must outlive",
    ] {
        assert!(found.contains(expected), "{expected} is not in\n{found}");
    }
}

#[test]
fn an_unknown_field_is_refused_with_what_was_meant() {
    let found = problems(&LEAST.replace("partitionCount", "partitionCont"));
    assert!(found.contains("host.yaml:10:5: entities[0].partitionCont: unknown field"), "{found}");
    assert!(found.contains("did you mean \"partitionCount\"?"), "{found}");
}

#[test]
fn two_entities_of_one_id_are_refused() {
    let again = LEAST.split("entities:\n").nth(1).unwrap();
    assert!(problems(&format!("{LEAST}{again}")).contains("entities[1].id: the id \"a\" is given twice"));
}

#[test]
fn a_secret_cannot_lead_out_of_its_folder() {
    let text =
        LEAST.replace("data: data", "data: data\nredis: { secretRef: { name: ../../etc, key: passwd } }");
    assert!(problems(&text).contains("redis.secretRef.name: \"../../etc\" is not a name"));
}

#[test]
fn only_the_ground_decides_what_can_go_on() {
    let document = read("host.yaml", EVERY_FIELD.as_bytes()).unwrap();
    let mut next = document.clone();
    next.generation += 1;
    next.entities.clear();
    assert!(document.stands_on_the_same(&next));
    next.prefix = "other".to_owned();
    assert!(!document.stands_on_the_same(&next));
}

#[test]
fn in_a_group_nobody_names_partitions() {
    let group = LEAST.replace("partitions: [0]", "assignment: group");
    let document = read("host.yaml", group.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(
        (document.entities[0].assignment, document.entities[0].partitions.len()),
        (Assignment::Group, 0)
    );
    let both = problems(&group.replace("assignment: group", "assignment: group\n    partitions: [0]"));
    let expected = "host.yaml:10:5: entities[0].partitions: given together with assignment: group";
    assert!(both.contains(expected), "{both}");
    let json = serde_json::to_vec(&document).unwrap();
    assert_eq!(read("host.json", &json), Ok(document), "an empty list is no list");
}

#[test]
fn who_owns_partitions_names_them() {
    let found = problems(&LEAST.replace("    partitions: [0]\n", ""));
    assert!(found.contains("entities[0].partitions: missing"), "{found}");
    let found = problems(&LEAST.replace("partitions: [0]", "assignment: groups"));
    assert!(found.contains("host.yaml:9:"), "{found}");
    let none = LEAST.replace("partitions: [0]", "partitions: []");
    assert!(read("host.yaml", none.as_bytes()).is_ok(), "it waits for some");
}

#[test]
fn without_redis_an_entity_on_kafka_is_one_hosts_alone() {
    let kafka = LEAST.replace("data: data", "data: data\nkafka: { bootstrapServers: \"k:1\" }");
    let part = problems(&kafka);
    let expected = "host.yaml:10:5: entities[0].partitions: 1 of 4 partitions need Redis\n  why: who owns a partition is";
    assert!(part.contains(expected), "{part}");
    let with = |from: &str, to: &str| kafka.replace(from, to);
    let group = problems(&with("partitions: [0]", "assignment: group"));
    assert!(group.contains("host.yaml:10:5: entities[0].assignment: a group needs Redis"), "{group}");
    for alone in ["partitions: [3, 2, 1, 0]", "partitions: []"] {
        assert!(read("host.yaml", with("partitions: [0]", alone).as_bytes()).is_ok(), "{alone}");
    }
    for shared in ["partitions: [0]", "assignment: group"] {
        let redis = with("partitions: [0]", shared).replace("data: data", "redis: { url: \"redis://r\" }");
        assert!(read("host.yaml", redis.as_bytes()).is_ok(), "{shared}");
    }
}
