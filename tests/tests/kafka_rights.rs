//! What is said when Kafka cannot be reached, does not know who asks, or does not let him.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use invoker_core::records::{RecordBatch, RecordRef};
use invoker_core::topology::SaslMechanism;
use invoker_host::log::{
    Commit, Committed, Error, KafkaLog, KafkaOptions, KafkaSasl, KafkaTls, Log, PollLimit, TopicPartition,
    TopicSpec,
};
use invoker_tests::servers::{self, ADMIN, GUEST, Kafka};

/// Wants TLS and a login.
static SERVER: LazyLock<Kafka> = LazyLock::new(|| {
    Kafka::start(&servers::KafkaOptions { sasl: true, tls: true, ..Default::default() }).unwrap()
});
const PATIENCE: Duration = Duration::from_secs(20);

fn options((user, password): (&str, &str)) -> KafkaOptions {
    let ca = Some(std::fs::read_to_string(SERVER.authority().unwrap()).unwrap());
    KafkaOptions {
        bootstrap_servers: SERVER.address(),
        tls: Some(KafkaTls { ca, ..KafkaTls::default() }),
        sasl: Some(KafkaSasl {
            mechanism: SaslMechanism::ScramSha512,
            username: user.to_owned(),
            password: password.to_owned(),
        }),
        ..KafkaOptions::default()
    }
}

fn log(user: (&str, &str)) -> KafkaLog {
    KafkaLog::connect(options(user)).unwrap()
}

/// The error with its causes.
fn told(error: &Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// That connecting fails for good, in these words.
fn is_refused(options: KafkaOptions, words: &[&str]) {
    let error = KafkaLog::connect(options).unwrap_err();
    let text = told(&error);
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
    assert!(!error.is_retryable(), "{text}");
}

fn fresh(what: &str) -> String {
    format!("{what}-{:016x}", rand::random::<u64>())
}

fn topic() -> String {
    let spec = TopicSpec { name: fresh("topic"), partitions: 1, ..TopicSpec::default() };
    log(ADMIN).topics().create(&spec).unwrap();
    spec.name
}

fn at(topic: &str) -> TopicPartition {
    TopicPartition { topic: topic.to_owned(), partition: 0 }
}

fn grant(words: &[&str]) {
    SERVER.acl(&[&["--add", "--allow-principal", "User:guest"], words].concat()).unwrap();
}

/// Repeats a call until Kafka has heard of the rights that were granted.
fn once_granted<T>(mut call: impl FnMut() -> Result<T, Error>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match call() {
            Ok(done) => return done,
            Err(error) => assert!(Instant::now() < deadline, "{}", told(&error)),
        }
    }
}

#[test]
fn every_login_works_over_tls() {
    for mechanism in [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512] {
        let mut options = options(ADMIN);
        options.sasl.as_mut().unwrap().mechanism = mechanism;
        let log = KafkaLog::connect(options).unwrap();
        let topic = topic();
        let mut producer = log.producer(&fresh("id")).unwrap();
        let (handle, _) = producer.open(&topic).unwrap();
        producer.begin().unwrap();
        let record = RecordRef { key: None, value: Some(b"v"), timestamp: 1, headers: &[] };
        producer.write(handle, 0, record).unwrap();
        assert_eq!(producer.commit(), Commit::Committed);
        let (mut source, mut batch) = (log.source().unwrap(), RecordBatch::default());
        source.assign(&at(&topic), 0).unwrap();
        source.poll(PollLimit { records: 10, bytes: 1 << 20 }, PATIENCE, &mut batch).unwrap();
        assert_eq!(batch.values.get(0), Some(&b"v"[..]), "{mechanism:?}");
    }
}

#[test]
fn a_wrong_password_is_named() {
    is_refused(options((ADMIN.0, "wrong")), &["connect to Kafka", "uthentication", "user and password"]);
}

#[test]
fn another_authority_is_named() {
    let mut options = options(ADMIN);
    // The system's authorities have not signed the certificate of a test.
    options.tls = Some(KafkaTls::default());
    is_refused(options, &["connect to Kafka", "certificate", "authority"]);
}

#[test]
fn a_server_without_tls_is_named() {
    let options = KafkaOptions { bootstrap_servers: SERVER.plain_address(), ..options(ADMIN) };
    is_refused(options, &["connect to Kafka", "TLS"]);
}

#[test]
fn a_property_that_librdkafka_does_not_know_is_named() {
    let properties = BTreeMap::from([("linger.mss".to_owned(), "5".to_owned())]);
    is_refused(KafkaOptions { properties, ..options(ADMIN) }, &["linger.mss"]);
}

#[test]
fn nobody_who_answers_may_come_later() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    for (address, word) in [
        (format!("127.0.0.1:{port}"), format!("127.0.0.1:{port}")),
        ("no-such-host.invalid:9092".to_owned(), "no-such-host.invalid".to_owned()),
    ] {
        let options = KafkaOptions { bootstrap_servers: address, ..KafkaOptions::default() };
        let error = KafkaLog::connect(options).unwrap_err();
        let text = told(&error);
        assert!(text.contains(&word), "{text}");
        assert!(error.is_retryable(), "{text}");
    }
}

#[test]
fn a_topic_that_may_not_be_seen_is_named() {
    let (guest, topic) = (log(GUEST), topic());
    let error = guest.topics().describe(&topic).unwrap_err();
    let text = told(&error);
    assert!(text.contains(&topic) && text.contains("Describe"), "{text}");
    assert!(!error.is_retryable(), "{text}");
}

#[test]
fn a_transactional_id_that_may_not_be_used_is_named() {
    let error = log(GUEST).producer(&fresh("id")).err().unwrap();
    let text = told(&error);
    assert!(text.contains("ransactional"), "{text}");
    assert!(!error.is_retryable(), "{text}");
}

#[test]
fn a_topic_that_may_not_be_written_to_is_named_at_once() {
    let (guest, topic, id) = (log(GUEST), topic(), fresh("id"));
    grant(&["--operation", "Describe", "--topic", &topic]);
    grant(&["--operation", "Describe", "--operation", "Write", "--transactional-id", &id]);
    let mut producer = once_granted(|| guest.producer(&id));
    let (handle, _) = once_granted(|| producer.open(&topic));
    producer.begin().unwrap();
    let record = RecordRef { key: None, value: Some(b"v"), timestamp: 1, headers: &[] };
    producer.write(handle, 0, record).unwrap();
    let began = Instant::now();
    let error = producer.flush().unwrap_err();
    let text = told(&error);
    assert!(text.contains("uthorization failed") && text.contains("Write"), "{text}");
    assert!(!error.is_retryable(), "{text}");
    assert!(began.elapsed() < Duration::from_secs(5), "after {:?}", began.elapsed());
    // The broker knows of no transaction that could be aborted, which finishes the producer.
    assert_eq!(producer.commit(), Commit::Unknown);
}

#[test]
fn a_topic_that_may_not_be_read_is_named() {
    let (guest, topic) = (log(GUEST), topic());
    grant(&["--operation", "Describe", "--topic", &topic]);
    let mut source = guest.source().unwrap();
    once_granted(|| source.assign(&at(&topic), 0));
    let (deadline, mut batch) = (Instant::now() + PATIENCE, RecordBatch::default());
    let error = loop {
        let polled =
            source.poll(PollLimit { records: 10, bytes: 1 << 20 }, Duration::from_secs(1), &mut batch);
        match polled {
            Err(error) => break error,
            Ok(_) => assert!(Instant::now() < deadline, "no error came"),
        }
    };
    let text = told(&error);
    assert!(text.contains(&topic) && text.contains("Read"), "{text}");
    assert!(!error.is_retryable(), "{text}");
}

#[test]
fn a_group_that_may_not_be_used_is_named() {
    let (guest, topic, id, group) = (log(GUEST), topic(), fresh("id"), fresh("group"));
    grant(&["--operation", "Describe", "--operation", "Read", "--topic", &topic]);
    grant(&["--operation", "Describe", "--operation", "Write", "--transactional-id", &id]);
    let refused = |error: Error| {
        let text = told(&error);
        assert!(text.contains("roup") && text.contains("Read"), "{text}");
        assert!(!error.is_retryable(), "{text}");
    };
    let mut source = guest.source().unwrap();
    once_granted(|| source.assign(&at(&topic), 0));
    refused(source.committed(&group, &at(&topic)).unwrap_err());
    let mut producer = once_granted(|| guest.producer(&id));
    producer.begin().unwrap();
    let position = Committed { offset: 1, metadata: String::new() };
    refused(producer.add_offsets(&group, &[(at(&topic), position)]).unwrap_err());
}
