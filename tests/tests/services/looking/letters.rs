//! `dlq` on Kafka.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use invoker_core::records::RecordRef;
use invoker_host::log::{Commit, KafkaLog, KafkaOptions, Log, TopicSpec};
use invoker_tests::{built, servers};
use serde_json::{Value, json};

use super::texts;
use crate::workplace::{Ended, Workplace, consume, ended, wait};

/// The conversion of payments, with these rates.
fn write_topology(place: &Workplace, rates: &str) {
    let convert = built::guest("dead_letters_convert").unwrap();
    let [payments, converted] = ["payments", "converted"].map(|name| place.topic(name));
    place.write(
        "topology.yaml",
        &format!(
            "apiVersion: invoker.io/v1alpha1\nkind: InvokerDeployment\nmetadata: {{ name: {} }}\nspec:\n  \
             createTopics: true\n  topics:\n    {payments:?}: {{ partitions: 1 }}\n    {converted:?}: {{ partitions: 1 }}\n  \
             statefulEntities:\n  \
             - {{ name: convert, function: {}, inputTopic: {payments}, outputTopic: {converted}, config: {{ rates: {rates} }} }}\n",
            place.name,
            convert.display(),
        ),
    );
}

fn dead(place: &Workplace) -> String {
    format!("default.{}.convert.dead-letter", place.name)
}

fn payment(key: &str, currency: &str, cents: u32) -> String {
    json!({"key": key, "value": {"cents": cents, "currency": currency}, "timestamp": 1_700_000_000_000_u64,
           "headers": [{"name": "trace", "value": key}]})
    .to_string()
        + "\n"
}

fn list(place: &Workplace, kafka: &str, more: &[&str]) -> Vec<Value> {
    let dead = dead(place);
    let words = [&["dlq", "list", "--kafka", kafka, "--topic", &dead], more].concat();
    place.look(&words).succeeded().objects()
}

fn replay(place: &Workplace, kafka: &str, more: &[&str]) -> Ended {
    place.look(&[&["dlq", "replay", "--kafka", kafka, "--topic", &dead(place)], more].concat())
}

#[test]
fn letters_go_back_as_they_came_and_only_once() {
    let (kafka, redis) = (servers::kafka().unwrap(), servers::redis().unwrap());
    let place = Workplace::new("letters");
    write_topology(&place, "{ EUR: 1 }");
    let payments = &place.topic("payments");
    let lines = [("a", "EUR", 100), ("b", "USD", 5), ("c", "USD", 7)];
    let lines: String = lines.iter().map(|(key, currency, cents)| payment(key, currency, *cents)).collect();
    place.run(&kafka, &redis, payments, &lines, "in.jsonl");

    // Kafka shows what was committed a moment after it has said so.
    wait("the letters", || list(&place, &kafka, &[]).len() >= 2);
    let letters = list(&place, &kafka, &[]);
    let told: Vec<_> = letters
        .iter()
        .map(|letter| {
            let (failure, record) = (&letter["failure"], &letter["record"]);
            let of = |object: &Value, name: &str| object[name].as_str().unwrap().to_owned();
            [of(failure, "error-code"), of(failure, "topic"), of(record, "key"), of(record, "value")]
        })
        .collect();
    let letter = |key: &str, cents: u32| {
        let value = format!("{{\"cents\":{cents},\"currency\":\"USD\"}}");
        ["no-rate".to_owned(), payments.clone(), key.to_owned(), value]
    };
    assert_eq!(told, [letter("b", 5), letter("c", 7)]);
    let of_topology = ["dlq", "list", "--topology", "topology.yaml", "--kafka", &kafka];
    assert_eq!(place.look(&of_topology).succeeded().objects(), letters);
    let at = format!("0/{}", letters[1]["offset"]);
    let shown = place.invoker(&["dlq", "show", "--kafka", &kafka, "--topic", &dead(&place), "--at", &at]);
    let shown = shown.succeeded().out;
    assert!(shown.contains("key        c\n") && shown.contains("header     trace=c\n"), "{shown}");
    assert!(!shown.contains("key        b"), "{shown}");
    place
        .look(&["dlq", "list", "--kafka", &kafka, "--topic", "nowhere"])
        .failed(2, &["there is no topic", &dead(&place)]);

    assert_eq!(
        replay(&place, &kafka, &["--at", &at]).succeeded().objects(),
        [json!({"replayed": 1, "kept": 0})]
    );
    assert_eq!(list(&place, &kafka, &[]), letters[..1]);
    assert_eq!(replay(&place, &kafka, &[]).succeeded().objects(), [json!({"replayed": 1, "kept": 0})]);
    assert_eq!(replay(&place, &kafka, &[]).succeeded().objects(), [json!({"replayed": 0, "kept": 0})]);
    assert_eq!(list(&place, &kafka, &[]), [] as [Value; 0]);
    let all = list(&place, &kafka, &["--all"]);
    assert_eq!(all.iter().map(|letter| letter["replayed"] == true).collect::<Vec<_>>(), [true, true]);

    let read = place.look(&["tail", payments, "--kafka", &kafka]).succeeded().objects();
    assert_eq!(texts(&read, "key"), ["a", "b", "c", "c", "b"]);
    for (sent, first) in [(3, 2), (4, 1)] {
        let without_offset = |at: usize| {
            let mut record = read[at].clone();
            record.as_object_mut().unwrap().remove("offset");
            record
        };
        assert_eq!(without_offset(sent), without_offset(first));
    }
    write_topology(&place, "{ EUR: 1, USD: 2 }");
    place.invoker(&["run", "topology.yaml", "--kafka", &kafka, "--redis", &redis]).succeeded();
    let converted: BTreeMap<String, String> = consume(&kafka, &place.topic("converted"))
        .lines()
        .map(|line| line.split_once(' ').map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap())
        .collect();
    let of = |cents: u32| format!("{{\"euro_cents\":{cents},\"total\":{cents}}}");
    let expected = [("a", of(100)), ("b", of(10)), ("c", of(14))].map(|(key, value)| (key.to_owned(), value));
    assert_eq!(converted, BTreeMap::from(expected));
}

#[test]
fn two_who_replay_at_once_send_each_letter_once() {
    let (kafka, redis) = (servers::kafka().unwrap(), servers::redis().unwrap());
    let place = Workplace::new("twice");
    write_topology(&place, "{ EUR: 1 }");
    let lines = (0..2000).fold(String::new(), |mut lines, at| {
        let _ = write!(lines, "{}", payment(&format!("k{at}"), "USD", at));
        lines
    });
    let payments = &place.topic("payments");
    place.run(&kafka, &redis, payments, &lines, "in.jsonl");
    let dead = dead(&place);
    let words = ["--output-format", "json", "dlq", "replay", "--kafka", &kafka, "--topic", &dead];
    let both = [(); 2].map(|()| {
        let mut command = place.command(&words);
        let piped = std::process::Stdio::piped;
        command.stdout(piped()).stderr(piped()).spawn().unwrap()
    });
    for process in both {
        let ended = ended(&process.wait_with_output().unwrap());
        // Who came second has ended the other, unless he was done: it is told so, or that its transaction is none any more.
        let told = ["newer producer", "took its place", "InvalidTransactionalState"];
        assert!(ended.code == 0 || told.iter().any(|told| ended.err.contains(told)), "{ended:?}");
    }
    replay(&place, &kafka, &[]).succeeded();
    let read = place.look(&["tail", payments, "--kafka", &kafka]).succeeded().objects();
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    texts(&read, "key").into_iter().for_each(|key| *counts.entry(key).or_default() += 1);
    assert_eq!(counts.len(), 2000);
    let wrong: Vec<_> = counts.iter().filter(|(_, count)| **count != 2).collect();
    assert!(wrong.is_empty(), "once from the input and once again: {wrong:?}");
}

#[test]
fn a_list_of_gaps_that_kafka_does_not_take_is_explained() {
    let kafka = servers::kafka().unwrap();
    let place = Workplace::new("gaps");
    let options = KafkaOptions { bootstrap_servers: kafka.clone(), ..KafkaOptions::default() };
    let log = KafkaLog::connect(options).unwrap();
    let (source, dead) = (place.topic("source"), dead(&place));
    for name in [&source, &dead] {
        let spec = TopicSpec { name: name.clone(), partitions: 1, ..TopicSpec::default() };
        log.topics().create(&spec).unwrap();
    }
    let mut producer = log.producer(&place.name).unwrap();
    let (topic, _) = producer.open(&dead).unwrap();
    producer.begin().unwrap();
    for at in 0..6000 {
        let code: &[u8] = if at % 2 == 0 { b"even" } else { b"odd" };
        let headers: &[(&[u8], Option<&[u8]>)] = &[
            (b"invoker-format", Some(b"1")),
            (b"invoker-topic", Some(source.as_bytes())),
            (b"invoker-partition", Some(b"0")),
            (b"invoker-error-code", Some(code)),
        ];
        producer.write(topic, 0, RecordRef { key: None, value: Some(b"v"), timestamp: 5, headers }).unwrap();
    }
    assert_eq!(producer.commit(), Commit::Committed);
    let sent = || consume(&kafka, &source).lines().count();
    replay(&place, &kafka, &["--code", "odd"]).failed(
        10,
        &["cannot note which dead letters were sent back", "not in a row", "offset.metadata.max.bytes"],
    );
    assert_eq!(sent(), 0, "what cannot be noted is not sent");
    assert_eq!(replay(&place, &kafka, &[]).succeeded().objects(), [json!({"replayed": 6000, "kept": 0})]);
    assert_eq!(sent(), 6000);
}
