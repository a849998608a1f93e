//! The lane over a log and a store that lose requests and answers: whatever is lost, every record counts once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use invoker_core::commit::{CommitId, Token};
use invoker_core::document::Delivery;
use invoker_core::records::{RecordBatch, RecordRef};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::native::{Bench, up_to};
use crate::log::{
    self, Commit, Committed, Log, PollLimit, Producer, Slot, Source, TopicHandle, TopicPartition, Topics,
};
use crate::state::{
    self, Answer, Applied, Apply, Meta, Page, Read, Scan, Scope, Stage, StateStore, Take, Values,
};

/// Decides what is lost; the same seed decides the same.
#[derive(Clone)]
struct Dice(Arc<Mutex<SmallRng>>);

/// What happens to one exchange.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    RequestLost,
    AnswerLost,
}

impl Dice {
    fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(SmallRng::seed_from_u64(seed))))
    }

    fn fate(&self) -> Fate {
        match self.0.lock().unwrap().random_range(0..60) {
            0 => Fate::RequestLost,
            1 => Fate::AnswerLost,
            _ => Fate::Fine,
        }
    }

    fn exchange<T, E>(&self, call: impl FnOnce() -> Result<T, E>, lost: impl Fn() -> E) -> Result<T, E> {
        match self.fate() {
            Fate::Fine => call(),
            Fate::RequestLost => Err(lost()),
            Fate::AnswerLost => call().and_then(|_| Err(lost())),
        }
    }
}

fn log_lost() -> log::Error {
    log::Error::TimedOut { what: "an answer".to_owned() }
}

fn state_lost() -> state::Error {
    state::Error::TimedOut { what: "an answer".to_owned() }
}

struct FaultyLog(Arc<dyn Log>, Dice);
struct FaultySource(Box<dyn Source>, Dice);
struct FaultyProducer(Box<dyn Producer>, Dice);
struct FaultyState(Arc<dyn StateStore>, Dice);

impl Log for FaultyLog {
    fn topics(&self) -> &dyn Topics {
        self.0.topics()
    }
    fn source(&self) -> Result<Box<dyn Source>, log::Error> {
        Ok(Box::new(FaultySource(self.0.source()?, self.1.clone())))
    }
    fn producer(&self, id: &str) -> Result<Box<dyn Producer>, log::Error> {
        let made = self.1.exchange(|| self.0.producer(id), log_lost)?;
        Ok(Box::new(FaultyProducer(made, self.1.clone())))
    }
    fn fence(&self, ids: &[String]) -> Result<(), log::Error> {
        self.1.exchange(|| self.0.fence(ids), log_lost)
    }
    fn delete_group(&self, group: &str) -> Result<(), log::Error> {
        self.0.delete_group(group)
    }
    fn group(&self, group: &str) -> Result<Vec<(TopicPartition, Committed)>, log::Error> {
        self.0.group(group)
    }
}

impl Source for FaultySource {
    fn assign(&mut self, partition: &TopicPartition, position: u64) -> Result<Slot, log::Error> {
        self.0.assign(partition, position)
    }
    fn unassign(&mut self, slot: Slot) {
        self.0.unassign(slot);
    }
    fn seek(&mut self, slot: Slot, position: u64) -> Result<(), log::Error> {
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
    ) -> Result<Option<Slot>, log::Error> {
        self.0.poll(limit, wait, batch)
    }
    fn position(&self, slot: Slot) -> u64 {
        self.0.position(slot)
    }
    fn bounds(&self, partition: &TopicPartition) -> Result<(u64, u64), log::Error> {
        self.0.bounds(partition)
    }
    fn offset_for_time(&self, partition: &TopicPartition, timestamp: i64) -> Result<u64, log::Error> {
        self.0.offset_for_time(partition, timestamp)
    }
    fn committed(&self, group: &str, partition: &TopicPartition) -> Result<Option<Committed>, log::Error> {
        self.1.exchange(|| self.0.committed(group, partition), log_lost)
    }
}

impl Producer for FaultyProducer {
    fn open(&mut self, topic: &str) -> Result<(TopicHandle, u32), log::Error> {
        self.0.open(topic)
    }
    fn record_limit(&self) -> usize {
        self.0.record_limit()
    }
    fn begin(&mut self) -> Result<(), log::Error> {
        self.0.begin()
    }
    fn write(&mut self, topic: TopicHandle, partition: u32, record: RecordRef<'_>) -> Result<(), log::Error> {
        self.0.write(topic, partition, record)
    }
    fn pending_bytes(&self) -> usize {
        self.0.pending_bytes()
    }
    fn flush(&mut self) -> Result<(), log::Error> {
        let Self(inner, dice) = self;
        dice.exchange(|| inner.flush(), log_lost)
    }
    fn add_offsets(
        &mut self,
        group: &str,
        offsets: &[(TopicPartition, Committed)],
    ) -> Result<(), log::Error> {
        let Self(inner, dice) = self;
        dice.exchange(|| inner.add_offsets(group, offsets), log_lost)
    }
    fn commit(&mut self) -> Commit {
        match self.1.fate() {
            Fate::Fine => self.0.commit(),
            Fate::RequestLost => Commit::Unknown,
            Fate::AnswerLost => {
                self.0.commit();
                Commit::Unknown
            }
        }
    }
    fn abort(&mut self) -> Result<(), log::Error> {
        let Self(inner, dice) = self;
        dice.exchange(|| inner.abort(), log_lost)
    }
}

impl StateStore for FaultyState {
    fn owner(&self, scope: &Scope) -> Result<Option<Token>, state::Error> {
        self.1.exchange(|| self.0.owner(scope), state_lost)
    }
    fn take(&self, scope: &Scope, nonce: u64, id: &str, seen: Option<Token>) -> Result<Take, state::Error> {
        self.1.exchange(|| self.0.take(scope, nonce, id, seen), state_lost)
    }
    fn raise(&self, scope: &Scope, token: Token, epoch: u64) -> Result<Answer, state::Error> {
        self.1.exchange(|| self.0.raise(scope, token, epoch), state_lost)
    }
    fn finish(
        &self,
        scope: &Scope,
        token: Token,
        committed: Option<CommitId>,
    ) -> Result<Option<Option<Applied>>, state::Error> {
        self.1.exchange(|| self.0.finish(scope, token, committed), state_lost)
    }
    fn stage(&self, stages: &[Stage<'_>]) -> Result<Vec<Answer>, state::Error> {
        self.1.exchange(|| self.0.stage(stages), state_lost)
    }
    fn promote(&self, promotes: &[(&Scope, Token, CommitId)]) -> Result<Vec<Answer>, state::Error> {
        self.1.exchange(|| self.0.promote(promotes), state_lost)
    }
    fn check(&self, checks: &[(&Scope, Token)]) -> Result<Vec<Answer>, state::Error> {
        self.1.exchange(|| self.0.check(checks), state_lost)
    }
    fn apply(&self, applies: &[Apply<'_>]) -> Result<Vec<Answer>, state::Error> {
        self.1.exchange(|| self.0.apply(applies), state_lost)
    }
    fn release(&self, scope: &Scope, token: Token) -> Result<Answer, state::Error> {
        self.0.release(scope, token)
    }
    fn read(&self, reads: &[Read<'_>]) -> Result<Vec<Values>, state::Error> {
        self.1.exchange(|| self.0.read(reads), state_lost)
    }
    fn scan(&self, scan: Scan<'_>) -> Result<Page, state::Error> {
        self.1.exchange(|| self.0.scan(scan), state_lost)
    }
    fn meta(&self, scope: &Scope) -> Result<Option<Meta>, state::Error> {
        self.0.meta(scope)
    }
    fn set_meta(&self, scope: &Scope, token: Token, meta: &Meta) -> Result<Answer, state::Error> {
        self.0.set_meta(scope, token, meta)
    }
    fn scopes(&self) -> Result<Vec<Scope>, state::Error> {
        self.0.scopes()
    }
}

fn with_faults(delivery: Delivery, seed: u64) -> Bench {
    let mut bench = Bench::new(delivery);
    bench.entity.lanes = 1;
    bench.entity.commit_interval_ms = 0;
    let mut words = Vec::new();
    for round in 0..60 {
        for key in ["a", "b", "c", "d"] {
            words.push((key, if round % 20 == 7 && key == "b" { "trap" } else { "word" }));
        }
    }
    bench.feed("in", words);
    let dice = Dice::new(seed);
    bench.log = Arc::new(FaultyLog(bench.log.clone(), dice.clone()));
    bench.state = Arc::new(FaultyState(bench.state.clone(), dice));
    bench.drain();
    bench
}

#[test]
fn exactly_once_survives_every_lost_request_and_answer() {
    for seed in 0..40 {
        let bench = with_faults(Delivery::ExactlyOnce, seed);
        let outputs = bench.outputs();
        for (key, count) in [("a", 60), ("b", 57), ("c", 60), ("d", 60)] {
            assert_eq!(outputs[key], up_to(count), "seed {seed}, key {key}");
        }
        assert_eq!(bench.dead().len(), 3, "seed {seed}");
    }
}

#[test]
fn at_least_once_loses_nothing() {
    for seed in 0..10 {
        let bench = with_faults(Delivery::AtLeastOnce, seed);
        let outputs = bench.outputs();
        for (key, count) in [("a", 60), ("b", 57), ("c", 60), ("d", 60)] {
            let last: u64 = outputs[key].last().unwrap().parse().unwrap();
            assert!(last >= count, "seed {seed}, key {key}: {last}");
        }
    }
}
