//! Kafka as the record log: the facts that hold for every log.

#![expect(clippy::unwrap_used, reason = "these are tests")]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use invoker_host::log::conformance::Subject;
use invoker_host::log::{KafkaLog, KafkaOptions};
use invoker_host::log_conformance;

static SUBJECT: LazyLock<Subject> = LazyLock::new(|| {
    let bootstrap_servers = invoker_tests::servers::kafka().unwrap();
    let log = KafkaLog::connect(KafkaOptions { bootstrap_servers, ..KafkaOptions::default() }).unwrap();
    Subject::new(Arc::new(log), Duration::from_secs(10))
});

log_conformance!(kafka, ((), SUBJECT.clone()));
