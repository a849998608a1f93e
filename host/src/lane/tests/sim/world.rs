//! Hosts, servers and the director that decides who goes on and what goes wrong. What must hold at the end is checked
//! here, against counts that are made here.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::Sender;
use invoker_core::document::{Delivery, InputDocument};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::super::native::{Bench, Counter, up_to};
use super::controls::Control;
use super::log::SimLog;
use super::schedule::{Crashed, FAULTS, Fate, HostId, Schedule};
use super::state::{Shared, SimState};
use crate::lane::{Claims, Command, LaneSpec};
use crate::log::TopicPartition;
use crate::report::{PartitionState, Report};
use crate::state::StateStore;
use crate::stop::Stop;

/// Partitions of the entity under test.
const PARTITIONS: [u32; 2] = [0, 1];
const GROUP: &str = "invoker.test.counter";
/// Steps after which a run that has not ended gets another host, and how many it gets before it counts as stuck: a
/// host that started late, or was told to let go, may have taken a partition from the one before.
const PATIENCE: usize = 2_000;
const HELPERS: usize = 4;

/// One simulated run.
pub(super) struct World {
    pub(super) bench: Bench,
    pub(super) shared: Shared,
    schedule: Schedule,
    control: Control,
    hosts: Vec<Running>,
    /// Whether the log ends transactions that have been open for long. It always does; but where a taker must have
    /// fenced whoever left one open, waiting for that would hide that it did not.
    pub(super) times_out: bool,
    /// Per key, how often it must have been counted.
    wanted: BTreeMap<String, u64>,
    dead: usize,
}

struct Running {
    thread: Option<JoinHandle<()>>,
    commands: Sender<Command>,
    report: Arc<Report>,
    stop: Stop,
    /// The director leaves it alone until this step.
    frozen_until: usize,
    over: bool,
}

fn transactional_id(host: HostId) -> String {
    format!("host-{host}")
}

/// What is wrong at the end.
pub(super) type Violation = String;

impl World {
    /// `inputs` topics are read, of which the first alone has records.
    pub(super) fn new(delivery: Delivery, control: Control, inputs: usize) -> Self {
        let mut bench = Bench::new(delivery);
        bench.entity.commit_interval_ms = 0;
        bench.entity.limits.batch_records = 3;
        bench.entity.inputs = ["in", "in2"]
            .into_iter()
            .take(inputs)
            .map(|topic| InputDocument { topic: topic.to_owned(), start: Default::default() })
            .collect();
        let mut world = Self {
            bench,
            shared: Shared::new(),
            schedule: Schedule::default(),
            control,
            hosts: Vec::new(),
            times_out: false,
            wanted: BTreeMap::new(),
            dead: 0,
        };
        world.feed(5);
        world
    }

    /// Adds records: keys of both partitions, among them one that traps.
    pub(super) fn feed(&mut self, rounds: u64) {
        let mut records = Vec::new();
        for round in 0..rounds {
            for key in ["0", "1", "3", "4"] {
                let traps = round == 3 && key == "3";
                records.push((key, if traps { "trap" } else { "word" }));
                *self.wanted.entry(key.to_owned()).or_default() += u64::from(!traps);
                self.dead += usize::from(traps);
            }
        }
        self.bench.feed("in", records);
    }

    /// Starts a host that is to own these partitions.
    pub(super) fn start(&mut self, partitions: &[u32]) -> HostId {
        let host = self.hosts.len();
        let (commands, receiver) = crossbeam_channel::unbounded();
        let (report, stop) = (Arc::new(Report::new(partitions)), Stop::default());
        let spec = LaneSpec {
            deployment: "test".to_owned(),
            group: GROUP.to_owned(),
            transactional_id: transactional_id(host),
            entity: Arc::new(self.bench.entity.clone()),
            program: Arc::new(Counter::new(true)),
            settings: Vec::new(),
            claims: Claims::of(partitions),
            log: Arc::new(SimLog {
                log: self.bench.log.clone(),
                schedule: self.schedule.clone(),
                host,
                control: self.control,
                unfenced: Arc::default(),
            }),
            state: Arc::new(SimState {
                shared: self.shared.clone(),
                schedule: self.schedule.clone(),
                host,
                control: self.control,
                unstaged: Arc::default(),
            }),
            report: report.clone(),
            stop: stop.clone(),
            pulse: Arc::default(),
        };
        self.schedule.add(host);
        let schedule = self.schedule.clone();
        let thread = std::thread::spawn(move || {
            let ended = catch_unwind(AssertUnwindSafe(|| crate::lane::run(&spec, &receiver)));
            schedule.end(host);
            if let Err(panic) = ended
                && !panic.is::<Crashed>()
            {
                std::panic::resume_unwind(panic);
            }
        });
        let thread = Some(thread);
        self.hosts.push(Running { thread, commands, report, stop, frozen_until: 0, over: false });
        host
    }

    /// Hosts that can go on at this step, with what they are about to do.
    pub(super) fn ready(&self, step: usize) -> Vec<(HostId, &'static str)> {
        let thawed =
            |(host, _): &(HostId, _)| self.hosts.get(*host).is_some_and(|host| host.frozen_until <= step);
        self.schedule.waiting().into_iter().filter(thawed).collect()
    }

    pub(super) fn step(&self, host: HostId, fate: Fate) {
        self.schedule.step(host, fate);
    }

    pub(super) fn freeze(&mut self, host: HostId, until: usize) {
        self.hosts[host].frozen_until = until;
    }

    /// Tells a host which partitions to own.
    pub(super) fn assign(&self, host: HostId, partitions: &[u32]) {
        let (done, _) = crossbeam_channel::bounded(0);
        drop(self.hosts[host].commands.send(Command::Assign { partitions: partitions.to_vec(), done }));
    }

    /// Asks a host to end in order.
    pub(super) fn stop(&mut self, host: HostId) {
        self.hosts[host].stop.request();
        self.hosts[host].over = true;
    }

    /// Whether every record is accounted for.
    fn is_drained(&self) -> bool {
        let source = self.bench.log.source().unwrap();
        PARTITIONS.iter().all(|&partition| {
            self.bench.entity.inputs.iter().all(|input| {
                let tp = TopicPartition { topic: input.topic.clone(), partition };
                let Ok(committed) = source.committed(GROUP, &tp) else { return false };
                committed.is_some_and(|committed| committed.offset == source.bounds(&tp).unwrap().1)
            })
        })
    }

    /// A partition that a host gave up although nothing may make it do so.
    fn stopped(&self) -> Option<Violation> {
        self.hosts.iter().enumerate().find_map(|(host, running)| {
            running.report.snapshot("counter").partitions.into_iter().find_map(|at| match at.state {
                PartitionState::Stopped { error } => {
                    Some(format!("host {host} stopped partition {}: {error}", at.partition))
                }
                _ => None,
            })
        })
    }

    /// Nothing goes wrong any more: a last host takes everything and works it off, while the others go on too.
    pub(super) fn settle(&mut self, mut step: usize, rng: &mut SmallRng) -> Result<(), Violation> {
        self.hosts.iter_mut().for_each(|host| host.frozen_until = 0);
        let calm = step;
        self.start(&PARTITIONS);
        while !(self.is_drained() && self.schedule.late() == 0) {
            step += 1;
            if (step - calm).is_multiple_of(PATIENCE) {
                if step - calm > PATIENCE * HELPERS {
                    return Err(format!("stuck: {:?}", self.ready(step)));
                }
                if self.times_out {
                    self.end_transactions();
                }
                self.start(&PARTITIONS);
            }
            self.go_on(step, rng);
            if let Some(violation) = self.stopped() {
                return Err(violation);
            }
        }
        self.kill_all();
        self.close(step)
    }

    /// What dead hosts left open is closed, and what they left staged is settled, by one more take.
    fn close(&mut self, step: usize) -> Result<(), Violation> {
        self.end_transactions();
        let last = self.start(&PARTITIONS);
        let own = |running: &Running| {
            let partitions = running.report.snapshot("counter").partitions;
            partitions.iter().all(|at| at.state != PartitionState::Starting)
        };
        while !self.ready(step).is_empty() {
            if own(&self.hosts[last]) {
                self.stop(last);
            }
            self.step(last, Fate::Fine);
        }
        self.stopped().map_or(Ok(()), Err)
    }

    /// What a coordinator does when transactions have been open for too long.
    fn end_transactions(&self) {
        let ids: Vec<_> = (0..self.hosts.len()).map(transactional_id).collect();
        self.bench.log.fence(&ids).expect("nothing goes wrong here");
    }

    fn kill_all(&mut self) {
        while let Some((host, _)) = self.schedule.waiting().first() {
            self.schedule.step(*host, Fate::Crash);
        }
    }

    /// One step without a fault.
    pub(super) fn go_on(&self, step: usize, rng: &mut SmallRng) {
        let late = self.schedule.late();
        if late > 0 && rng.random_range(0..4) == 0 {
            return self.schedule.arrive(rng.random_range(0..late));
        }
        let ready = self.ready(step);
        if let Some((host, _)) = ready.get(rng.random_range(0..ready.len().max(1))) {
            self.step(*host, Fate::Fine);
        }
    }

    /// Outputs, state and dead letters are those of a run in which nothing went wrong.
    pub(super) fn check(&self) -> Result<(), Violation> {
        let outputs = self.bench.outputs();
        for (key, &count) in &self.wanted {
            let found = outputs.get(key).cloned().unwrap_or_default();
            if found != up_to(count) {
                return Err(format!("key {key}: {found:?}, not 1 to {count}"));
            }
        }
        self.check_state()?;
        match self.bench.dead().len() {
            dead if dead == self.dead => Ok(()),
            dead => Err(format!("{dead} dead letters, not {}", self.dead)),
        }
    }

    /// The state is that of a run in which nothing went wrong.
    pub(super) fn check_state(&self) -> Result<(), Violation> {
        let store = self.shared.store();
        let mut found = BTreeMap::new();
        for partition in PARTITIONS {
            let scope = crate::state::Scope {
                deployment: "test".to_owned(),
                entity: "counter".to_owned(),
                partition,
            };
            for key in self.wanted.keys() {
                let read = crate::state::Read {
                    scope: &scope,
                    state: "count",
                    kind: crate::state::StateKind::Value,
                    keys: &[Some(key.as_bytes())].into_iter().collect(),
                    fields: &[None].into_iter().collect(),
                };
                let values = store.read(&[read]).unwrap();
                if let Some(value) = values[0].values.get(0) {
                    found.insert(key.clone(), String::from_utf8_lossy(value).parse().unwrap());
                }
            }
        }
        if found == self.wanted { Ok(()) } else { Err(format!("state {found:?}, not {:?}", self.wanted)) }
    }

    /// Every thread of a host ends, in whatever it does.
    pub(super) fn end(mut self) {
        self.kill_all();
        for host in &mut self.hosts {
            if let Some(thread) = host.thread.take() {
                thread.join().expect("a host panicked");
            }
        }
    }
}

/// What a random run is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    /// One exchange in so many goes wrong.
    pub(super) fault: u32,
    /// One step in so many brings a new host, a move, a freeze or a stop.
    pub(super) change: u32,
    /// Whether the store may go back to an earlier moment, once.
    pub(super) goes_back: bool,
    /// Steps before everything calms down.
    pub(super) steps: usize,
}

/// Runs at random until everything is worked off, and says what is wrong then.
pub(super) fn random_run(
    seed: u64,
    delivery: Delivery,
    control: Control,
    weather: Weather,
) -> Result<(), Violation> {
    let mut rng = SmallRng::seed_from_u64(seed);
    let mut world = World::new(delivery, control, 1 + usize::from(seed.is_multiple_of(3)));
    // A store that went back may have forgotten whom to fence.
    world.times_out = weather.goes_back;
    world.start(&PARTITIONS);
    let mut step = 0;
    let mut copy = None;
    let copy_at = rng.random_range(20..weather.steps / 2);
    let back_at = copy_at + rng.random_range(2..60);
    let mut run = || -> Result<(), Violation> {
        while step < weather.steps {
            step += 1;
            if weather.goes_back && step == copy_at {
                copy = Some(world.shared.copy());
            }
            if step == back_at
                && let Some(copy) = &copy
            {
                world.shared.go_back(copy);
            }
            if rng.random_range(0..weather.change) == 0 {
                change(&mut world, step, &mut rng);
            }
            let ready = world.ready(step);
            if rng.random_range(0..weather.fault) == 0
                && let Some((host, _)) = ready.get(rng.random_range(0..ready.len().max(1)))
            {
                world.step(*host, FAULTS[rng.random_range(0..FAULTS.len())]);
            } else {
                world.go_on(step, &mut rng);
            }
            if step % 100 == 0 && step < 400 {
                world.feed(5);
            }
            if let Some(violation) = world.stopped() {
                return Err(violation);
            }
        }
        world.settle(step, &mut rng)?;
        if delivery == Delivery::ExactlyOnce { world.check() } else { Ok(()) }
    };
    let result = run();
    world.end();
    match result {
        // A store that went back may be noticed: the partition stops, and nothing wrong was written.
        Err(violation) if weather.goes_back && violation.contains("disagree") => Ok(()),
        result => result,
    }
}

/// Something that an operator or the weather does.
fn change(world: &mut World, step: usize, rng: &mut SmallRng) {
    let alive: BTreeSet<HostId> = world.ready(usize::MAX).into_iter().map(|(host, _)| host).collect();
    let alive: Vec<HostId> = alive.into_iter().filter(|&host| !world.hosts[host].over).collect();
    let some = [&PARTITIONS[..], &PARTITIONS[..1], &PARTITIONS[1..], &[]][rng.random_range(0..4)];
    // Where it hurts most: a host in the middle of a commit.
    let commits = |host: &&HostId| {
        world
            .ready(usize::MAX)
            .iter()
            .any(|(ready, what)| ready == *host && ["stage", "commit"].contains(what))
    };
    let any = alive.get(rng.random_range(0..alive.len().max(1)));
    let host = alive.iter().find(commits).or(any).copied();
    match (rng.random_range(0..5), host) {
        (0 | 1, _) | (_, None) if alive.len() < 4 => {
            world.start(if some.is_empty() { &PARTITIONS } else { some });
        }
        (2, Some(host)) => world.freeze(host, step + rng.random_range(5..100)),
        (3, Some(host)) => world.assign(host, some),
        (4, Some(host)) => world.stop(host),
        _ => {}
    }
}
