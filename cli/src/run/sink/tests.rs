//! Outputs against the embedded log on disk.

use std::path::Path;

use invoker_core::records::RecordRef;
use invoker_host::db::Durability;
use invoker_host::log::{Commit, TopicSpec};

use super::*;
use crate::data::Data;

/// A data directory that lives as long as the second thing returned. (In memory, records that nobody waits for go.)
fn data() -> (Data, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let data = Data::open(dir.path(), Durability::Process).unwrap();
    let spec = TopicSpec { name: "words".to_owned(), partitions: 2, ..TopicSpec::default() };
    data.log.topics().create(&spec).unwrap();
    (data, dir)
}

/// Writes one record to each partition.
fn produce(data: &Data, value: &str) {
    let mut producer = data.log.producer("test").unwrap();
    let (topic, partitions) = producer.open("words").unwrap();
    producer.begin().unwrap();
    for partition in 0..partitions {
        let value = format!("{value}{partition}");
        let record = RecordRef { key: Some(b"k"), value: Some(value.as_bytes()), timestamp: 1, headers: &[] };
        producer.write(topic, partition, record).unwrap();
    }
    assert_eq!(producer.commit(), Commit::Committed);
}

fn start(data: &Data, path: &Path) -> Result<Sink, Error> {
    let target = OutputTarget::Path(path.to_owned());
    let output = Output { topic: "words".to_owned(), target, format: OutputFormat::Value };
    Sink::start(0, &output, data, "default.test")
}

fn write(data: &Data, path: &Path) -> String {
    assert_eq!(start(data, path).unwrap().finish(), OutputState::Ended);
    let mut lines: Vec<_> = std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines.join(" ")
}

#[test]
fn a_restart_cuts_the_file_back_and_goes_on() {
    let ((data, _kept), dir) = (data(), tempfile::tempdir().unwrap());
    let path = dir.path().join("out.txt");
    produce(&data, "a");
    assert_eq!(write(&data, &path), "a0 a1");
    // What a killed run had written and not yet noted.
    std::fs::write(&path, std::fs::read_to_string(&path).unwrap() + "b0\nb").unwrap();
    produce(&data, "b");
    assert_eq!(write(&data, &path), "a0 a1 b0 b1");
    assert_eq!(write(&data, &path), "a0 a1 b0 b1");
}

#[test]
fn a_new_file_gets_the_whole_topic_and_an_old_one_without_cursor_is_emptied() {
    let ((data, _kept), dir) = (data(), tempfile::tempdir().unwrap());
    produce(&data, "a");
    assert_eq!(write(&data, &dir.path().join("one.txt")), "a0 a1");
    std::fs::write(dir.path().join("two.txt"), "something else").unwrap();
    assert_eq!(write(&data, &dir.path().join("two.txt")), "a0 a1");
}

#[test]
fn a_file_that_lost_what_was_written_is_refused() {
    let ((data, _kept), dir) = (data(), tempfile::tempdir().unwrap());
    let path = dir.path().join("out.txt");
    produce(&data, "a");
    write(&data, &path);
    std::fs::write(&path, "a0").unwrap();
    let error = start(&data, &path).unwrap_err().to_string();
    assert!(error.contains("an earlier run wrote 6 bytes to it, and it has 2 now"), "{error}");
    std::fs::remove_file(&path).unwrap();
    let error = start(&data, &path).unwrap_err();
    assert!(
        error.to_string().contains("6 bytes were written to it by an earlier run, and it is gone"),
        "{error}"
    );
    assert_eq!(error.exit, Exit::File);
}

#[test]
fn a_file_that_cannot_be_made_is_told_at_the_start() {
    let ((data, _kept), dir) = (data(), tempfile::tempdir().unwrap());
    let error = start(&data, &dir.path().join("no/out.txt")).unwrap_err().to_string();
    assert!(error.contains("cannot write output") && error.contains("make the folder"), "{error}");
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let (data, _kept) = data();
    produce(&data, "a");
    match start(&data, Path::new("/dev/full")).unwrap().finish() {
        OutputState::Failed(error) => assert!(error.to_string().contains("make room on the disk"), "{error}"),
        other => panic!("{other:?}"),
    }
}
