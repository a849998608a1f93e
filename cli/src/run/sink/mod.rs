//! Outputs: one thread each reads a topic and writes its records to a file or to standard output.
//!
//! A cursor (offsets per partition, length of the file) is committed to the log after the file was synced. A restart
//! cuts the file back to the cursor and goes on there, so the file holds every record once. Standard output cannot be
//! cut: its tail may come again. Owns cursors and files; formats are `records`' affair.

mod cursor;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use invoker_core::records::{RecordBatch, RecordRef};
use invoker_host::log::{PollLimit, Source, TopicPartition};

use self::cursor::{Cursor, CursorKeeper};
use crate::data::{Data, log_failed};
use crate::error::{Error, Exit};
use crate::records::{Meta, OutputFormat};

/// What one poll brings, and how much is gathered before it is written.
const LIMIT: PollLimit = PollLimit { records: 4096, bytes: 1 << 20 };
/// How long to wait for records.
const WAIT: Duration = Duration::from_millis(20);
/// The cursor is saved at most this often while records come.
const SAVE_INTERVAL: Duration = Duration::from_millis(250);

/// Where the records of an output go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputTarget {
    Stdout,
    Path(PathBuf),
}

/// One `--output`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub topic: String,
    pub target: OutputTarget,
    pub format: OutputFormat,
}

impl Output {
    /// As the user wrote it.
    pub fn name(&self) -> String {
        match &self.target {
            OutputTarget::Stdout => "-".to_owned(),
            OutputTarget::Path(path) => path.display().to_string(),
        }
    }
}

/// How an output stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OutputState {
    #[default]
    Writing,
    Ended,
    /// Nobody reads any more.
    Closed,
    Failed(Error),
}

/// Counts and state of one output, written by its thread.
#[derive(Debug)]
pub struct OutputProgress {
    pub topic: String,
    pub target: String,
    records: AtomicU64,
    state: Mutex<OutputState>,
}

impl OutputProgress {
    pub fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    pub fn state(&self) -> OutputState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A running output.
#[derive(Debug)]
pub struct Sink {
    pub progress: Arc<OutputProgress>,
    finish: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Sink {
    /// Opens the output, at its cursor where one is kept, and starts the thread.
    pub fn start(number: usize, output: &Output, data: &Data, deployment: &str) -> Result<Self, Error> {
        let progress = Arc::new(OutputProgress {
            topic: output.topic.clone(),
            target: output.name(),
            records: AtomicU64::new(0),
            state: Mutex::default(),
        });
        let finish = Arc::new(AtomicBool::new(false));
        let writer = Writer::open(number, output, data, deployment, Arc::clone(&progress))?;
        let (told, shown) = (Arc::clone(&finish), Arc::clone(&progress));
        let thread = std::thread::Builder::new()
            .name(format!("output-{number}"))
            .spawn(move || {
                let state = writer.run(&told);
                *shown.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
            })
            .map_err(|error| Error::internal("cannot start a thread for an output", error))?;
        Ok(Self { progress, finish, thread })
    }

    /// Writes out what the topic holds now, saves the cursor and ends.
    pub fn finish(self) -> OutputState {
        self.finish.store(true, Ordering::Release);
        if self.thread.join().is_err() {
            return OutputState::Failed(Error::internal(
                format!("the writer of output {:?} panicked", self.progress.target),
                "",
            ));
        }
        self.progress.state()
    }
}

enum Target {
    Stdout(io::Stdout),
    /// `cut` = a regular file, which a restart cuts back to its cursor.
    File {
        file: File,
        cut: bool,
    },
}

struct Writer {
    output: Output,
    source: Box<dyn Source>,
    /// Next offset per partition, of what was handed to the file.
    next: Vec<u64>,
    slots: Vec<usize>,
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

impl Writer {
    fn open(
        number: usize,
        output: &Output,
        data: &Data,
        deployment: &str,
        progress: Arc<OutputProgress>,
    ) -> Result<Self, Error> {
        let (log, synced) = (&*data.log, data.database.is_persistent());
        let failed = |error| log_failed(&format!("cannot read topic {:?}", output.topic), &error);
        let topic = log.topics().describe(&output.topic).map_err(failed)?;
        let partitions = topic.map_or(0, |topic| topic.partitions);
        let keeper = CursorKeeper::open(log, number, output, deployment)?;
        data.expect_reader(keeper.group(), &output.topic);
        let cursor = keeper.load(log)?;
        let (target, length) = cursor::open_target(output, cursor.as_ref())?;
        let mut source = log.source().map_err(failed)?;
        let (mut next, mut slots) = (Vec::new(), Vec::new());
        for partition in 0..partitions {
            let place = TopicPartition { topic: output.topic.clone(), partition };
            let known = cursor.as_ref().and_then(|cursor| cursor.offsets.get(&partition)).copied();
            let from = match known {
                Some(offset) => offset,
                None => source.bounds(&place).map_err(failed)?.0,
            };
            slots.push(source.assign(&place, from).map_err(failed)?);
            next.push(from);
        }
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

    fn run(mut self, finish: &AtomicBool) -> OutputState {
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

/// Why an output cannot be written.
fn unwritable(output: &Output, error: &io::Error) -> Error {
    let help = match error.kind() {
        io::ErrorKind::StorageFull => "make room on the disk and start again; with --data nothing is lost",
        io::ErrorKind::NotFound => "make the folder it is to stand in",
        io::ErrorKind::PermissionDenied => "check who may write there",
        _ => "check the file and the disk it is on",
    };
    Error::new(Exit::File, format!("cannot write output {:?}", output.name()), error, help)
}
