//! What Kafka does beside the facts of all logs: limits of topics, transactions left open, memory, topics made again.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use invoker_core::records::{RecordBatch, RecordRef};
use invoker_host::log::{
    Commit, Committed, Dealt, Error, KafkaLog, KafkaOptions, Log, Member, PollLimit, Producer, Source,
    TopicPartition, TopicSpec,
};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;

static ADDRESS: LazyLock<String> = LazyLock::new(|| invoker_tests::servers::kafka().unwrap());
const PATIENCE: Duration = Duration::from_secs(20);
const STEP: Duration = Duration::from_millis(100);
const LIMIT: PollLimit = PollLimit { records: 1024, bytes: 1 << 20 };

fn log() -> KafkaLog {
    open(KafkaOptions::default())
}

fn open(options: KafkaOptions) -> KafkaLog {
    KafkaLog::connect(KafkaOptions { bootstrap_servers: ADDRESS.clone(), ..options }).unwrap()
}

fn fresh(what: &str) -> String {
    format!("{what}-{:016x}", rand::random::<u64>())
}

fn topic(log: &KafkaLog, partitions: u32, config: &[(&str, &str)]) -> String {
    let config = config.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let spec = TopicSpec { name: fresh("topic"), partitions, config, ..TopicSpec::default() };
    log.topics().create(&spec).unwrap();
    spec.name
}

fn admin() -> AdminClient<DefaultClientContext> {
    ClientConfig::new().set("bootstrap.servers", ADDRESS.as_str()).create().unwrap()
}

fn at(topic: &str, partition: u32) -> TopicPartition {
    TopicPartition { topic: topic.to_owned(), partition }
}

fn value(value: &[u8]) -> RecordRef<'_> {
    RecordRef { key: None, value: Some(value), timestamp: 1000, headers: &[] }
}

fn write(producer: &mut dyn Producer, topic: &str, values: &[&[u8]]) {
    producer.begin().unwrap();
    let (handle, _) = producer.open(topic).unwrap();
    for bytes in values {
        producer.write(handle, 0, value(bytes)).unwrap();
    }
}

/// Lengths of the values that come, until there are `count`.
fn lengths(source: &mut dyn Source, count: usize) -> Vec<usize> {
    let (mut all, mut batch, deadline) = (Vec::new(), RecordBatch::default(), Instant::now() + PATIENCE);
    while all.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} records came", all.len());
        source.poll(LIMIT, STEP, &mut batch).unwrap();
        all.extend(batch.values.iter().map(|value| value.unwrap().len()));
    }
    all
}

#[test]
fn topics_with_small_limits_get_small_batches() {
    let log = log();
    let (usual, small) = (topic(&log, 1, &[]), topic(&log, 1, &[("max.message.bytes", "20000")]));
    let mut producer = log.producer(&fresh("id")).unwrap();
    let (usual_handle, _) = producer.open(&usual).unwrap();
    let (small_handle, _) = producer.open(&small).unwrap();
    assert!(producer.record_limit(usual_handle) > 1_000_000);
    assert!((19_000..20_000).contains(&producer.record_limit(small_handle)));
    producer.begin().unwrap();
    let largest = vec![b'x'; producer.record_limit(usual_handle)];
    producer.write(usual_handle, 0, value(&largest)).unwrap();
    let most = vec![b'x'; producer.record_limit(small_handle)];
    producer.write(small_handle, 0, value(&most)).unwrap();
    for _ in 0..5000 {
        producer.write(small_handle, 0, value(&[b'y'; 100])).unwrap();
    }
    producer.flush().unwrap();
    assert_eq!(producer.commit(), Commit::Committed);
    for (topic, count) in [(&usual, 1), (&small, 5001)] {
        let mut source = log.source().unwrap();
        source.assign(&at(topic, 0), 0).unwrap();
        assert_eq!(lengths(source.as_mut(), count).len(), count);
    }
}

#[test]
fn a_record_that_kafka_refuses_is_named_and_undoes_its_transaction() {
    let log = log();
    let topic = topic(&log, 1, &[]);
    let mut producer = log.producer(&fresh("id")).unwrap();
    producer.open(&topic).unwrap();
    // Behind the back of the producer, which has asked for the limit.
    let change = AlterConfig::new(ResourceSpecifier::Topic(&topic)).set("max.message.bytes", "1000");
    pollster::block_on(admin().alter_configs([&change], &AdminOptions::new())).unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        write(producer.as_mut(), &topic, &[b"lost", &[b'x'; 50_000]]);
        match producer.flush() {
            // The broker has not heard of the change yet.
            Ok(()) => producer.abort().unwrap(),
            Err(error) => {
                let text = format!("{error}: {}", std::error::Error::source(&error).unwrap());
                assert!(text.contains(&topic) && text.contains("too large"), "{text}");
                assert!(!error.is_retryable(), "{text}");
                break;
            }
        }
        assert!(Instant::now() < deadline, "the limit never came");
    }
    assert_eq!(producer.commit(), Commit::Aborted);
    let id = fresh("id");
    drop(producer);
    let mut producer = log.producer(&id).unwrap();
    producer.open(&topic).unwrap();
    write(producer.as_mut(), &topic, &[b"kept"]);
    producer.flush().unwrap();
    assert_eq!(producer.commit(), Commit::Committed);
    let mut source = log.source().unwrap();
    source.assign(&at(&topic, 0), 0).unwrap();
    assert_eq!(lengths(source.as_mut(), 1), [4]);
}

#[test]
fn a_transaction_left_open_holds_readers_up_until_its_time_is_over() {
    let log = open(KafkaOptions { transaction_timeout: Duration::from_secs(3), ..KafkaOptions::default() });
    let topic = topic(&log, 1, &[]);
    let (mut frozen, mut other) = (log.producer(&fresh("id")).unwrap(), log.producer(&fresh("id")).unwrap());
    let mut source = log.source().unwrap();
    source.assign(&at(&topic, 0), 0).unwrap();
    write(frozen.as_mut(), &topic, &[b"never seen"]);
    frozen.flush().unwrap();
    let began = Instant::now();
    write(other.as_mut(), &topic, &[b"behind"]);
    assert_eq!(other.commit(), Commit::Committed);
    assert_eq!(source.bounds(&at(&topic, 0)).unwrap(), (0, 0));
    assert_eq!(lengths(source.as_mut(), 1), [6]);
    assert!(began.elapsed() > Duration::from_millis(1500), "{:?}", began.elapsed());
    // It wakes.
    assert_eq!(frozen.commit(), Commit::Fenced);
}

#[test]
fn large_records_do_not_pile_up_in_memory() {
    let log = log();
    let topic = topic(&log, 1, &[]);
    let large = vec![b'x'; 900_000];
    let mut producer = log.producer(&fresh("id")).unwrap();
    for _ in 0..15 {
        write(producer.as_mut(), &topic, &[large.as_slice(); 20]);
        assert_eq!(producer.commit(), Commit::Committed);
    }
    drop(producer);
    let mut source = log.source().unwrap();
    source.assign(&at(&topic, 0), 0).unwrap();
    let (before, mut most, mut batch, mut count) = (memory(), 0, RecordBatch::default(), 0);
    while count < 300 {
        // Slower than the broker: what is fetched ahead would pile up.
        std::thread::sleep(Duration::from_millis(5));
        source.poll(LIMIT, PATIENCE, &mut batch).unwrap().unwrap();
        count += batch.len();
        most = most.max(memory());
    }
    assert!(most < before + (100 << 20), "{before} bytes became {most}");
}

/// Bytes that this process holds.
fn memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
}

#[test]
fn a_topic_made_again_has_another_id() {
    let log = log();
    let topic = topic(&log, 1, &[]);
    let id = || log.topics().describe(&topic).unwrap().and_then(|topic| topic.id);
    let first = id().unwrap();
    pollster::block_on(admin().delete_topics(&[&topic], &AdminOptions::new())).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while id().is_some() {
        assert!(Instant::now() < deadline, "the topic stays");
    }
    let spec = TopicSpec { name: topic.clone(), partitions: 1, ..TopicSpec::default() };
    log.topics().create(&spec).unwrap();
    assert_ne!(id().unwrap(), first);
}

#[test]
fn hundreds_of_partitions_are_listed_read_and_committed() {
    let log = log();
    let (topic, group, count) = (topic(&log, 300, &[]), fresh("group"), 300_u32);
    assert!(
        log.topics().list().unwrap().iter().any(|found| found.name == topic && found.partitions == count)
    );
    let mut producer = log.producer(&fresh("id")).unwrap();
    let (handle, partitions) = producer.open(&topic).unwrap();
    assert_eq!(partitions, count);
    producer.begin().unwrap();
    (0..count).for_each(|partition| producer.write(handle, partition, value(b"v")).unwrap());
    let position = Committed { offset: 1, metadata: "m".to_owned() };
    let positions: Vec<_> = (0..count).map(|partition| (at(&topic, partition), position.clone())).collect();
    producer.add_offsets(&group, &positions).unwrap();
    assert_eq!(producer.commit(), Commit::Committed);
    assert_eq!(log.group(&group).unwrap().len(), 300);
    let mut source = log.source().unwrap();
    for partition in 0..count {
        source.assign(&at(&topic, partition), 0).unwrap();
    }
    assert_eq!(lengths(source.as_mut(), 300).len(), 300);
}

/// What a member has in the end, when these have been told what they have.
fn hear(members: &mut [(&mut dyn Member, &mut Vec<u32>)], done: impl Fn(&[usize]) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        for (member, has) in members.iter_mut() {
            match member.poll(STEP).unwrap() {
                Some(Dealt::Given(given)) => has.extend(given),
                Some(Dealt::Taken(gone)) => {
                    has.retain(|partition| !gone.contains(partition));
                    member.let_go().unwrap();
                }
                lost @ Some(Dealt::Lost(_)) => assert_eq!(lost, None),
                None => {}
            }
        }
        let counts: Vec<_> = members.iter().map(|(_, has)| has.len()).collect();
        if done(&counts) {
            return;
        }
        assert!(Instant::now() < deadline, "{counts:?}");
    }
}

#[test]
fn members_of_a_group_share_and_whoever_has_a_transaction_commits_for_it() {
    let log = log();
    let (topic, group) = (topic(&log, 6, &[]), fresh("group"));
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let mut one = log.join(&group, "one", &topic).unwrap();
    hear(&mut [(one.as_mut(), &mut a)], |counts| *counts == [6]);
    let mut other = log.join(&group, "other", &topic).unwrap();
    hear(&mut [(one.as_mut(), &mut a), (other.as_mut(), &mut b)], |counts| *counts == [3, 3]);
    // A producer that is no member.
    let mut producer = log.producer(&fresh("id")).unwrap();
    for offset in [1, 2] {
        let position = Committed { offset, metadata: "m".to_owned() };
        producer.begin().unwrap();
        producer.add_offsets(&group, &[(at(&topic, 0), position.clone())]).unwrap();
        assert_eq!(producer.commit(), Commit::Committed);
        assert_eq!(log.source().unwrap().committed(&group, &at(&topic, 0)).unwrap(), Some(position));
    }
    assert_eq!(log.group(&group).unwrap().len(), 1);
    let refused = log.delete_group(&group).unwrap_err();
    let why = std::error::Error::source(&refused).map(ToString::to_string).unwrap_or_default();
    assert!(why.to_lowercase().contains("not empty"), "{refused}: {why}");
    let left = Instant::now();
    drop(other);
    hear(&mut [(one.as_mut(), &mut a)], |counts| *counts == [6]);
    assert!(left.elapsed() < Duration::from_secs(6), "the others need not wait: {:?}", left.elapsed());
    drop(one);
    log.delete_group(&group).unwrap();
}

#[test]
fn what_the_protocol_stands_on_is_refused_by_name() {
    for name in ["isolation.level", "transactional.id", "allow.auto.create.topics"] {
        let properties = BTreeMap::from([(name.to_owned(), "x".to_owned())]);
        let options =
            KafkaOptions { properties, bootstrap_servers: ADDRESS.clone(), ..KafkaOptions::default() };
        let error = KafkaLog::connect(options).err().unwrap();
        assert!(matches!(&error, Error::Invalid { what, .. } if what.contains(name)), "{error}");
    }
}
