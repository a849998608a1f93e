//! The thread of one output: reads the topic, writes the file, saves the cursor.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use invoker_core::records::{RecordBatch, RecordRef};
use invoker_host::log::{self, PollLimit, Slot, Source, TopicPartition};

use super::cursor::{self, Cursor, CursorKeeper};
use super::{Output, OutputProgress, OutputState, unwritable};
use crate::data::{Data, log_failed};
use crate::error::Error;
use crate::records::Meta;

/// What one poll brings, and how much is gathered before it is written.
const LIMIT: PollLimit = PollLimit { records: 4096, bytes: 1 << 20 };
/// How long to wait for records.
const WAIT: Duration = Duration::from_millis(20);
/// The cursor is saved at most this often while records come.
const SAVE_INTERVAL: Duration = Duration::from_millis(250);

/// What is written to.
pub(super) enum Target {
    Stdout(io::Stdout),
    /// `cut` = a regular file, which a restart cuts back to its cursor.
    File {
        file: File,
        cut: bool,
    },
}

pub(super) struct Writer {
    output: Output,
    source: Box<dyn Source>,
    /// Next offset per partition, of what was handed to the file.
    next: Vec<u64>,
    slots: Vec<Slot>,
    target: Target,
    length: u64,
    keeper: CursorKeeper,
    /// The cursor outlives the process, so the file must be at least as far.
    synced: bool,
    saved: Instant,
    unsaved: bool,
    text: Vec<u8>,
    taken: u64,
    progress: Arc<OutputProgress>,
}

enum Failure {
    Closed,
    Failed(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Reads every partition from the cursor on, or from its first record; per partition the offset and the slot.
fn assign(
    source: &mut dyn Source,
    output: &Output,
    partitions: u32,
    cursor: Option<&Cursor>,
) -> Result<(Vec<u64>, Vec<Slot>), log::Error> {
    let (mut next, mut slots) = (Vec::new(), Vec::new());
    for partition in 0..partitions {
        let place = TopicPartition { topic: output.topic.clone(), partition };
        let from = match cursor.and_then(|cursor| cursor.offsets.get(&partition)) {
            Some(&offset) => offset,
            None => source.bounds(&place)?.0,
        };
        slots.push(source.assign(&place, from)?);
        next.push(from);
    }
    Ok((next, slots))
}

impl Writer {
    /// Opens the output, at its cursor where one is kept.
    pub(super) fn open(
        number: usize,
        output: &Output,
        data: &Data,
        names: &str,
        progress: Arc<OutputProgress>,
    ) -> Result<Self, Error> {
        let (log, synced) = (&*data.log, data.keeps);
        let failed = |error| log_failed(&format!("cannot read topic {:?}", output.topic), &error);
        let topic = log.topics().describe(&output.topic).map_err(failed)?;
        let partitions = topic.map_or(0, |topic| topic.partitions);
        let keeper = CursorKeeper::open(log, number, output, names)?;
        data.expect_reader(keeper.group(), &output.topic);
        let cursor = keeper.load(log)?;
        let (target, length) = cursor::open_target(output, cursor.as_ref())?;
        let mut source = log.source().map_err(failed)?;
        let (next, slots) = assign(&mut *source, output, partitions, cursor.as_ref()).map_err(failed)?;
        Ok(Self {
            output: output.clone(),
            source,
            next,
            slots,
            target,
            length,
            keeper,
            synced,
            saved: Instant::now(),
            unsaved: false,
            text: Vec::new(),
            taken: 0,
            progress,
        })
    }

    /// Copies until it is told to finish.
    pub(super) fn run(mut self, finish: &AtomicBool) -> OutputState {
        match self.copy(finish) {
            Ok(()) => OutputState::Ended,
            Err(Failure::Closed) => OutputState::Closed,
            Err(Failure::Failed(error)) => OutputState::Failed(error),
        }
    }

    fn copy(&mut self, finish: &AtomicBool) -> Result<(), Failure> {
        let mut batch = RecordBatch::default();
        loop {
            // Asked before the poll: what was committed before the request is still written.
            let last = finish.load(Ordering::Acquire);
            let wait = if last { Duration::ZERO } else { WAIT };
            let failed = |error| log_failed(&format!("cannot read topic {:?}", self.output.topic), &error);
            match self.source.poll(LIMIT, wait, &mut batch).map_err(failed)? {
                Some(slot) => self.take(slot, &batch),
                None => {
                    self.write_out()?;
                    if last {
                        return self.save();
                    }
                }
            }
            if self.text.len() >= LIMIT.bytes {
                self.write_out()?;
            }
            if self.unsaved && self.saved.elapsed() >= SAVE_INTERVAL {
                self.save()?;
            }
        }
    }

    fn take(&mut self, slot: usize, batch: &RecordBatch) {
        let Some(partition) = self.slots.iter().position(|&s| s == slot) else { return };
        let mut headers = Vec::new();
        for (i, &offset) in batch.offsets.iter().enumerate() {
            headers.clear();
            headers.extend(batch.headers.of(i));
            let record = RecordRef {
                key: batch.keys.get(i),
                value: batch.values.get(i),
                timestamp: batch.timestamps.get(i).copied().unwrap_or(-1),
                headers: &headers,
            };
            let meta = Meta { topic: &self.output.topic, partition: partition as u32, offset };
            self.output.format.encode(&meta, record, &mut self.text);
        }
        if let Some(next) = self.next.get_mut(partition) {
            *next = self.source.position(slot);
        }
        self.taken += batch.len() as u64;
    }

    /// Hands what was gathered to the file.
    fn write_out(&mut self) -> Result<(), Failure> {
        if self.taken == 0 {
            return Ok(());
        }
        let written = match &mut self.target {
            Target::Stdout(stdout) => stdout.write_all(&self.text).and_then(|()| stdout.flush()),
            Target::File { file, .. } => file.write_all(&self.text),
        };
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::Failed(unwritable(&self.output, &error)),
        })?;
        self.length += self.text.len() as u64;
        self.text.clear();
        self.progress.records.fetch_add(self.taken, Ordering::Relaxed);
        self.taken = 0;
        self.unsaved = true;
        Ok(())
    }

    /// Makes what is in the file last, then says in the log that it is there.
    fn save(&mut self) -> Result<(), Failure> {
        self.write_out()?;
        if !std::mem::take(&mut self.unsaved) {
            return Ok(());
        }
        if let (Target::File { file, cut: true }, true) = (&self.target, self.synced) {
            file.sync_data().map_err(|error| unwritable(&self.output, &error))?;
        }
        let offsets = (0u32..).zip(self.next.iter().copied()).collect();
        self.keeper.save(&Cursor { offsets, length: self.length })?;
        self.saved = Instant::now();
        Ok(())
    }
}
