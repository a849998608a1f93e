//! The embedded log passes the suite of all logs, and keeps what it promises beside.

mod disk;
mod retained;

use super::*;
use crate::db::Durability;
use crate::log::conformance::Subject;
use crate::log::{Commit, PollLimit, TopicSpec};
use invoker_core::records::{RecordBatch, RecordRef};

const PATIENCE: Duration = Duration::from_secs(20);

fn options() -> EmbeddedOptions {
    EmbeddedOptions { stable_wait: Duration::from_millis(50), ..EmbeddedOptions::default() }
}

fn subject(db: Database, options: EmbeddedOptions) -> Subject {
    Subject::new(Arc::new(EmbeddedLog::open(db, options).unwrap()), PATIENCE)
}

crate::log_conformance!(memory, ((), subject(Database::memory(), options())));

crate::log_conformance!(disk_with_cache, {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path(), Durability::Process).unwrap();
    (dir, subject(db, options()))
});

crate::log_conformance!(disk_without_cache, {
    let dir = tempfile::tempdir().unwrap();
    let db = Database::open(dir.path(), Durability::Commit).unwrap();
    (dir, subject(db, EmbeddedOptions { cache_bytes: 0, ..options() }))
});

fn topic(log: &EmbeddedLog, name: &str, partitions: u32) {
    let spec = TopicSpec { name: name.to_owned(), partitions, ..TopicSpec::default() };
    log.topics().create(&spec).unwrap();
}

fn at(topic: &str, partition: u32) -> TopicPartition {
    TopicPartition { topic: topic.to_owned(), partition }
}

fn write(log: &EmbeddedLog, topic: &str, partition: u32, value: &[u8]) {
    let mut producer = log.producer("writer").unwrap();
    let (handle, _) = producer.open(topic).unwrap();
    producer.begin().unwrap();
    let record = RecordRef { key: None, value: Some(value), timestamp: 1, headers: &[] };
    producer.write(handle, partition, record).unwrap();
    assert_eq!(producer.commit(), Commit::Committed);
}

/// Commits a position, and nothing else.
fn consume(log: &EmbeddedLog, group: &str, topic: &str, partition: u32, offset: u64) {
    let mut producer = log.producer(group).unwrap();
    producer.begin().unwrap();
    let committed = Committed { offset, metadata: "m".to_owned() };
    producer.add_offsets(group, &[(at(topic, partition), committed)]).unwrap();
    assert_eq!(producer.commit(), Commit::Committed);
}

/// All values from a position on; the error that came instead.
fn values(log: &EmbeddedLog, topic: &str, partition: u32, from: u64) -> Result<Vec<Vec<u8>>, Error> {
    let (mut source, mut batch, mut all) = (log.source().unwrap(), RecordBatch::default(), Vec::new());
    source.assign(&at(topic, partition), from).unwrap();
    let limit = PollLimit { records: 1000, bytes: 1 << 20 };
    while source.poll(limit, Duration::ZERO, &mut batch)?.is_some() {
        all.extend(batch.values.iter().map(|value| value.unwrap().to_vec()));
    }
    Ok(all)
}

fn bounds(log: &EmbeddedLog, topic: &str, partition: u32) -> (u64, u64) {
    log.source().unwrap().bounds(&at(topic, partition)).unwrap()
}
