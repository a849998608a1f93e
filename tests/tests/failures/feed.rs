//! A steady stream of input.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::types::RDKafkaErrorCode;

/// Lines are handed over this often.
const PACE: Duration = Duration::from_millis(10);

/// Writes until it is told to stop.
pub(crate) struct Feed {
    stop: Arc<AtomicBool>,
    writer: Option<JoinHandle<u64>>,
}

impl Feed {
    /// Writes `per_second` records of about 500 keys. `line` makes the value of a record from its number.
    pub(crate) fn start(
        kafka: &str,
        topic: &str,
        per_second: u64,
        line: impl Fn(u64) -> String + Send + 'static,
    ) -> Self {
        let (kafka, topic) = (kafka.to_owned(), topic.to_owned());
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let writer = std::thread::spawn(move || {
            let mut number = 0;
            let step = per_second * PACE.as_millis() as u64 / 1000;
            write(&kafka, &topic, |text| {
                for _ in 0..step.max(1) {
                    text.push_str(&entry(number, &line(number)));
                    number += 1;
                }
                std::thread::sleep(PACE);
                !stopped.load(Ordering::Relaxed)
            });
            number
        });
        Self { stop, writer: Some(writer) }
    }

    /// Ends it; returns how many records it wrote, all of which Kafka has.
    pub(crate) fn finish(mut self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.writer.take().unwrap().join().unwrap()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A record of a key that depends on its number: some keys come often, most do not.
pub(crate) fn entry(number: u64, value: &str) -> String {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    format!("k{}:{value}\n", (mixed % 23) * ((mixed >> 8) % 23))
}

/// Writes these records at once.
pub(crate) fn write_all(kafka: &str, topic: &str, records: &str) {
    write(kafka, topic, |text| {
        text.push_str(records);
        false
    });
}

/// Writes what `more` appends, until that says that it was the last, and waits until Kafka has it, however long it is
/// away. The partition of a key is found by librdkafka, as a Java client would.
fn write(kafka: &str, topic: &str, mut more: impl FnMut(&mut String) -> bool) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka).set("partitioner", "murmur2_random");
    config.set("enable.idempotence", "true").set("linger.ms", "5").set("message.timeout.ms", "300000");
    let producer: BaseProducer = config.create().unwrap();
    let mut text = String::new();
    loop {
        text.clear();
        let goes_on = more(&mut text);
        for line in text.lines() {
            let (key, value) = line.split_once(':').unwrap();
            let mut record = BaseRecord::to(topic).key(key).payload(value);
            while let Err((error, again)) = producer.send(record) {
                assert_eq!(error.rdkafka_error_code(), Some(RDKafkaErrorCode::QueueFull), "{error}");
                producer.poll(PACE);
                record = again;
            }
        }
        producer.poll(Duration::ZERO);
        if !goes_on {
            return producer.flush(Duration::from_secs(120)).unwrap();
        }
    }
}
