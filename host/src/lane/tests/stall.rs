//! Lanes that hang in a call of the log, and what comes in their places.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use invoker_core::document::Delivery;
use invoker_core::records::RecordRef;

use super::native::{Bench, up_to, wait};
use crate::log::{Commit, Committed, Error, Log, Producer, Source, TopicHandle, TopicPartition, Topics};
use crate::stop::Stop;
use crate::{EntityStatus, Host, PartitionState};

/// A log of which one producer never comes back from a call, as happens to clients of Kafka.
struct Sticky {
    log: Arc<dyn Log>,
    /// The next call hangs.
    armed: Arc<AtomicBool>,
    /// Ends all calls that hang.
    release: Stop,
}

struct StickyProducer {
    inner: Box<dyn Producer>,
    armed: Arc<AtomicBool>,
    release: Stop,
}

impl Log for Sticky {
    fn topics(&self) -> &dyn Topics {
        self.log.topics()
    }

    fn source(&self) -> Result<Box<dyn Source>, Error> {
        self.log.source()
    }

    fn producer(&self, id: &str) -> Result<Box<dyn Producer>, Error> {
        let (armed, release) = (self.armed.clone(), self.release.clone());
        Ok(Box::new(StickyProducer { inner: self.log.producer(id)?, armed, release }))
    }

    passed_on!();
}

impl Producer for StickyProducer {
    fn open(&mut self, topic: &str) -> Result<(TopicHandle, u32), Error> {
        self.inner.open(topic)
    }

    fn record_limit(&self, topic: TopicHandle) -> usize {
        self.inner.record_limit(topic)
    }

    fn begin(&mut self) -> Result<(), Error> {
        self.inner.begin()
    }

    fn write(&mut self, topic: TopicHandle, partition: u32, record: RecordRef<'_>) -> Result<(), Error> {
        self.inner.write(topic, partition, record)
    }

    fn pending_bytes(&self) -> usize {
        self.inner.pending_bytes()
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.inner.flush()
    }

    fn add_offsets(&mut self, group: &str, offsets: &[(TopicPartition, Committed)]) -> Result<(), Error> {
        if self.armed.swap(false, Ordering::SeqCst) {
            while !self.release.requested() {
                self.release.wait(Duration::from_secs(1));
            }
        }
        self.inner.add_offsets(group, offsets)
    }

    fn commit(&mut self) -> Commit {
        self.inner.commit()
    }

    fn abort(&mut self) -> Result<(), Error> {
        self.inner.abort()
    }
}

const KEYS: [&str; 3] = ["a", "b", "c"];

/// A bench whose log hangs when it is told to.
struct Trap {
    bench: Bench,
    armed: Arc<AtomicBool>,
    release: Stop,
}

impl Trap {
    fn new() -> Self {
        let mut bench = Bench::new(Delivery::ExactlyOnce);
        bench.entity.lanes = 1;
        bench.entity.stall_after_ms = Some(200);
        let (armed, release) = (Arc::<AtomicBool>::default(), Stop::default());
        bench.log =
            Arc::new(Sticky { log: bench.log.clone(), armed: armed.clone(), release: release.clone() });
        Self { bench, armed, release }
    }

    fn feed(&self) {
        let records = KEYS.iter().flat_map(|key| std::iter::repeat_n((*key, "word"), 50));
        self.bench.feed("in", records);
    }
}

fn status(host: &Host) -> EntityStatus {
    host.status().entities.remove(0)
}

fn runs(host: &Host) -> bool {
    status(host).partitions.iter().all(|partition| partition.state == PartitionState::Running)
}

#[test]
fn a_lane_that_hangs_is_replaced_and_nothing_is_lost_or_repeated() {
    let trap = Trap::new();
    trap.feed();
    let host = Mutex::new(trap.bench.start());
    let tend = || host.lock().unwrap().tend().unwrap();
    wait(|| trap.bench.is_done());
    trap.armed.store(true, Ordering::SeqCst);
    trap.feed();
    let told = Mutex::new(Vec::new());
    wait(|| {
        told.lock().unwrap().extend(tend());
        trap.bench.is_done()
    });
    let text = told.lock().unwrap().join("; ");
    assert!(text.starts_with("entity \"counter\": lane 0 adds positions to a transaction for "), "{text}");
    assert!(text.contains("partitions [0, 1, 2] wait; it is left behind"), "{text}");
    assert_eq!(status(&host.lock().unwrap()).stalls, 1);
    // The one that was left behind wakes: it has no say any more, and ends.
    trap.release.request();
    wait(|| {
        tend();
        host.lock().unwrap().left_behind() == 0
    });
    trap.feed();
    wait(|| trap.bench.is_done());
    let host = host.into_inner().unwrap();
    assert!(runs(&host), "{:?}", status(&host));
    assert_eq!(status(&host).stalls, 1);
    host.stop(Duration::from_secs(10)).unwrap();
    KEYS.iter().for_each(|key| assert_eq!(trap.bench.outputs()[*key], up_to(150), "{key}"));
}

#[test]
fn a_lane_that_does_not_end_in_time_is_left_behind_and_has_no_say() {
    let mut trap = Trap::new();
    trap.bench.entity.lanes = 2;
    trap.feed();
    let host = Mutex::new(trap.bench.start());
    let locked = || host.lock().unwrap();
    wait(|| trap.bench.is_done());
    trap.armed.store(true, Ordering::SeqCst);
    // The second lane has that key's partition alone.
    trap.bench.feed("in", std::iter::repeat_n(("a", "word"), 50));
    wait(|| !trap.armed.load(Ordering::SeqCst));
    trap.bench.entity.lanes = 1;
    let (document, deadline) = (trap.bench.document(2), Duration::from_millis(100));
    let change = locked().apply(document, trap.bench.programs(), deadline).unwrap();
    assert_eq!((change.reassigned.len(), change.late, locked().left_behind()), (1, 1, 1));
    wait(|| trap.bench.is_done() && runs(&locked()));
    trap.release.request();
    wait(|| {
        assert!(locked().tend().unwrap().is_empty());
        assert!(runs(&locked()), "what the lane that was left behind thinks: {:?}", status(&locked()));
        locked().left_behind() == 0
    });
    trap.bench.feed("in", std::iter::repeat_n(("b", "word"), 50));
    wait(|| trap.bench.is_done());
    host.into_inner().unwrap().stop(Duration::from_secs(10)).unwrap();
    for (key, count) in [("a", 100), ("b", 100), ("c", 50)] {
        assert_eq!(trap.bench.outputs()[key], up_to(count), "{key}");
    }
}

#[test]
fn a_lane_in_place_of_another_leaves_alone_what_another_host_was_given_meanwhile() {
    let trap = Trap::new();
    trap.feed();
    let mut host = trap.bench.start();
    wait(|| trap.bench.is_done());
    trap.armed.store(true, Ordering::SeqCst);
    trap.feed();
    wait(|| !trap.armed.load(Ordering::SeqCst));
    let mut document = trap.bench.document(1);
    document.host = "other".to_owned();
    document.entities[0].partitions = vec![1];
    let backends = crate::Backends { log: trap.bench.log.clone(), state: trap.bench.state.clone() };
    let other = Host::start(document, trap.bench.programs(), backends).unwrap();
    wait(|| runs(&other));
    let replaced = |host: &mut Host| host.tend().unwrap().len() == 1;
    let began = std::time::Instant::now();
    while !replaced(&mut host) {
        assert!(began.elapsed() < Duration::from_secs(30));
    }
    wait(|| trap.bench.is_done());
    let states: Vec<_> = status(&host).partitions.into_iter().map(|at| at.state).collect();
    assert_eq!(states, [PartitionState::Running, PartitionState::Taken, PartitionState::Running]);
    assert!(runs(&other), "{:?}", status(&other));
    trap.release.request();
    host.stop(Duration::from_secs(10)).unwrap();
    other.stop(Duration::from_secs(10)).unwrap();
    KEYS.iter().for_each(|key| assert_eq!(trap.bench.outputs()[*key], up_to(100), "{key}"));
}

#[test]
fn a_lane_that_hangs_is_left_alone_while_nothing_waits_for_it() {
    let trap = Trap::new();
    // A position that was chosen is committed though no record comes, and that hangs.
    trap.armed.store(true, Ordering::SeqCst);
    let mut host = trap.bench.start();
    wait(|| !trap.armed.load(Ordering::SeqCst));
    std::thread::sleep(Duration::from_millis(300));
    assert!(host.tend().unwrap().is_empty());
    trap.feed();
    assert_eq!(host.tend().unwrap().len(), 1);
    wait(|| trap.bench.is_done());
    trap.release.request();
    host.stop(Duration::from_secs(10)).unwrap();
    KEYS.iter().for_each(|key| assert_eq!(trap.bench.outputs()[*key], up_to(50), "{key}"));
}

#[test]
fn a_lane_that_waits_for_a_retry_or_has_stopped_does_not_hang() {
    let mut bench = Bench::new(Delivery::ExactlyOnce);
    bench.entity.lanes = 1;
    bench.entity.stall_after_ms = Some(200);
    bench.entity.retry.backoff_ms = 600_000;
    bench.entity.retry.max_backoff_ms = 600_000;
    bench.feed("in", [("a", "transient:1")]);
    let mut host = bench.start();
    wait(|| matches!(status(&host).partitions[1].state, PartitionState::Retrying { .. }));
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(host.tend().unwrap(), Vec::<String>::new());
    host.stop(Duration::from_secs(10)).unwrap();
}
