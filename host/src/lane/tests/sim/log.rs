//! A host's way to the log: every request may be lost, late or answered in vain.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use invoker_core::records::{RecordBatch, RecordRef};

use super::controls::Control;
use super::schedule::{Fate, HostId, Request, Schedule, die_of};
use crate::log::{
    self, Commit, Committed, Log, PollLimit, Producer, Slot, Source, TopicHandle, TopicPartition, Topics,
};

/// What a host sees of the log.
#[derive(Clone)]
pub(super) struct SimLog {
    pub(super) log: Arc<dyn Log>,
    pub(super) schedule: Schedule,
    pub(super) host: HostId,
    pub(super) control: Control,
    /// Ids whose fencing a broken host has put off.
    pub(super) unfenced: Arc<Mutex<Vec<String>>>,
}

fn lost() -> log::Error {
    log::Error::TimedOut { what: "an answer".to_owned() }
}

impl SimLog {
    fn exchange<T>(
        &self,
        what: &'static str,
        call: impl FnOnce() -> Result<T, log::Error>,
        late: impl FnOnce() -> Option<Request>,
    ) -> Result<T, log::Error> {
        self.schedule.exchange(self.host, what, call, lost, late)
    }
}

impl Log for SimLog {
    fn topics(&self) -> &dyn Topics {
        self.log.topics()
    }

    fn source(&self) -> Result<Box<dyn Source>, log::Error> {
        Ok(Box::new(SimSource { inner: self.log.source()?, log: self.clone() }))
    }

    fn producer(&self, id: &str) -> Result<Box<dyn Producer>, log::Error> {
        let late = || {
            let (log, id) = (self.log.clone(), id.to_owned());
            Some(Box::new(move || drop(log.producer(&id))) as Request)
        };
        let inner = self.exchange("init a producer", || self.log.producer(id), late)?;
        Ok(Box::new(SimProducer { inner: Some(inner), log: self.clone() }))
    }

    fn fence(&self, ids: &[String]) -> Result<(), log::Error> {
        if self.control == Control::NoFence || ids.is_empty() {
            return Ok(());
        }
        if self.control == Control::FenceAfterRead {
            self.unfenced.lock().unwrap().extend_from_slice(ids);
            return Ok(());
        }
        let late = || {
            let (log, ids) = (self.log.clone(), ids.to_vec());
            Some(Box::new(move || drop(log.fence(&ids))) as Request)
        };
        self.exchange("fence", || self.log.fence(ids), late)
    }

    fn delete_group(&self, group: &str) -> Result<(), log::Error> {
        self.log.delete_group(group)
    }

    fn group(&self, group: &str) -> Result<Vec<(TopicPartition, Committed)>, log::Error> {
        self.log.group(group)
    }
}

struct SimSource {
    inner: Box<dyn Source>,
    log: SimLog,
}

impl Source for SimSource {
    fn assign(&mut self, partition: &TopicPartition, position: u64) -> Result<Slot, log::Error> {
        self.inner.assign(partition, position)
    }

    fn unassign(&mut self, slot: Slot) {
        self.inner.unassign(slot);
    }

    fn seek(&mut self, slot: Slot, position: u64) -> Result<(), log::Error> {
        self.inner.seek(slot, position)
    }

    fn pause(&mut self, slot: Slot) {
        self.inner.pause(slot);
    }

    fn resume(&mut self, slot: Slot) {
        self.inner.resume(slot);
    }

    fn poll(
        &mut self,
        limit: PollLimit,
        _: Duration,
        batch: &mut RecordBatch,
    ) -> Result<Option<Slot>, log::Error> {
        let fate = self.log.schedule.turn(self.log.host, "poll");
        die_of(fate);
        // A fetch that is lost is fetched again, and nobody hears of it.
        if fate == Fate::Fine { self.inner.poll(limit, Duration::ZERO, batch) } else { Ok(None) }
    }

    fn position(&self, slot: Slot) -> u64 {
        self.inner.position(slot)
    }

    fn bounds(&self, partition: &TopicPartition) -> Result<(u64, u64), log::Error> {
        self.inner.bounds(partition)
    }

    fn offset_for_time(&self, partition: &TopicPartition, timestamp: i64) -> Result<u64, log::Error> {
        self.inner.offset_for_time(partition, timestamp)
    }

    fn committed(&self, group: &str, partition: &TopicPartition) -> Result<Option<Committed>, log::Error> {
        let committed = self.log.exchange(
            "read a committed position",
            || self.inner.committed(group, partition),
            || None,
        )?;
        let unfenced = std::mem::take(&mut *self.log.unfenced.lock().unwrap());
        if !unfenced.is_empty() {
            self.log.exchange("fence", || self.log.log.fence(&unfenced), || None)?;
        }
        Ok(committed)
    }
}

struct SimProducer {
    /// Gone with a request that is on its way: whoever sent one without an answer must not use the producer again.
    inner: Option<Box<dyn Producer>>,
    log: SimLog,
}

impl Drop for SimProducer {
    /// What a host leaves open when it dies stays open.
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::mem::forget(self.inner.take());
        }
    }
}

impl SimProducer {
    fn inner(&mut self) -> Result<&mut Box<dyn Producer>, log::Error> {
        self.inner.as_mut().ok_or(log::Error::Fenced { id: "gone".to_owned() })
    }

    /// The producer goes with the request.
    fn take(inner: &mut Option<Box<dyn Producer>>, request: fn(&mut dyn Producer)) -> Option<Request> {
        let mut producer = inner.take()?;
        Some(Box::new(move || request(producer.as_mut())))
    }
}

impl Producer for SimProducer {
    fn open(&mut self, topic: &str) -> Result<(TopicHandle, u32), log::Error> {
        self.inner()?.open(topic)
    }

    fn record_limit(&self, topic: TopicHandle) -> usize {
        self.inner.as_ref().map_or(1, |inner| inner.record_limit(topic))
    }

    fn begin(&mut self) -> Result<(), log::Error> {
        self.inner()?.begin()
    }

    fn write(&mut self, topic: TopicHandle, partition: u32, record: RecordRef<'_>) -> Result<(), log::Error> {
        self.inner()?.write(topic, partition, record)
    }

    fn pending_bytes(&self) -> usize {
        self.inner.as_ref().map_or(0, |inner| inner.pending_bytes())
    }

    fn flush(&mut self) -> Result<(), log::Error> {
        let log = self.log.clone();
        let inner = self.inner()?;
        log.exchange("flush", || inner.flush(), || None)
    }

    fn add_offsets(
        &mut self,
        group: &str,
        offsets: &[(TopicPartition, Committed)],
    ) -> Result<(), log::Error> {
        let log = self.log.clone();
        let inner = self.inner()?;
        log.exchange("add offsets", || inner.add_offsets(group, offsets), || None)
    }

    fn commit(&mut self) -> Commit {
        let Self { inner, log } = self;
        let fate = log.schedule.turn(log.host, "commit");
        let answer = match fate {
            Fate::Fine | Fate::AnswerLost => inner.as_mut().map_or(Commit::Fenced, |inner| inner.commit()),
            Fate::Late | Fate::CrashLate => {
                log.schedule.send(Self::take(inner, |producer| {
                    producer.commit();
                }));
                Commit::Unknown
            }
            Fate::RequestLost | Fate::Crash => Commit::Unknown,
        };
        die_of(fate);
        match fate {
            Fate::Fine => answer,
            _ if log.control == Control::UnknownIsCommitted => Commit::Committed,
            _ => Commit::Unknown,
        }
    }

    fn abort(&mut self) -> Result<(), log::Error> {
        let log = self.log.clone();
        let inner = self.inner()?;
        log.exchange("abort", || inner.abort(), || None)
    }
}
