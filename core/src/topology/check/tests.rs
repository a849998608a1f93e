//! One test per rule, each with the whole message.

use std::sync::Arc;

use super::*;
use crate::topology::parse;

mod functions;
mod outside;

const HEAD: &str =
    "apiVersion: invoker.io/v1alpha1\nkind: InvokerDeployment\nmetadata: { name: wordcount }\n";

/// A document whose `spec:` stands in line 4.
fn document(spec: &str) -> Document {
    parse("t.yaml", format!("{HEAD}spec:\n{spec}").as_bytes()).unwrap_or_else(|problems| panic!("{problems}"))
}

/// A document of these entities, one per line from line 6 on.
fn entities(entities: &[&str]) -> Document {
    let lines: Vec<String> =
        entities.iter().map(|entity| format!("  - {{ function: ./f, {entity} }}\n")).collect();
    document(&format!("  statefulEntities:\n{}", lines.concat()))
}

fn said(document: &Document) -> String {
    check(document, None).map_or_else(|problems| problems.to_string(), |()| "nothing".to_owned())
}

/// What is said about one entity `a` that reads `x`, with more fields.
fn of_one(fields: &str) -> String {
    said(&entities(&[&format!("name: a, inputTopic: x, {fields}")]))
}

#[test]
fn a_sound_topology_passes() {
    let sound =
        entities(&["name: split, inputTopic: lines, outputTopic: words", "name: count, inputTopic: words"]);
    assert_eq!(said(&sound), "nothing");
    let every_field = parse("e.yaml", include_bytes!("../parse/every-field.yaml")).unwrap();
    let problems = check(&every_field, None).unwrap_err();
    let heads: Vec<&str> = problems.0.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(heads, ["spec.statefulEntities[1].grants.http", "spec.statefulEntities[1].grants.sockets"]);
}

#[test]
fn two_entities_of_one_name() {
    assert_eq!(
        said(&entities(&["name: a, inputTopic: x", "name: a, inputTopic: x"])),
        "t.yaml:7:22: spec.statefulEntities[1].name: the name \"a\" is given twice\n  \
             why: spec.statefulEntities[0].name in line 6 has it too\n  \
             help: give one of them another name"
    );
}

#[test]
fn two_entities_of_one_id() {
    assert_eq!(
        said(&entities(&["name: a, inputTopic: x", "name: b, id: a, inputTopic: x"])),
        "t.yaml:7:31: spec.statefulEntities[1].id: the id \"a\" is given twice\n  \
             why: spec.statefulEntities[0].name in line 6 has it too\n  \
             help: give it an `id` of its own"
    );
}

#[test]
fn an_input_that_looks_like_an_output() {
    assert_eq!(
        said(&entities(&[
            "name: split, inputTopic: lines, outputTopic: wrods",
            "name: count, inputTopic: words",
        ])),
        "t.yaml:7:35: spec.statefulEntities[1].inputTopic: unknown topic \"words\"\n  \
             why: no entity writes it, and it looks like \"wrods\"\n  \
             help: did you mean \"wrods\"? if not, name it under spec.topics"
    );
}

#[test]
fn a_declared_topic_that_looks_like_one_in_use() {
    assert_eq!(
        said(&document(
            "  topics: { wrods: { partitions: 6 } }\n  statefulEntities:\n  - { name: a, function: ./f, inputTopic: words }\n",
        )),
        "t.yaml:5:13: spec.topics.wrods: no entity reads or writes \"wrods\"\n  \
             why: what is said about it would not hold for any topic in use\n  \
             help: did you mean \"words\"?"
    );
}

#[test]
fn both_forms_of_input() {
    assert_eq!(
        of_one("inputs: [{ topic: y }]"),
        "t.yaml:6:31: spec.statefulEntities[0].inputTopic: given together with inputs\n  \
             why: both say what the entity reads, and only one of them can hold\n  \
             help: keep `inputs` and remove `inputTopic`"
    );
}

#[test]
fn no_input() {
    assert_eq!(
        said(&entities(&["name: a"])),
        "t.yaml:6:5: spec.statefulEntities[0]: has no input\n  \
             why: an entity runs when a record comes in\n  \
             help: add `inputTopic: …`"
    );
}

#[test]
fn both_forms_of_output() {
    assert_eq!(
        of_one("outputTopic: y, outputs: { out: z }"),
        "t.yaml:6:46: spec.statefulEntities[0].outputTopic: given together with outputs\n  \
             why: both say where the outputs go, and only one of them can hold\n  \
             help: keep `outputs` and remove `outputTopic`"
    );
}

#[test]
fn one_topic_read_twice() {
    assert_eq!(
        said(&entities(&["name: a, inputs: [{ topic: x }, { topic: x }]"])),
        "t.yaml:6:56: spec.statefulEntities[0].inputs[1].topic: the topic \"x\" is read twice\n  \
             why: its records would come twice\n  \
             help: remove one of the inputs"
    );
}

#[test]
fn a_loop_through_one_topic() {
    assert_eq!(
        of_one("outputTopic: x"),
        "t.yaml:6:31: spec.statefulEntities[0].inputTopic: \"a\" reads the topic \"x\", which it writes\n  \
             why: its records would come back to it without end\n  \
             help: let it read or write another topic"
    );
}

#[test]
fn a_loop_through_several_entities() {
    assert_eq!(
        said(&entities(&[
            "name: a, inputTopic: x, outputTopic: y",
            "name: b, inputTopic: y, outputTopic: z",
            "name: c, inputTopic: z, outputTopic: x",
        ])),
        "t.yaml:6:31: spec.statefulEntities[0].inputTopic: a loop: \"a\" → y → \"b\" → z → \"c\" → x → \"a\"\n  \
             why: its records would go round without end\n  \
             help: let it read or write another topic"
    );
}

#[test]
fn a_loop_through_dead_letters() {
    assert_eq!(
        said(&entities(&[
            "name: a, inputTopic: x",
            "name: b, inputTopic: default.wordcount.a.dead-letter, outputTopic: x",
        ])),
        "t.yaml:6:31: spec.statefulEntities[0].inputTopic: a loop: \"a\" → default.wordcount.a.dead-letter → \"b\" → x → \"a\"\n  \
             why: its records would go round without end\n  \
             help: let it read or write another topic"
    );
}

#[test]
fn unequal_partitions_of_the_inputs() {
    assert_eq!(
        said(&document(
            "  topics: { x: { partitions: 6 }, y: { partitions: 4 } }\n  statefulEntities:\n  - { name: a, function: ./f, inputs: [{ topic: x, name: l }, { topic: y, name: r }] }\n",
        )),
        "t.yaml:7:65: spec.statefulEntities[0].inputs[1].topic: \"y\" has 4 partitions, and \"x\" has 6\n  \
             why: an entity reads partition n of every input together, and keeps the state of its keys there\n  \
             help: give the topics as many partitions, or let an entity of its own write one of them anew"
    );
}

#[test]
fn partitions_twice_left_out_and_too_many() {
    assert_eq!(
        said(&document(
            "  topics: { x: { partitions: 8 } }\n  statefulEntities:\n  - name: a\n    function: ./f\n    inputTopic: x\n    pods:\n    - { name: a-0, partitions: [\"0-2\"] }\n    - { name: a-1, partitions: [2, 4, 9] }\n",
        )),
        "t.yaml:10:5: spec.statefulEntities[0].pods: no pod has partitions 3 and 5-7\n  \
             why: every partition needs exactly one pod, or its records are never read\n  \
             help: add what is left out to one of the pods\n\
             t.yaml:12:33: spec.statefulEntities[0].pods[1].partitions[0]: partition 2 given twice\n  \
             why: \"a-0\" has it already, and a partition has one pod\n  \
             help: remove it from one of them\n\
             t.yaml:12:39: spec.statefulEntities[0].pods[1].partitions[2]: there is no partition 9\n  \
             why: the topic \"x\" has 8, counted from 0\n  \
             help: write partitions that exist"
    );
}

#[test]
fn a_gap_where_the_partitions_are_not_known() {
    assert_eq!(
        of_one("pods: [{ name: p, partitions: [0, 2] }]"),
        "t.yaml:6:46: spec.statefulEntities[0].pods: no pod has partition 1\n  \
             why: every partition needs exactly one pod, or its records are never read\n  \
             help: add what is left out to one of the pods"
    );
}

#[test]
fn a_pod_without_partitions() {
    assert_eq!(
        of_one("pods: [{ name: p, partitions: [] }]"),
        "t.yaml:6:64: spec.statefulEntities[0].pods[0].partitions: is empty\n  \
             why: a pod without partitions does nothing\n  \
             help: name partitions, or remove the pod"
    );
}

#[test]
fn autoscale_beside_pods() {
    assert_eq!(
        of_one("autoscale: { maxPods: 3 }, pods: [{ name: p, partitions: [0] }]"),
        "t.yaml:6:46: spec.statefulEntities[0].autoscale: given together with pods\n  \
             why: pods made by hand own their partitions, so nothing else can say how many there are\n  \
             help: remove `autoscale` or `pods`"
    );
}

#[test]
fn parallelism_beside_pods() {
    assert_eq!(
        of_one("parallelism: 2, pods: [{ name: p, partitions: [0] }]"),
        "t.yaml:6:46: spec.statefulEntities[0].parallelism: given together with pods\n  \
             why: pods made by hand own their partitions, so nothing else can say how many there are\n  \
             help: remove `parallelism` or `pods`"
    );
}

#[test]
fn a_consumer_group_beside_pods() {
    assert_eq!(
        of_one("assignment: group, pods: [{ name: p, partitions: [0] }]"),
        "t.yaml:6:46: spec.statefulEntities[0].assignment: given together with pods\n  \
             why: in a consumer group Kafka decides who reads what\n  \
             help: remove `assignment` or `pods`"
    );
}

#[test]
fn parallelism_outside_of_autoscale() {
    assert_eq!(
        of_one("parallelism: 9, autoscale: { maxPods: 3 }"),
        "t.yaml:6:46: spec.statefulEntities[0].parallelism: 9 is not from 1 to 3\n  \
             why: autoscale makes no fewer and no more pods than that\n  \
             help: remove `parallelism`, or bring the two together"
    );
}

#[test]
fn autoscale_that_contradicts_itself() {
    assert_eq!(
        of_one("autoscale: { minPods: 5, maxPods: 3, targetLagSeconds: 0 }"),
        "t.yaml:6:59: spec.statefulEntities[0].autoscale.minPods: 5 is more than maxPods, 3\n  \
             why: there cannot be at least more than at most\n  \
             help: write 3 or less, or more `maxPods`\n\
             t.yaml:6:83: spec.statefulEntities[0].autoscale.targetLagSeconds: 0 is out of range\n  \
             why: it is at least 1\n  \
             help: write 1 or more"
    );
}

#[test]
fn a_name_that_kubernetes_refuses() {
    assert_eq!(
        said(&entities(&["name: Word_Count, inputTopic: x"])),
        "t.yaml:6:22: spec.statefulEntities[0].name: \"Word_Count\" is not a name\n  \
             why: it names objects of Kubernetes: lower-case letters, digits and `-` between them, at most 63\n  \
             help: write e.g. \"word-count\""
    );
}

#[test]
fn a_topic_that_kafka_refuses() {
    assert_eq!(
        said(&entities(&["name: a, inputTopic: \"my topic\""])),
        "t.yaml:6:31: spec.statefulEntities[0].inputTopic: \"my topic\" is not a name for a topic\n  \
             why: Kafka allows letters, digits, `.`, `_` and `-`, at most 249 of them\n  \
             help: write e.g. \"my-topic\""
    );
}

#[test]
fn an_empty_dead_letter_topic() {
    assert_eq!(
        of_one("deadLetterTopic: \"\""),
        "t.yaml:6:46: spec.statefulEntities[0].deadLetterTopic: \"\" is not a name for a topic\n  \
             why: Kafka allows letters, digits, `.`, `_` and `-`, at most 249 of them\n  \
             help: choose another name"
    );
}

#[test]
fn an_id_that_does_not_fit() {
    assert_eq!(
        of_one("id: \"a:b\""),
        "t.yaml:6:46: spec.statefulEntities[0].id: \"a:b\" does not fit\n  \
             why: it is part of names in Kafka: letters, digits, `.`, `_` and `-`, at most 100\n  \
             help: write e.g. \"a-b\""
    );
}

#[test]
fn no_entities() {
    assert_eq!(
        said(&document("  statefulEntities: []\n")),
        "t.yaml:5:3: spec.statefulEntities: has no entity\n  \
             why: a topology without a stage does nothing\n  \
             help: add `- name: …` with a function and its topics"
    );
}

#[test]
fn a_grant() {
    assert_eq!(
        of_one("grants: { http: [example.com] }"),
        "t.yaml:6:56: spec.statefulEntities[0].grants.http: not served yet\n  \
             why: functions reach their records, state and settings, and nothing else for now\n  \
             help: remove `http`, and use a function that does not import wasi:http"
    );
}

#[test]
fn parallelism_of_zero() {
    assert_eq!(
        of_one("parallelism: 0"),
        "t.yaml:6:46: spec.statefulEntities[0].parallelism: 0 is out of range\n  \
             why: it is at least 1\n  \
             help: write 1 or more"
    );
}

#[test]
fn a_commit_interval_too_long() {
    assert_eq!(
        of_one("commitInterval: 5m"),
        "t.yaml:6:46: spec.statefulEntities[0].commitInterval: 5m is out of range\n  \
             why: it is at most 1m\n  \
             help: write 1m or less"
    );
}

#[test]
fn a_time_of_a_stall_too_short() {
    assert_eq!(
        of_one("stallAfter: 10ms"),
        "t.yaml:6:46: spec.statefulEntities[0].stallAfter: 10ms is out of range\n  \
             why: it is at least 1s\n  \
             help: write 1s or more"
    );
}

#[test]
fn memory_too_small() {
    assert_eq!(
        of_one("limits: { memory: 64KiB }"),
        "t.yaml:6:56: spec.statefulEntities[0].limits.memory: 64KiB is out of range\n  \
             why: it is at least 1MiB\n  \
             help: write 1MiB or more"
    );
}

#[test]
fn a_call_shorter_than_a_record() {
    assert_eq!(
        of_one("limits: { deadline: 10s, batchDeadline: 2s }"),
        "t.yaml:6:71: spec.statefulEntities[0].limits.batchDeadline: 2s is shorter than the deadline of one record\n  \
             why: one record may take 10s by `deadline`, so a call with one takes that long\n  \
             help: write 10s or more, or a shorter `deadline`"
    );
}

#[test]
fn a_batch_larger_than_its_memory() {
    assert_eq!(
        of_one("limits: { memory: 64MiB, batchBytes: 48MiB }"),
        "t.yaml:6:71: spec.statefulEntities[0].limits.batchBytes: 48MiB is more than half of the memory\n  \
             why: a batch of 48MiB and what is made of it would not fit into 64MiB of memory\n  \
             help: write at most half of `memory`, or more `memory`"
    );
}

#[test]
fn a_longest_wait_shorter_than_the_first() {
    assert_eq!(
        of_one("retry: { backoff: 10s, maxBackoff: 1s }"),
        "t.yaml:6:69: spec.statefulEntities[0].retry.maxBackoff: 1s is shorter than backoff, 10s\n  \
             why: it is the longest wait, and the first one is longer\n  \
             help: write 10s or more, or a shorter `backoff`"
    );
}

#[test]
fn zero_partitions_and_broken_addresses() {
    assert_eq!(
        said(&document(
            "  topics: { x: { partitions: 0 } }\n  ioAddress: kafka\n  state: { redis: { url: redis } }\n  statefulEntities:\n  - { name: a, function: ./f, inputTopic: x }\n",
        )),
        "t.yaml:5:18: spec.topics.x.partitions: 0 is out of range\n  \
             why: it is at least 1\n  \
             help: write 1 or more\n\
             t.yaml:6:3: spec.ioAddress: \"kafka\" is not an address\n  \
             why: the servers of Kafka are host:port, with commas between them\n  \
             help: write e.g. kafka:9092\n\
             t.yaml:7:21: spec.state.redis.url: \"redis\" is not an address\n  \
             why: the address of Redis begins with redis://, rediss:// (encrypted) or unix://\n  \
             help: write e.g. redis://redis:6379"
    );
}

#[test]
fn services_given_twice_or_not_at_all() {
    assert_eq!(
        said(&document(
            "  ioAddress: kafka:9092\n  kafka: { bootstrapServers: kafka:9092 }\n  state: { redis: {} }\n  statefulEntities:\n  - { name: a, function: \" \", inputTopic: x }\n",
        )),
        "t.yaml:5:3: spec.ioAddress: given together with kafka\n  \
             why: both say how Kafka is reached, and only one of them can hold\n  \
             help: keep `kafka` and remove `ioAddress`\n\
             t.yaml:7:12: spec.state.redis: has no address\n  \
             why: without an address there is no place for state\n  \
             help: write `url: redis://redis:6379`, or a `secretRef`\n\
             t.yaml:9:16: spec.statefulEntities[0].function: is empty\n  \
             why: an entity runs a function\n  \
             help: write a path such as ./split.wasm, or namespace/name:tag"
    );
}

#[test]
fn redis_by_two_ways() {
    assert_eq!(
        said(&document(
            "  state: { redis: { url: redis://r, secretRef: { name: r } } }\n  statefulEntities:\n  - { name: a, function: a, inputTopic: x }\n",
        )),
        "t.yaml:5:12: spec.state.redis: url and secretRef are both given\n  \
             why: both say how Redis is reached, and only one of them can hold\n  \
             help: keep one of them"
    );
}

#[test]
fn services_that_cannot_be_meant_so() {
    assert_eq!(
        said(&document(
            "  kafka: { bootstrapServers: \"kafka:9092\", sasl: { secretRef: { name: ../login } } }\n  state: { redis: { url: \"redis://a,b\", tls: {}, waitReplicas: 11 } }\n  statefulEntities:\n  - { name: a, function: a, inputTopic: x }\n",
        )),
        "t.yaml:5:65: spec.kafka.sasl.secretRef.name: \"../login\" is not a name\n  \
             why: a secret is a folder of files: its name and its keys are names of such\n  \
             help: write the name of the secret, e.g. kafka-login\n\
             t.yaml:6:21: spec.state.redis.url: \"b\" is not an address\n  \
             why: the address of Redis begins with redis://, rediss:// (encrypted) or unix://\n  \
             help: write e.g. redis://redis:6379\n\
             t.yaml:6:41: spec.state.redis.tls: has no effect\n  \
             why: `tls` says whom to trust, and this address asks for no encryption\n  \
             help: write rediss:// in the address, or remove `tls`\n\
             t.yaml:6:50: spec.state.redis.waitReplicas: is more than 10\n  \
             why: every change waits for so many, and no Redis has that many replicas to wait for\n  \
             help: write the number that must not lose a change, e.g. 1"
    );
}
