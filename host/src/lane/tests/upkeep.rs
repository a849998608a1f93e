//! What is done for a partition that nothing comes for, while its lane is busy with another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use invoker_core::document::Delivery;
use invoker_core::records::RecordBatch;

use super::native::{Bench, up_to, wait};
use crate::Host;
use crate::log::{Committed, Error, Log, PollLimit, Producer, Slot, Source, TopicPartition, Topics};

const GROUP: &str = "invoker.test.counter";

fn bench(delivery: Delivery) -> Bench {
    let mut bench = Bench::new(delivery);
    bench.stateful = delivery != Delivery::AtMostOnce;
    bench.entity.lanes = 1;
    bench
}

/// `None` while a commit is under way, too.
fn committed(log: &dyn Log, partition: u32) -> Option<u64> {
    let at = TopicPartition { topic: "in".to_owned(), partition };
    log.source().unwrap().committed(GROUP, &at).ok().flatten().map(|at| at.offset)
}

/// Keeps the lane so busy that it never rests, until `done`; how many records that took.
fn busy(bench: &Bench, done: impl Fn() -> bool) -> u64 {
    let (mut fed, stop) = (0, AtomicBool::new(false));
    std::thread::scope(|scope| {
        let feeder = scope.spawn(|| {
            let mut fed = 0;
            while !stop.load(Ordering::SeqCst) {
                bench.feed("in", [("a", "word")]);
                fed += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
            fed
        });
        wait(&done);
        stop.store(true, Ordering::SeqCst);
        fed += feeder.join().unwrap();
    });
    fed
}

fn end(host: Host, bench: &Bench, fed: u64) {
    wait(|| bench.outputs().get("a").is_some_and(|counts| counts.len() as u64 == fed));
    host.stop(Duration::from_secs(10)).unwrap();
    assert_eq!(bench.outputs()["a"], up_to(fed));
}

#[test]
fn where_it_starts_is_committed_though_nothing_comes() {
    for delivery in [Delivery::ExactlyOnce, Delivery::AtLeastOnce, Delivery::AtMostOnce] {
        let bench = bench(delivery);
        let host = bench.start();
        let fed = busy(&bench, || [0, 2].iter().all(|&idle| committed(&*bench.log, idle) == Some(0)));
        end(host, &bench, fed);
    }
}

/// A log whose readers give nothing of partition 2 until it is mended.
struct Deaf {
    log: Arc<dyn Log>,
    is_mended: AtomicBool,
}

struct DeafSource(Box<dyn Source>, bool);

impl Log for Deaf {
    fn topics(&self) -> &dyn Topics {
        self.log.topics()
    }

    fn source(&self) -> Result<Box<dyn Source>, Error> {
        Ok(Box::new(DeafSource(self.log.source()?, !self.is_mended.load(Ordering::SeqCst))))
    }

    fn producer(&self, id: &str) -> Result<Box<dyn Producer>, Error> {
        self.log.producer(id)
    }

    passed_on!();
}

impl Source for DeafSource {
    fn assign(&mut self, partition: &TopicPartition, position: u64) -> Result<Slot, Error> {
        let slot = self.0.assign(partition, position)?;
        if self.1 && partition.partition == 2 {
            self.0.pause(slot);
        }
        Ok(slot)
    }

    fn unassign(&mut self, slot: Slot) {
        self.0.unassign(slot);
    }

    fn seek(&mut self, slot: Slot, position: u64) -> Result<(), Error> {
        self.0.seek(slot, position)
    }

    fn pause(&mut self, slot: Slot) {
        self.0.pause(slot);
    }

    fn resume(&mut self, slot: Slot) {
        self.0.resume(slot);
    }

    fn poll(
        &mut self,
        limit: PollLimit,
        wait: Duration,
        batch: &mut RecordBatch,
    ) -> Result<Option<Slot>, Error> {
        self.0.poll(limit, wait, batch)
    }

    fn position(&self, slot: Slot) -> u64 {
        self.0.position(slot)
    }

    fn bounds(&self, partition: &TopicPartition) -> Result<(u64, u64), Error> {
        self.0.bounds(partition)
    }

    fn offset_for_time(&self, partition: &TopicPartition, timestamp: i64) -> Result<u64, Error> {
        self.0.offset_for_time(partition, timestamp)
    }

    fn committed(&self, group: &str, partition: &TopicPartition) -> Result<Option<Committed>, Error> {
        self.0.committed(group, partition)
    }
}

#[test]
fn one_that_the_source_gives_nothing_of_is_read_anew() {
    let mut bench = bench(Delivery::ExactlyOnce);
    bench.entity.stall_after_ms = Some(1_000);
    let deaf = Arc::new(Deaf { log: bench.log.clone(), is_mended: AtomicBool::new(false) });
    bench.log = deaf.clone();
    // `b` lies in partition 2.
    bench.feed("in", std::iter::repeat_n(("b", "word"), 3));
    let host = bench.start();
    let recoveries = || host.status().entities[0].recoveries;
    let fed = busy(&bench, || recoveries() > 0);
    assert_eq!(bench.outputs().get("b"), None);
    deaf.is_mended.store(true, Ordering::SeqCst);
    wait(|| bench.outputs().get("b").is_some_and(|counts| counts.len() == 3));
    let before = recoveries();
    let more = busy(&bench, || bench.outputs()["a"].len() as u64 > fed + 200);
    assert_eq!(recoveries(), before, "a lane that reads all of its partitions goes on");
    end(host, &bench, fed + more);
}
