//! Lanes whose partitions a group deals out: what the log's member says is said by the test.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, unbounded};
use invoker_core::document::{Delivery, InputDocument};
use invoker_core::topology::Assignment;

use super::native::{Bench, PARTITIONS, wait};
use crate::log::{self, Dealt, Log, Member, Producer, Source, TopicSpec, Topics};
use crate::{Host, PartitionState, StartError};

const DEADLINE: Duration = Duration::from_secs(10);

/// A log of which the test is the group.
#[derive(Clone)]
struct Dealer {
    log: Arc<dyn Log>,
    says: Receiver<Result<Dealt, ()>>,
    /// Whether what was taken is let go of.
    let_go: Sender<()>,
    joined: Arc<Mutex<Vec<String>>>,
    /// Topics cannot be looked at.
    blind: Arc<AtomicBool>,
}

impl Topics for Dealer {
    fn describe(&self, topic: &str) -> Result<Option<log::Topic>, log::Error> {
        match self.blind.load(Ordering::SeqCst) {
            true => Err(log::Error::TimedOut { what: "a topic".to_owned() }),
            false => self.log.topics().describe(topic),
        }
    }

    fn list(&self) -> Result<Vec<log::Topic>, log::Error> {
        self.log.topics().list()
    }

    fn create(&self, spec: &TopicSpec) -> Result<(), log::Error> {
        self.log.topics().create(spec)
    }
}

impl Log for Dealer {
    fn topics(&self) -> &dyn Topics {
        self
    }

    fn source(&self) -> Result<Box<dyn Source>, log::Error> {
        self.log.source()
    }

    fn producer(&self, id: &str) -> Result<Box<dyn Producer>, log::Error> {
        self.log.producer(id)
    }

    passed_on!();

    fn join(&self, group: &str, name: &str, topic: &str) -> Result<Box<dyn Member>, log::Error> {
        self.joined.lock().unwrap().push(format!("{name} of {group} for {topic}"));
        Ok(Box::new(self.clone()))
    }
}

impl Member for Dealer {
    fn poll(&mut self, wait: Duration) -> Result<Option<Dealt>, log::Error> {
        match self.says.recv_timeout(wait) {
            Ok(Ok(dealt)) => Ok(Some(dealt)),
            Ok(Err(())) => Err(log::Error::TimedOut { what: "anything".to_owned() }),
            Err(_) => Ok(None),
        }
    }

    fn let_go(&mut self) -> Result<(), log::Error> {
        self.let_go.send(()).unwrap();
        Ok(())
    }
}

/// An entity of a group, and who is the group.
struct Table {
    bench: Bench,
    says: Sender<Result<Dealt, ()>>,
    let_go: Receiver<()>,
    joined: Arc<Mutex<Vec<String>>>,
    blind: Arc<AtomicBool>,
}

impl Table {
    fn new() -> Self {
        let mut bench = Bench::new(Delivery::ExactlyOnce);
        bench.stateful = false;
        bench.entity.assignment = Assignment::Group;
        bench.entity.partitions.clear();
        let ((say, says), (release, let_go)) = (unbounded(), unbounded());
        let (joined, blind) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<AtomicBool>::default());
        let (log, told) = (Arc::clone(&bench.log), Arc::clone(&joined));
        bench.log = Arc::new(Dealer { log, says, let_go: release, joined: told, blind: blind.clone() });
        Self { bench, says: say, let_go, joined, blind }
    }

    /// The second input has two partitions.
    fn with_a_shorter_input() -> Self {
        let mut table = Self::new();
        let spec = TopicSpec { name: "short".to_owned(), partitions: 2, ..TopicSpec::default() };
        table.bench.log.topics().create(&spec).unwrap();
        let second = InputDocument { topic: "short".to_owned(), start: Default::default() };
        table.bench.entity.inputs.push(second);
        table
    }

    fn say(&self, dealt: Dealt) {
        self.says.send(Ok(dealt)).unwrap();
    }
}

fn feed(bench: &Bench, words: usize) {
    bench.feed("in", ["a", "b", "c"].iter().flat_map(|key| std::iter::repeat_n((*key, "word"), words)));
}

fn running(host: &Host) -> Vec<u32> {
    let entity = host.status().entities.remove(0);
    let runs = entity.partitions.into_iter().filter(|at| at.state == PartitionState::Running);
    runs.map(|at| at.partition).collect()
}

fn is_unassigned(host: &Host) -> bool {
    host.status().entities[0].unassigned
}

#[test]
fn alone_on_a_log_a_host_has_all() {
    let mut bench = Bench::new(Delivery::ExactlyOnce);
    bench.stateful = false;
    bench.entity.assignment = Assignment::Group;
    bench.entity.partitions.clear();
    let host = bench.start();
    feed(&bench, 50);
    wait(|| running(&host) == [0, 1, 2]);
    wait(|| bench.is_done());
    host.stop(DEADLINE).unwrap();
    assert_eq!(bench.outputs()["a"].len(), 50);
}

#[test]
fn partitions_come_and_go_as_the_group_says() {
    let table = Table::new();
    let host = table.bench.start();
    assert!(is_unassigned(&host));
    table.say(Dealt::Given(vec![0, 1, 2]));
    feed(&table.bench, 50);
    wait(|| running(&host) == [0, 1, 2] && !is_unassigned(&host));
    table.say(Dealt::Taken(vec![0, 1]));
    table.let_go.recv_timeout(DEADLINE).unwrap();
    assert_eq!(running(&host), [2], "they are let go of before the group hears that");
    table.say(Dealt::Given(vec![0]));
    wait(|| running(&host) == [0, 2]);
    table.say(Dealt::Lost(vec![0, 2]));
    table.let_go.recv_timeout(DEADLINE).unwrap();
    assert!(running(&host).is_empty() && is_unassigned(&host));
    table.say(Dealt::Given(vec![0, 1, 2]));
    wait(|| table.bench.is_done());
    host.stop(DEADLINE).unwrap();
    for key in ["a", "b", "c"] {
        assert_eq!(table.bench.outputs()[key].len(), 50, "{key}");
    }
    assert_eq!(*table.joined.lock().unwrap(), ["local of invoker.test.counter for in"]);
}

#[test]
fn a_membership_that_ends_is_made_anew() {
    let table = Table::new();
    let host = table.bench.start();
    table.say(Dealt::Given(vec![0, 1, 2]));
    wait(|| running(&host) == [0, 1, 2]);
    table.says.send(Err(())).unwrap();
    wait(|| is_unassigned(&host) && running(&host).is_empty());
    wait(|| table.joined.lock().unwrap().len() == 2);
    table.say(Dealt::Given(vec![1]));
    wait(|| running(&host) == [1]);
    host.stop(DEADLINE).unwrap();
}

#[test]
fn what_the_group_says_is_its_own_is_taken_back() {
    let table = Table::new();
    let host = table.bench.start();
    table.say(Dealt::Given(vec![0, 1, 2]));
    wait(|| running(&host) == [0, 1, 2]);
    // A host that the group has forgotten, and that has not heard of it.
    let mut document = table.bench.document(1);
    document.host = "forgotten".to_owned();
    document.entities[0].assignment = Assignment::Owned;
    document.entities[0].partitions = vec![1];
    let backends = crate::Backends { log: table.bench.log.clone(), state: table.bench.state.clone() };
    let forgotten = Host::start(document, table.bench.programs(), backends).unwrap();
    let fed = Cell::new(0);
    wait(|| {
        // Who has nothing to commit does not notice.
        feed(&table.bench, 1);
        fed.set(fed.get() + 1);
        forgotten.status().entities[0].partitions[0].state == PartitionState::Taken
    });
    wait(|| running(&host) == [0, 1, 2] && table.bench.is_done());
    forgotten.stop(DEADLINE).unwrap();
    host.stop(DEADLINE).unwrap();
    assert_eq!(table.bench.outputs()["b"].len(), fed.get());
}

#[test]
fn a_partition_waits_until_every_input_has_it() {
    let table = Table::with_a_shorter_input();
    let host = table.bench.start();
    table.say(Dealt::Given(vec![0, 1, 2]));
    wait(|| running(&host) == [0, 1]);
    host.stop(DEADLINE).unwrap();
}

#[test]
fn an_input_that_cannot_be_looked_at_counts_as_it_was_last_seen() {
    let table = Table::with_a_shorter_input();
    let host = table.bench.start();
    let is_blind = |blind| table.blind.store(blind, Ordering::SeqCst);
    is_blind(true);
    table.say(Dealt::Given(vec![0, 1, 2]));
    wait(|| !is_unassigned(&host));
    assert!(host.status().entities[0].partitions.is_empty(), "never seen: nothing is known to be there");
    is_blind(false);
    wait(|| running(&host) == [0, 1]);
    is_blind(true);
    for dealt in [Dealt::Taken(vec![1, 2]), Dealt::Taken(vec![0])] {
        table.say(dealt);
        table.let_go.recv_timeout(DEADLINE).unwrap();
    }
    table.say(Dealt::Given(vec![1, 2]));
    wait(|| !host.status().entities[0].partitions.is_empty());
    let expected: Vec<u32> = host.status().entities[0].partitions.iter().map(|at| at.partition).collect();
    assert_eq!(expected, [1], "as it was seen before");
    is_blind(false);
    wait(|| running(&host) == [1]);
    host.stop(DEADLINE).unwrap();
}

#[test]
fn a_host_of_a_group_ends_while_partitions_move() {
    let table = Table::new();
    let host = table.bench.start();
    feed(&table.bench, 500);
    for partition in 0..PARTITIONS {
        table.say(Dealt::Given(vec![partition]));
        table.say(Dealt::Taken(vec![partition]));
    }
    table.say(Dealt::Given(vec![0, 1, 2]));
    wait(|| !running(&host).is_empty());
    let began = Instant::now();
    host.stop(DEADLINE).unwrap();
    assert!(began.elapsed() < DEADLINE);
}

#[test]
fn state_is_not_for_a_group() {
    let mut table = Table::new();
    table.bench.stateful = true;
    let backends = crate::Backends { log: table.bench.log.clone(), state: table.bench.state.clone() };
    let error = Host::start(table.bench.document(1), table.bench.programs(), backends).unwrap_err();
    assert!(matches!(&error, StartError::StateInGroup { entity, .. } if entity == "counter"), "{error}");
}
