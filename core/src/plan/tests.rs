use std::sync::Arc;

use super::*;
use crate::document::{Limits, OnOffsetOutOfRange, OnPartitionChange};
use crate::function::{Port, StateKind, StateSpec};
use crate::topology::parse;

const HEAD: &str =
    "apiVersion: invoker.io/v1alpha1\nkind: InvokerDeployment\nmetadata: { name: wordcount }\n";

fn document(spec: &str) -> Document {
    parse("t.yaml", format!("{HEAD}spec:\n{spec}").as_bytes()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn ports(names: &[&str]) -> Vec<Port> {
    let port =
        |name: &&str| Port { name: (*name).to_owned(), content_type: None, schema: None, doc: String::new() };
    names.iter().map(port).collect()
}

fn splitting() -> Description {
    Description { outputs: ports(&["words"]), ..Description::default() }
}

fn counting() -> Description {
    let state = StateSpec {
        name: "counts".to_owned(),
        kind: StateKind::Value,
        prefetch: true,
        ttl: None,
        version: 1,
        reads: Vec::new(),
        doc: String::new(),
    };
    Description { states: vec![state], outputs: ports(&["counts", "rare"]), ..Description::default() }
}

fn functions(of: &[(&str, Description)]) -> Functions {
    of.iter().map(|(name, description)| ((*name).to_owned(), Ok(Arc::new(description.clone())))).collect()
}

fn word_count() -> (Document, Functions) {
    let spec = "  topics: { words: { partitions: 6, config: { retention.ms: \"1000\" } } }\n  statefulEntities:\n  \
                - { name: split, function: ./split, inputTopic: lines, outputTopic: words }\n  \
                - { name: count, function: ./count, inputTopic: words, outputTopic: counts, onFailure: skip }\n";
    (document(spec), functions(&[("split", splitting()), ("count", counting())]))
}

fn with_cores(cores: u32) -> Local {
    Local { cores, ..Local::default() }
}

fn one_entity(fields: &str, description: Description, local: &Local) -> EntityDocument {
    let document = document(&format!("  statefulEntities:\n  - {{ name: a, function: ./f, {fields} }}\n"));
    let plan = plan(&document, &functions(&[("a", description)]), local)
        .unwrap_or_else(|problems| panic!("{problems}"));
    plan.document.entities[0].clone()
}

#[test]
fn word_count_runs_on_defaults() {
    let (document, functions) = word_count();
    let plan = plan(&document, &functions, &with_cores(2)).unwrap();
    let [split, count] = plan.document.entities.as_slice() else { panic!("two entities") };
    assert_eq!(
        (plan.document.deployment.as_str(), plan.document.prefix.as_str()),
        ("default.wordcount", "invoker")
    );
    assert_eq!((split.partition_count, split.lanes, count.partition_count, count.lanes), (4, 2, 6, 2));
    assert_eq!(count.partitions, [0, 1, 2, 3, 4, 5]);
    assert_eq!(count.outputs, [Some("counts".to_owned()), None]);
    assert_eq!((split.delivery, count.delivery), (Delivery::ExactlyOnce, Delivery::ExactlyOnce));
    assert_eq!(split.dead_letter_topic, "default.wordcount.split.dead-letter");
    assert_eq!(count.limits, Limits::default());
    assert_eq!(count.commit_interval_ms, 100);
}

#[test]
fn missing_topics_are_created_once_each() {
    let (document, functions) = word_count();
    let local = Local { existing: [("lines".to_owned(), 3)].into(), ..Local::default() };
    let plan = plan(&document, &functions, &local).unwrap();
    let created: Vec<_> = plan.create.iter().map(|topic| (topic.name.as_str(), topic.partitions)).collect();
    assert_eq!(created, [("counts", 4), ("default.wordcount.split.dead-letter", 3), ("words", 6)]);
    assert_eq!(plan.create[2].config["retention.ms"], "1000");
    assert_eq!(plan.document.entities[0].partition_count, 3, "the partitions of the topic that exists");
}

#[test]
fn the_same_plan_comes_out_every_time() {
    let (document, functions) = word_count();
    let local = with_cores(2);
    assert_eq!(plan(&document, &functions, &local), plan(&document, &functions, &local));
}

#[test]
fn delivery_follows_state_and_outputs() {
    let delivery = |fields: &str, description| one_entity(fields, description, &with_cores(1)).delivery;
    assert_eq!(delivery("inputTopic: x", Description::default()), Delivery::AtLeastOnce);
    assert_eq!(delivery("inputTopic: x", splitting()), Delivery::AtLeastOnce, "an output that is not wired");
    assert_eq!(delivery("inputTopic: x, outputTopic: y", splitting()), Delivery::ExactlyOnce);
    assert_eq!(delivery("inputTopic: x", counting()), Delivery::ExactlyOnce);
    assert_eq!(delivery("inputTopic: x, delivery: at-least-once", counting()), Delivery::AtLeastOnce);
}

#[test]
fn lanes_follow_parallelism_pods_and_cores() {
    let lanes = |fields: &str, cores| {
        one_entity(&format!("inputTopic: x{fields}"), Description::default(), &with_cores(cores)).lanes
    };
    assert_eq!(lanes("", 2), 2);
    assert_eq!(lanes("", 64), 4, "no more than partitions");
    assert_eq!(lanes("", 0), 1);
    assert_eq!(lanes(", parallelism: 3", 2), 3);
    assert_eq!(lanes(", parallelism: 9", 2), 4);
    assert_eq!(lanes(", pods: [{ name: p, partitions: [\"0-2\"] }, { name: q, partitions: [3] }]", 1), 2);
}

#[test]
fn inputs_stand_in_the_order_of_the_function() {
    let description = Description { inputs: ports(&["left", "right"]), ..Description::default() };
    let fields = "startPosition: latest, inputs: [{ topic: r, name: right, start: \"offsets:0=7\" }, { topic: l, name: left }]";
    let inputs = one_entity(fields, description, &with_cores(1)).inputs;
    assert_eq!(inputs[0], InputDocument { topic: "l".to_owned(), start: StartPosition::Latest });
    assert_eq!(
        inputs[1],
        InputDocument { topic: "r".to_owned(), start: StartPosition::Offsets([(0, 7)].into()) }
    );
}

#[test]
fn outputs_are_wired_by_name() {
    let outputs = one_entity("inputTopic: x, outputs: { rare: y }", counting(), &with_cores(1)).outputs;
    assert_eq!(outputs, [None, Some("y".to_owned())]);
}

#[test]
fn bounds_come_from_the_topology_the_function_and_the_defaults_in_this_order() {
    let slow = Description { record_deadline: Some(30_000), max_records: Some(16), ..Description::default() };
    let limits = one_entity("inputTopic: x", slow.clone(), &with_cores(1)).limits;
    assert_eq!(
        (limits.record_deadline_ms, limits.batch_deadline_ms, limits.batch_records),
        (30_000, 30_000, 16)
    );
    let fields =
        "inputTopic: x, limits: { deadline: 2s, batchRecords: 8, memory: 16MiB }, retry: { backoff: 1m }";
    let entity = one_entity(fields, slow, &with_cores(1));
    let limits = entity.limits;
    assert_eq!(
        (limits.record_deadline_ms, limits.batch_deadline_ms, limits.batch_records),
        (2_000, 5_000, 8)
    );
    assert_eq!((limits.memory_bytes, limits.output_bytes), (16 << 20, 32 << 20));
    assert_eq!(
        (entity.retry.backoff_ms, entity.retry.max_backoff_ms, entity.retry.attempts),
        (60_000, 60_000, 5)
    );
}

#[test]
fn a_topic_that_exists_with_other_partitions_is_refused() {
    let (document, functions) = word_count();
    let local = Local { existing: [("words".to_owned(), 4)].into(), ..Local::default() };
    assert_eq!(
        plan(&document, &functions, &local).unwrap_err().to_string(),
        "t.yaml:5:22: spec.topics.words.partitions: the topic \"words\" exists with 4 partitions, not 6\n  \
         why: the number of partitions decides where keys and their state are, and cannot be changed here\n  \
         help: write 4, or use a topic of another name"
    );
}

#[test]
fn inputs_that_turn_out_unequal_are_refused() {
    let document = document(
        "  topics: { x: { partitions: 6 } }\n  statefulEntities:\n  \
         - { name: a, function: ./f, inputs: [{ topic: x, name: l }, { topic: y, name: r }] }\n",
    );
    let functions = functions(&[("a", Description { inputs: ports(&["l", "r"]), ..Description::default() })]);
    assert_eq!(
        plan(&document, &functions, &Local::default()).unwrap_err().to_string(),
        "t.yaml:7:65: spec.statefulEntities[0].inputs[1].topic: \"y\" has 4 partitions, and \"x\" has 6\n  \
         why: an entity reads partition n of every input together, and keeps the state of its keys there\n  \
         help: give the topics as many partitions, or let an entity of its own write one of them anew"
    );
}

#[test]
fn pods_that_miss_a_partition_of_the_real_topic_are_refused() {
    let document = document(
        "  statefulEntities:\n  - { name: a, function: ./f, inputTopic: x, pods: [{ name: p, partitions: [\"0-3\"] }] }\n",
    );
    let local = Local { existing: [("x".to_owned(), 6)].into(), ..Local::default() };
    let problems = plan(&document, &functions(&[("a", Description::default())]), &local).unwrap_err();
    assert_eq!(
        problems.to_string(),
        "t.yaml:6:46: spec.statefulEntities[0].pods: no pod has partitions 4-5\n  \
         why: every partition needs exactly one pod, or its records are never read\n  \
         help: add what is left out to one of the pods"
    );
}

#[test]
fn a_host_document_survives_a_round_trip() {
    let (document, functions) = word_count();
    let plan = plan(&document, &functions, &Local::default()).unwrap();
    let json = serde_json::to_string(&plan.document).unwrap();
    assert_eq!(serde_json::from_str::<HostDocument>(&json).unwrap(), plan.document);
}

#[test]
fn on_kafka_a_missing_topic_is_told_where_it_is_named() {
    let (document, functions) = word_count();
    let local = Local { free_topics: false, existing: [("words".to_owned(), 6)].into(), ..Local::default() };
    let problems = plan(&document, &functions, &local).unwrap_err().to_string();
    assert!(
        problems.contains(
            "t.yaml:7:39: spec.statefulEntities[0].inputTopic: the topic \"lines\" does not exist\n  \
             why: topics are made only with `createTopics: true`, so that a typo makes none\n  \
             help: make it with 4 partitions, or write `createTopics: true` in the spec"
        ),
        "{problems}"
    );
    assert!(
        problems.contains("the topic \"default.wordcount.split.dead-letter\" does not exist"),
        "{problems}"
    );
    assert!(!problems.contains("\"words\""), "{problems}");
}

#[test]
fn with_create_topics_they_are_made_on_kafka_too() {
    let spec = "  createTopics: true\n  topics: { x: { partitions: 2, replicationFactor: 3 } }\n  statefulEntities:\n  \
                - { name: a, function: ./f, inputTopic: x, onFailure: skip }\n";
    let local = Local { free_topics: false, ..Local::default() };
    let plan = plan(&document(spec), &functions(&[("a", Description::default())]), &local).unwrap();
    let topics: Vec<_> = plan
        .create
        .iter()
        .map(|topic| (topic.name.as_str(), topic.partitions, topic.replication_factor))
        .collect();
    assert_eq!(topics, [("x", 2, Some(3))]);
}

#[test]
fn a_group_is_given_no_partitions() {
    let entity = one_entity("inputTopic: x, assignment: group", splitting(), &Local::default());
    assert_eq!((entity.assignment, entity.partition_count), (Assignment::Group, DEFAULT_PARTITIONS));
    assert!(entity.partitions.is_empty());
}

#[test]
fn a_group_in_kafka_needs_state_that_all_see() {
    let spec = "  statefulEntities: [{ name: a, function: ./f, inputTopic: x, assignment: group }]\n";
    let functions = functions(&[("a", Description::default())]);
    let on = |kafka, redis| plan(&document(spec), &functions, &Local { kafka, redis, ..Local::default() });
    let kafka = || Some(Kafka::at("k:1"));
    let problems = on(kafka(), None).unwrap_err().to_string();
    assert!(
        problems.contains("spec.statefulEntities[0].assignment: a group in Kafka needs Redis"),
        "{problems}"
    );
    assert!(on(kafka(), Some(Redis::at("redis://r"))).is_ok());
    assert!(on(None, None).is_ok(), "an embedded log has one host");
}

#[test]
fn what_a_user_chooses_for_changes_of_the_inputs_is_passed_on() {
    let chosen = "inputTopic: x, onPartitionChange: accept, onOffsetOutOfRange: earliest, stallAfter: 5m";
    let entity = one_entity(chosen, Description::default(), &Local::default());
    assert_eq!(entity.on_partition_change, OnPartitionChange::Accept);
    assert_eq!(entity.on_offset_out_of_range, OnOffsetOutOfRange::Earliest);
    assert_eq!(entity.stall_after_ms, Some(300_000));
    let entity = one_entity("inputTopic: x", Description::default(), &Local::default());
    assert_eq!(entity.on_partition_change, OnPartitionChange::Stop);
    assert_eq!(entity.on_offset_out_of_range, OnOffsetOutOfRange::Stop);
    assert_eq!(entity.stall_after_ms, None);
}
