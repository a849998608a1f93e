//! Inputs that get more partitions under an entity. An embedded topic never does, so here one shows only some at first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use invoker_core::document::{Delivery, InputDocument, OnPartitionChange};

use super::native::{Bench, PARTITIONS, up_to, wait};
use crate::log::{Error, Log, Producer, Source, Topic, TopicSpec, Topics};
use crate::{Host, PartitionState};

const DEADLINE: Duration = Duration::from_secs(10);
const GROWN: u32 = 2 * PARTITIONS;

/// A log whose topics `in` and `in2` show so many of their partitions.
struct Growing {
    log: Arc<dyn Log>,
    shown: [AtomicU32; 2],
}

impl Topics for Growing {
    fn describe(&self, topic: &str) -> Result<Option<Topic>, Error> {
        let shown = match topic {
            "in" => self.shown[0].load(Ordering::Relaxed),
            "in2" => self.shown[1].load(Ordering::Relaxed),
            _ => GROWN,
        };
        let known = self.log.topics().describe(topic)?;
        Ok(known.map(|topic| Topic { partitions: shown, ..topic }))
    }

    fn list(&self) -> Result<Vec<Topic>, Error> {
        self.log.topics().list()
    }

    fn create(&self, spec: &TopicSpec) -> Result<(), Error> {
        self.log.topics().create(spec)
    }
}

impl Log for Growing {
    fn topics(&self) -> &dyn Topics {
        self
    }

    fn source(&self) -> Result<Box<dyn Source>, Error> {
        self.log.source()
    }

    fn producer(&self, id: &str) -> Result<Box<dyn Producer>, Error> {
        self.log.producer(id)
    }

    passed_on!();
}

fn bench(policy: OnPartitionChange) -> (Bench, Arc<Growing>) {
    let mut bench = Bench::with_topics_of(Delivery::ExactlyOnce, GROWN);
    bench.entity.on_partition_change = policy;
    let shown = [AtomicU32::new(PARTITIONS), AtomicU32::new(PARTITIONS)];
    let log = Arc::new(Growing { log: bench.log.clone(), shown });
    bench.log = log.clone();
    (bench, log)
}

/// The first byte of a key is its partition, of three and of six: `a` 1 and 1, `b` 2 and 2, `c` 0 and 3.
fn feed(bench: &Bench) {
    bench.feed("in", ["a", "b", "c"].iter().flat_map(|key| std::iter::repeat_n((*key, "word"), 10)));
}

fn stopped(host: &Host) -> Vec<String> {
    let partitions = host.status().entities.remove(0).partitions;
    let error = |state| if let PartitionState::Stopped { error } = state { Some(error) } else { None };
    partitions.into_iter().filter_map(|partition| error(partition.state)).collect()
}

fn running(host: &Host) -> usize {
    let partitions = host.status().entities.remove(0).partitions;
    partitions.iter().filter(|partition| partition.state == PartitionState::Running).count()
}

/// The first one hundred counts of `c` are in partition 0, where it does not come any more.
fn started_anew(bench: &Bench) {
    let outputs = bench.outputs();
    assert_eq!((&outputs["a"], &outputs["b"]), (&up_to(20), &up_to(20)));
    assert_eq!(outputs["c"], [up_to(10), up_to(10)].concat());
}

#[test]
fn an_entity_with_state_stops_when_its_input_grows() {
    let (bench, log) = bench(OnPartitionChange::Stop);
    feed(&bench);
    let mut host = bench.start();
    wait(|| bench.is_done());
    log.shown[0].store(GROWN, Ordering::Relaxed);
    wait(|| stopped(&host).len() == PARTITIONS as usize);
    let error = stopped(&host).remove(0);
    assert!(error.contains("written with 3 partitions and the inputs now have 6"), "{error}");
    assert!(error.contains("onPartitionChange: stop"), "{error}");
    assert_eq!(host.take_up_growth(DEADLINE).unwrap(), Vec::<String>::new());
    host.stop(DEADLINE).unwrap();
    // And it stays so when the document knows of all of them.
    let mut bench = bench;
    (bench.entity.partition_count, bench.entity.partitions) = (GROWN, (0..GROWN).collect());
    let host = bench.start();
    // The new ones, too: the keys that are in them now have their state elsewhere.
    wait(|| stopped(&host).len() == GROWN as usize);
    host.stop(DEADLINE).unwrap();
}

#[test]
fn accepted_growth_is_taken_up_while_the_host_runs() {
    let (bench, log) = bench(OnPartitionChange::Accept);
    feed(&bench);
    let mut host = bench.start();
    wait(|| bench.is_done());
    log.shown[0].store(GROWN, Ordering::Relaxed);
    feed(&bench);
    let mut told = Vec::new();
    let began = std::time::Instant::now();
    while told.is_empty() {
        assert!(began.elapsed() < DEADLINE, "growth was not seen");
        told = host.take_up_growth(DEADLINE).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(
        told,
        ["entity \"counter\": the inputs have grown from 3 to 6 partitions, all of which are read"]
    );
    wait(|| bench.is_done() && running(&host) == GROWN as usize);
    assert_eq!(host.take_up_growth(DEADLINE).unwrap(), Vec::<String>::new());
    host.stop(DEADLINE).unwrap();
    started_anew(&bench);
    // It is noted, so that the next host has nothing to accept.
    let mut bench = bench;
    bench.entity.on_partition_change = OnPartitionChange::Stop;
    (bench.entity.partition_count, bench.entity.partitions) = (GROWN, (0..GROWN).collect());
    let host = bench.start();
    wait(|| running(&host) == GROWN as usize);
    host.stop(DEADLINE).unwrap();
}

#[test]
fn an_entity_without_state_takes_what_is_new() {
    let (mut bench, log) = bench(OnPartitionChange::Stop);
    bench.stateful = false;
    let mut host = bench.start();
    wait(|| running(&host) == PARTITIONS as usize);
    log.shown[0].store(GROWN, Ordering::Relaxed);
    feed(&bench);
    let began = std::time::Instant::now();
    while host.take_up_growth(DEADLINE).unwrap().is_empty() {
        assert!(began.elapsed() < DEADLINE, "growth was not seen");
        std::thread::sleep(Duration::from_millis(5));
    }
    wait(|| bench.is_done() && running(&host) == GROWN as usize);
    host.stop(DEADLINE).unwrap();
}

#[test]
fn a_host_that_shares_an_entity_goes_on_with_the_partitions_it_has() {
    let (mut bench, log) = bench(OnPartitionChange::Accept);
    bench.entity.partitions = vec![0, 1];
    let mut host = bench.start();
    wait(|| running(&host) == 2);
    log.shown[0].store(GROWN, Ordering::Relaxed);
    bench.feed("in", [("a", "word")]);
    wait(|| bench.outputs().contains_key("a"));
    assert_eq!(host.take_up_growth(DEADLINE).unwrap(), Vec::<String>::new());
    assert_eq!(running(&host), 2);
    host.stop(DEADLINE).unwrap();
}

#[test]
fn inputs_of_unequal_counts_stop_an_entity_with_state_until_they_are_equal() {
    let (mut bench, log) = bench(OnPartitionChange::Accept);
    bench.entity.inputs.push(InputDocument { topic: "in2".to_owned(), start: Default::default() });
    let mut host = bench.start();
    wait(|| running(&host) == PARTITIONS as usize);
    log.shown[0].store(GROWN, Ordering::Relaxed);
    wait(|| stopped(&host).len() == PARTITIONS as usize);
    let error = stopped(&host).remove(0);
    assert!(error.starts_with("\"in\" has 6 partitions and \"in2\" has 3, so a key of one"), "{error}");
    assert_eq!(host.take_up_growth(DEADLINE).unwrap(), Vec::<String>::new());
    log.shown[1].store(GROWN, Ordering::Relaxed);
    wait(|| running(&host) == PARTITIONS as usize);
    assert_eq!(host.take_up_growth(DEADLINE).unwrap().len(), 1);
    wait(|| running(&host) == GROWN as usize);
    host.stop(DEADLINE).unwrap();
}
