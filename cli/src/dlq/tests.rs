//! Dead letters against the embedded log on disk.

use invoker_host::db::Durability;
use invoker_host::log::TopicSpec;

use super::*;
use crate::args::Format;
use crate::data::Data;

const DEAD: &str = "default.test.parse.dead-letter";

/// A data directory that lives as long as the second thing returned. (In memory, records that nobody waits for go.)
fn data() -> (Data, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let data = Data::open(dir.path(), Durability::Process).unwrap();
    for name in ["in", DEAD] {
        let spec = TopicSpec { name: name.to_owned(), partitions: 2, ..TopicSpec::default() };
        data.log.topics().create(&spec).unwrap();
    }
    (data, dir)
}

/// A record of partition 1 of `in` that failed with `code`.
fn bury(data: &Data, key: &str, code: &str) {
    bury_with(data, key, code, &[]);
}

fn bury_with(data: &Data, key: &str, code: &str, more: &[(&[u8], Option<&[u8]>)]) {
    let mut producer = data.log.producer("test").unwrap();
    let (topic, _) = producer.open(DEAD).unwrap();
    producer.begin().unwrap();
    let headers: &[(&[u8], Option<&[u8]>)] = &[
        (b"trace", Some(b"t1")),
        (b"invoker-format", Some(b"1")),
        (b"invoker-entity", Some(b"parse")),
        (b"invoker-topic", Some(b"in")),
        (b"invoker-partition", Some(b"1")),
        (b"invoker-offset", Some(b"7")),
        (b"invoker-error-code", Some(code.as_bytes())),
    ];
    let headers = [headers, more].concat();
    let record = RecordRef { key: Some(key.as_bytes()), value: Some(b"v"), timestamp: 5, headers: &headers };
    producer.write(topic, 1, record).unwrap();
    assert_eq!(producer.commit(), Commit::Committed);
}

fn args() -> DlqArgs {
    DlqArgs::default()
}

fn records(data: &Data) -> Records {
    let log = std::sync::Arc::clone(&data.log);
    Records { log, is_service: false, topics: None, dead_letters: Default::default() }
}

fn replay_all(data: &Data, args: &DlqArgs) {
    replay(&records(data), args, &mut Printer::new(Format::Json, Box::new(std::io::sink()))).unwrap();
}

fn listed(data: &Data, args: &DlqArgs) -> Vec<(u64, bool)> {
    let mut found = Vec::new();
    each(&records(data), args, |letter| {
        found.push((letter.offset, letter.replayed));
        Ok(())
    })
    .unwrap();
    found
}

/// Keys in the source topic, with their headers' names.
fn sent(data: &Data) -> Vec<String> {
    let mut sent = Vec::new();
    let place = TopicPartition { topic: "in".to_owned(), partition: 1 };
    crate::reader::read(&*data.log, &place, 0, |_, record| {
        let names = record.headers.iter().map(|(name, _)| String::from_utf8_lossy(name));
        let names = names.collect::<Vec<_>>().join("+");
        sent.push(format!("{} {names} {}", String::from_utf8_lossy(record.key.unwrap()), record.timestamp));
        Ok(true)
    })
    .unwrap();
    sent
}

#[test]
fn letters_go_back_as_they_came_and_only_once() {
    let (data, _kept) = data();
    bury(&data, "a", "bad-json");
    bury(&data, "b", "bad-json");
    replay_all(&data, &args());
    replay_all(&data, &args());
    assert_eq!(sent(&data), ["a trace 5", "b trace 5"]);
    assert_eq!(listed(&data, &args()), []);
    assert_eq!(listed(&data, &DlqArgs { all: true, ..args() }), [(0, true), (2, true)]);
    bury(&data, "c", "bad-json");
    replay_all(&data, &args());
    assert_eq!(sent(&data), ["a trace 5", "b trace 5", "c trace 5"]);
}

#[test]
fn letters_are_chosen_by_code_entity_and_place() {
    let (data, _kept) = data();
    for (key, code) in [("a", "x"), ("b", "y"), ("c", "x"), ("d", "y")] {
        bury(&data, key, code);
    }
    assert_eq!(listed(&data, &DlqArgs { entity: Some("other".to_owned()), ..args() }), []);
    let of_y = DlqArgs { code: Some("y".to_owned()), entity: Some("parse".to_owned()), ..args() };
    replay_all(&data, &of_y);
    replay_all(&data, &DlqArgs { at: vec![(1, 0)], ..args() });
    assert_eq!(sent(&data), ["b trace 5", "d trace 5", "a trace 5"]);
    assert_eq!(listed(&data, &args()), [(4, false)]);
    replay_all(&data, &args());
    assert_eq!(sent(&data).len(), 4);
}

#[test]
fn a_letter_without_its_value_is_not_sent_back() {
    let (data, _kept) = data();
    bury(&data, "a", "odd");
    bury_with(&data, "b", "odd", &[(b"invoker-left-out", Some(b"value and headers, 1048500 bytes"))]);
    replay_all(&data, &args());
    assert_eq!(sent(&data), ["a trace 5"]);
    assert_eq!(listed(&data, &args()), [(2, false)], "it is still there");
    let mut text = String::new();
    each(&records(&data), &args(), |letter| {
        text = format!("{}\n{}", letter.text(), letter.without_value());
        Ok(())
    })
    .unwrap();
    assert!(text.contains("left out   value and headers, 1048500 bytes; they are where"), "{text}");
    assert!(text.ends_with("the record is offset 7 of in/1"), "{text}");
}
