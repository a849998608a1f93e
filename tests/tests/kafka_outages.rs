//! What a client of Kafka meets while a broker is away, slow or has come back.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::time::{Duration, Instant};

use invoker_core::records::{RecordBatch, RecordRef};
use invoker_host::log::{
    Commit, Committed, Error, KafkaLog, KafkaOptions, Log, PollLimit, Producer, Source, TopicPartition,
    TopicSpec,
};
use invoker_tests::servers::{self, Kafka};

const LIMIT: PollLimit = PollLimit { records: 1024, bytes: 1 << 20 };
const STEP: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(60);
const GROUP: &str = "group";
const TOPIC: &str = "numbers";

/// A broker, a log on it whose calls give up soon, and a topic.
fn start() -> (Kafka, KafkaLog) {
    let kafka = Kafka::start(&servers::KafkaOptions::default()).unwrap();
    let options = KafkaOptions {
        bootstrap_servers: kafka.address(),
        transaction_timeout: Duration::from_secs(3),
        ..KafkaOptions::default()
    };
    let log = KafkaLog::connect(options).unwrap();
    let spec = TopicSpec { name: TOPIC.to_owned(), partitions: 1, ..TopicSpec::default() };
    log.topics().create(&spec).unwrap();
    (kafka, log)
}

fn place() -> TopicPartition {
    TopicPartition { topic: TOPIC.to_owned(), partition: 0 }
}

/// A transaction that writes `number` and moves the position of the group behind it.
fn prepare(producer: &mut dyn Producer, number: u64) -> Result<(), Error> {
    producer.begin()?;
    let (handle, _) = producer.open(TOPIC)?;
    let text = number.to_string();
    let record = RecordRef { key: None, value: Some(text.as_bytes()), timestamp: 1, headers: &[] };
    producer.write(handle, 0, record)?;
    producer.flush()?;
    let position = Committed { offset: number + 1, metadata: format!("{number}") };
    producer.add_offsets(GROUP, &[(place(), position)])
}

/// Numbers that come, until there are `count`; trouble that may pass is let pass.
fn numbers(source: &mut dyn Source, count: usize) -> Vec<u64> {
    let (mut all, mut batch, deadline) = (Vec::new(), RecordBatch::default(), Instant::now() + PATIENCE);
    while all.len() < count {
        assert!(Instant::now() < deadline, "{all:?}");
        match source.poll(LIMIT, STEP, &mut batch) {
            Ok(_) => all.extend(
                batch
                    .values
                    .iter()
                    .map(|value| std::str::from_utf8(value.unwrap()).unwrap().parse::<u64>().unwrap()),
            ),
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
    all
}

/// Asks until an answer comes; until then nothing is said but that waiting may help.
fn answer<T>(mut ask: impl FnMut() -> Result<T, Error>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(error) => assert!(error.is_retryable() && Instant::now() < deadline, "{error:?}"),
        }
    }
}

fn committed(log: &KafkaLog) -> Option<u64> {
    let source = log.source().unwrap();
    answer(|| source.committed(GROUP, &place())).map(|committed| committed.offset)
}

#[test]
fn reading_and_writing_go_on_when_the_broker_is_back() {
    let (kafka, log) = start();
    let mut source = log.source().unwrap();
    source.assign(&place(), 0).unwrap();
    let mut producer = log.producer("id").unwrap();
    prepare(producer.as_mut(), 0).unwrap();
    assert_eq!(producer.commit(), Commit::Committed);
    assert_eq!(numbers(source.as_mut(), 1), [0]);
    kafka.brokers()[0].server().kill().unwrap();
    let mut batch = RecordBatch::default();
    match source.poll(LIMIT, STEP, &mut batch) {
        Ok(came) => assert_eq!(came, None),
        Err(error) => assert!(error.is_retryable(), "{error}"),
    }
    let error = source.committed(GROUP, &place()).unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    let error = source.bounds(&place()).unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    let error = prepare(producer.as_mut(), 1).unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    drop(producer);
    kafka.brokers()[0].restart().unwrap();
    let mut producer = answer(|| log.producer("id"));
    assert_eq!(committed(&log), Some(1));
    prepare(producer.as_mut(), 1).unwrap();
    assert_eq!(producer.commit(), Commit::Committed);
    assert_eq!(numbers(source.as_mut(), 1), [1], "by the source that saw the broker go");
    assert_eq!(committed(&log), Some(2));
}

#[test]
fn a_commit_without_an_answer_is_unknown_and_then_found_out() {
    let (kafka, log) = start();
    let mut source = log.source().unwrap();
    source.assign(&place(), 0).unwrap();
    let mut producer = log.producer("id").unwrap();
    prepare(producer.as_mut(), 0).unwrap();
    kafka.brokers()[0].server().freeze().unwrap();
    let began = Instant::now();
    assert_eq!(producer.commit(), Commit::Unknown);
    assert!(began.elapsed() < Duration::from_secs(10), "after {:?}", began.elapsed());
    kafka.brokers()[0].server().thaw().unwrap();
    drop(producer);
    let mut producer = answer(|| log.producer("id"));
    // Whichever way it went: position and record went together.
    let before = committed(&log);
    assert!(matches!(before, None | Some(1)), "{before:?}");
    prepare(producer.as_mut(), 1).unwrap();
    assert_eq!(producer.commit(), Commit::Committed);
    let expected: &[u64] = if before.is_some() { &[0, 1] } else { &[1] };
    assert_eq!(numbers(source.as_mut(), expected.len()), expected);
}

#[test]
fn positions_that_get_no_answer_are_an_error() {
    let (kafka, log) = start();
    let mut producer = log.producer("id").unwrap();
    prepare(producer.as_mut(), 0).unwrap();
    assert_eq!(producer.commit(), Commit::Committed);
    producer.begin().unwrap();
    kafka.brokers()[0].server().freeze().unwrap();
    let position = Committed { offset: 7, metadata: String::new() };
    let error = producer.add_offsets(GROUP, &[(place(), position)]).unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    kafka.brokers()[0].server().thaw().unwrap();
    // Nothing of it may show, now or with what the next producer does.
    drop(producer);
    let mut producer = answer(|| log.producer("id"));
    assert_eq!(committed(&log), Some(1));
    producer.begin().unwrap();
    assert_eq!(producer.commit(), Commit::Committed);
    assert_eq!(committed(&log), Some(1));
}
