//! One partition: where it begins and ends, and its latest frames in memory.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use invoker_core::records::RecordBatch;

use super::super::{Error, PollLimit};
use super::frame::{Encoded, Frame};
use super::store::{IndexRow, Store, damaged, failed, frame_key, offset_of, start_key};
use crate::db::{Batch, Value};

/// A column's ends are 32 bits: no batch grows past half of that.
const BATCH_LIMIT: usize = 1 << 30;

#[derive(Debug)]
pub(super) struct Partition {
    pub(super) topic: Arc<str>,
    pub(super) topic_id: u32,
    pub(super) index: u32,
    /// First offset that can be read.
    start: AtomicU64,
    /// One past the last offset that can be read: what is committed and durable.
    end: AtomicU64,
    tail: Mutex<Tail>,
    /// In memory: what its frames take, bytes. Not kept on disk, where only a sweep may want it.
    bytes: AtomicU64,
    /// One trimmer at a time.
    pub(super) trimming: Mutex<()>,
}

#[derive(Debug)]
struct Tail {
    /// The offset that the next frame gets. In front of it may be frames that are not durable yet.
    next: u64,
    /// The latest frames, without gaps up to `next`.
    recent: VecDeque<Recent>,
}

#[derive(Debug)]
struct Recent {
    base: u64,
    bytes: Value,
}

impl Partition {
    pub(super) fn open(store: &Store, topic: Arc<str>, topic_id: u32, index: u32) -> Result<Self, Error> {
        let row = store.rows.get(&start_key(topic_id, index)).map_err(failed("read a partition"))?;
        let kept = row.and_then(|row| row.first_chunk().copied()).map_or(0, u64::from_le_bytes);
        let (from, to) = (frame_key(topic_id, index, 0), frame_key(topic_id, index, u64::MAX));
        let end = match store.rows.range_rev(&from, Some(&to)).next() {
            Some(last) => IndexRow::decode(&last.map_err(failed("read a partition"))?.1)?.end,
            None => kept,
        };
        let tail = Mutex::new(Tail { next: end, recent: VecDeque::new() });
        let (start, end) = (AtomicU64::new(kept), AtomicU64::new(end));
        let mut bytes = 0;
        if !store.db.is_persistent() {
            for entry in store.rows.range(&from, Some(&to)) {
                bytes += IndexRow::decode(&entry.map_err(failed("read a partition"))?.1)?.held();
            }
        }
        let bytes = AtomicU64::new(bytes);
        Ok(Self { topic, topic_id, index, start, end, tail, bytes, trimming: Mutex::default() })
    }

    fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn key(&self, offset: u64) -> [u8; 17] {
        frame_key(self.topic_id, self.index, offset)
    }

    pub(super) fn bounds(&self) -> (u64, u64) {
        // The end first: it only rises, so that the start is never past it.
        let end = self.end();
        (self.start.load(Ordering::Acquire).min(end), end)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    pub(super) fn end(&self) -> u64 {
        self.end.load(Ordering::Acquire)
    }

    /// Adds frames to a batch of the database, in the order in which they must be kept. Called under the lock that
    /// orders commits; gives the offset of each frame.
    pub(super) fn stage(&self, frames: &[Encoded], now: i64, store: &Store, batch: &mut Batch) -> Vec<u64> {
        let mut base = self.tail().next;
        let mut held = 0;
        let place = |frame: &Encoded| {
            let (key, at) = (self.key(base), base);
            base += frame.span;
            let (bytes, latest) = (frame.bytes.len() as u64, frame.latest);
            let row = IndexRow { end: base, bytes, latest, written: now };
            held += row.held();
            batch.put(&store.rows, &key, &row.encode());
            batch.put_value(&store.frames, &key, frame.bytes.clone());
            at
        };
        let bases = frames.iter().map(place).collect();
        self.bytes.fetch_add(held, Ordering::AcqRel);
        bases
    }

    /// Takes the staged frames, still invisible, once the database has them. Gives the offset after them.
    pub(super) fn take(&self, frames: Vec<Encoded>) -> u64 {
        let mut tail = self.tail();
        for frame in frames {
            let base = tail.next;
            tail.next += frame.span;
            tail.recent.push_back(Recent { base, bytes: frame.bytes });
        }
        tail.next
    }

    /// Everything in front of `end` is durable: it may be read.
    pub(super) fn publish(&self, end: u64) {
        self.end.fetch_max(end, Ordering::AcqRel);
    }

    /// Retention: nothing in front of `start` is read any more.
    pub(super) fn cut(&self, start: u64, bytes: u64) {
        self.bytes.fetch_sub(bytes.min(self.bytes()), Ordering::AcqRel);
        self.start.fetch_max(start, Ordering::AcqRel);
        let mut tail = self.tail();
        while tail.recent.get(1).map_or(tail.next, |next| next.base) <= start
            && tail.recent.pop_front().is_some()
        {}
    }

    /// Frames up to the one at `base` need no longer be in memory; the database has them.
    pub(super) fn forget(&self, base: u64) {
        let mut tail = self.tail();
        while tail.recent.front().is_some_and(|front| front.base <= base) {
            tail.recent.pop_front();
        }
    }

    /// The frame that holds `position` or, where there is none, the next one. The flag says that it never left memory.
    fn frame_at(&self, position: u64, store: &Store) -> Result<Option<(u64, Value, bool)>, Error> {
        {
            let tail = self.tail();
            let at = tail.recent.partition_point(|recent| recent.base <= position);
            if let Some(recent) = at.checked_sub(1).and_then(|at| tail.recent.get(at)) {
                return Ok(Some((recent.base, recent.bytes.clone(), true)));
            }
        }
        // A reader usually goes on where a frame begins.
        let read = failed("read a frame");
        if let Some(frame) = store.frames.get(&self.key(position)).map_err(&read)? {
            return Ok(Some((position, frame, false)));
        }
        let (from, to) = (self.key(0), self.key(position));
        let holds = |row: &[u8]| IndexRow::decode(row).map(|row| row.end > position);
        let base = match store.rows.range_rev(&from, Some(&to)).next().transpose().map_err(&read)? {
            Some((key, row)) if holds(&row)? => Some(offset_of(&key)),
            _ => {
                let mut rest = store.rows.range(&to, Some(&self.key(u64::MAX)));
                rest.next().transpose().map_err(&read)?.map(|(key, _)| offset_of(&key))
            }
        };
        let Some(base) = base else { return Ok(None) };
        let frame = store.frames.get(&self.key(base)).map_err(&read)?;
        Ok(frame.map(|frame| (base, frame, false)))
    }

    fn out_of_range(&self, offset: u64) -> Error {
        let (start, end) = self.bounds();
        let topic = self.topic.to_string();
        Error::OffsetOutOfRange { topic, partition: self.index, offset, start, end }
    }

    /// Appends records from `position` on to the batch, which is empty, and gives the position after them.
    pub(super) fn read(
        &self,
        position: u64,
        limit: PollLimit,
        store: &Store,
        batch: &mut RecordBatch,
    ) -> Result<u64, Error> {
        let (start, end) = self.bounds();
        if position < start || position > end {
            return Err(self.out_of_range(position));
        }
        let most = limit.bytes.min(BATCH_LIMIT);
        let mut at = position;
        while at < end && batch.len() < limit.records.max(1) {
            let Some((base, bytes, trusted)) = self.frame_at(at, store)? else {
                // Retention came in between, or the frame is lost.
                if at < self.bounds().0 {
                    return if batch.is_empty() { Err(self.out_of_range(at)) } else { Ok(at) };
                }
                return Err(damaged(
                    "read a frame",
                    format!("{}[{}] has none at {at}", self.topic, self.index),
                ));
            };
            if base >= end {
                break;
            }
            let frame = Frame::parse(&bytes, trusted).map_err(|error| damaged("read a frame", error))?;
            let from = at.saturating_sub(base) as usize;
            if from < frame.len() {
                let mut count = frame.fitting(
                    from,
                    limit.records - batch.len().min(limit.records),
                    most.saturating_sub(batch.bytes()),
                );
                if count == 0 && batch.is_empty() {
                    count = 1;
                }
                frame.append(from..from + count, base, batch);
                if from + count < frame.len() {
                    return Ok(base + (from + count) as u64);
                }
            }
            at = base + frame.span();
        }
        Ok(at)
    }

    /// The first offset whose record is at or after `timestamp`; the end where there is none.
    pub(super) fn offset_for_time(&self, timestamp: i64, store: &Store) -> Result<u64, Error> {
        let (start, end) = self.bounds();
        let read = failed("look for a time");
        for entry in store.rows.range(&self.key(0), Some(&self.key(end))) {
            let (key, row) = entry.map_err(&read)?;
            let (base, row) = (offset_of(&key), IndexRow::decode(&row)?);
            if row.latest < timestamp || row.end <= start {
                continue;
            }
            let Some(bytes) = store.frames.get(&key).map_err(&read)? else { continue };
            let frame = Frame::parse(&bytes, false).map_err(|error| damaged("read a frame", error))?;
            if let Some(at) = frame.find(timestamp, start.saturating_sub(base) as usize) {
                return Ok(base + at as u64);
            }
        }
        Ok(end)
    }
}
