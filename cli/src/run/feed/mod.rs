//! Inputs: one thread each reads files or a stream and writes records into a topic.
//!
//! What is promised: the position read commits in the same transaction as its records, so a restart goes on with
//! the first record that is not in the log. A stream (`-`, a pipe) has no position: its reader gets every record into
//! the log at least once. Owns positions, line ends and partitions of records without key; not the entities.

mod files;
mod lines;
mod position;
mod progress;
mod stream;
mod writer;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use invoker_host::log::Log;

pub use progress::{InputProgress, InputState};

use self::writer::Writer;
use crate::error::{Error, Exit};
use crate::records::{InputFormat, is_json_lines};

/// Bytes that may lie unread in a log in memory before inputs wait.
const BACKLOG_BYTES: u64 = 64 << 20;
/// Records that the entities may be behind, altogether, before inputs wait.
const BACKLOG_RECORDS: u64 = 1 << 20;
/// How often a thread that waits looks whether it should end.
const GLANCE: Duration = Duration::from_millis(20);

/// Where the records of an input come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputSource {
    Stdin,
    /// A file, or a directory whose files are read in the order of their names.
    Path(PathBuf),
}

/// One `--input`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    pub topic: String,
    pub source: InputSource,
    /// `None` = by the name of the file.
    pub format: Option<InputFormat>,
}

impl Input {
    fn format_of(&self, path: &std::path::Path) -> InputFormat {
        self.format.unwrap_or(if is_json_lines(path) { InputFormat::Json } else { InputFormat::Lines })
    }

    /// As the user wrote it.
    pub fn name(&self) -> String {
        match &self.source {
            InputSource::Stdin => "-".to_owned(),
            InputSource::Path(path) => path.display().to_string(),
        }
    }
}

/// What all inputs of a run share.
#[derive(Clone)]
pub struct FeedContext {
    pub log: Arc<dyn Log>,
    /// What the names of groups and transactional ids begin with.
    pub names: String,
    /// Keep positions (there is a data directory).
    pub keep: bool,
    pub follow: bool,
    /// Topics that are read: inputs wait while too much lies there.
    pub consumed: Arc<Mutex<Vec<String>>>,
    /// Records that entities are behind, as far as they go on at all.
    pub behind: Arc<AtomicU64>,
    pub stop: Arc<AtomicBool>,
}

impl std::fmt::Debug for FeedContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FeedContext").field("names", &self.names).finish_non_exhaustive()
    }
}

impl FeedContext {
    fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether too much lies unread for inputs to go on.
    pub fn is_full(&self) -> bool {
        if self.behind.load(Ordering::Relaxed) > BACKLOG_RECORDS {
            return true;
        }
        let consumed = self.consumed.lock().unwrap_or_else(PoisonError::into_inner);
        let lying: u64 = consumed.iter().map(|topic| self.log.backlog_bytes(topic)).sum();
        lying > BACKLOG_BYTES
    }

    /// Other topics are read from now on.
    pub fn read(&self, consumed: Vec<String>) {
        *self.consumed.lock().unwrap_or_else(PoisonError::into_inner) = consumed;
    }

    /// Waits while the entities are too far behind. Returns at once when the run ends.
    fn wait_for_room(&self, progress: &InputProgress) {
        if !self.is_full() {
            return;
        }
        progress.set(InputState::HeldBack);
        while self.is_full() && !self.stopping() {
            std::thread::sleep(Duration::from_millis(2));
        }
        progress.set(InputState::Reading);
    }
}

/// A running input.
#[derive(Debug)]
pub struct Feed {
    pub progress: Arc<InputProgress>,
    thread: JoinHandle<()>,
}

impl Feed {
    /// Starts the thread. The path is looked at before, so that a missing file is told before anything runs.
    pub fn start(number: usize, input: Input, context: FeedContext) -> Result<Self, Error> {
        let progress = Arc::new(InputProgress::new(&input.topic, &input.name()));
        let id = format!("{}.input.{number}", context.names);
        let writer = Writer::new(&*context.log, &id, &input.topic, Arc::clone(&progress))?;
        let feeder = Feeder { input, context, writer, progress: Arc::clone(&progress) };
        let thread = std::thread::Builder::new()
            .name(format!("input-{number}"))
            .spawn(move || feeder.run())
            .map_err(|error| Error::internal("cannot start a thread for an input", error))?;
        Ok(Self { progress, thread })
    }

    /// Waits for the end of the thread; it comes when the input is at its end or the run stops.
    pub fn join(self) {
        if self.thread.join().is_err() {
            let panicked =
                Error::internal(format!("the reader of input {:?} panicked", self.progress.source), "");
            self.progress.set(InputState::Failed(panicked));
        }
    }

    /// Whether the thread has ended.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}

struct Feeder {
    input: Input,
    context: FeedContext,
    writer: Writer,
    progress: Arc<InputProgress>,
}

impl Feeder {
    fn run(mut self) {
        let result = match self.input.source.clone() {
            InputSource::Stdin => stream::read_stdin(&mut self),
            InputSource::Path(path) => self.read_path(path),
        };
        self.progress.set(match result {
            Ok(()) if self.context.stopping() => InputState::CutShort,
            Ok(()) => InputState::Ended,
            Err(error) => InputState::Failed(error),
        });
    }

    fn read_path(&mut self, path: PathBuf) -> Result<(), Error> {
        let metadata = path.metadata().map_err(|error| unreadable(&path, &error))?;
        if metadata.is_file() || metadata.is_dir() {
            return files::read(self, &path);
        }
        let stream = std::fs::File::open(&path).map_err(|error| unreadable(&path, &error))?;
        stream::read(self, stream)
    }

    /// Writes the record of one line.
    fn take(&mut self, format: InputFormat, name: &str, line: u64, bytes: &[u8]) -> Result<(), Error> {
        let limit = self.writer.record_limit();
        let too_large = bytes.len() > limit;
        if too_large {
            return Err(line_too_long(name, line, limit));
        }
        match format.decode(bytes, |record| self.writer.write(line, record)) {
            Ok(written) => written.unwrap_or(Ok(())),
            Err(error) => {
                let what = format!("line {} of input {name:?} is not a record", line + 1);
                let why = error.to_string().replace(" at line 1 column ", " at column ");
                let help = "mend the line, or say what the lines are with --input-records";
                Err(Error::new(Exit::File, what, why, help))
            }
        }
    }
}

fn line_too_long(name: &str, line: u64, limit: usize) -> Error {
    let what = format!("line {} of input {name:?} is too long", line + 1);
    Error::new(Exit::File, what, format!("a record may have {limit} bytes"), "cut the line into several")
}

/// Why a path cannot be an input.
pub fn unreadable(path: &std::path::Path, error: &std::io::Error) -> Error {
    let help = match error.kind() {
        std::io::ErrorKind::NotFound => "check the path; `-` is standard input",
        std::io::ErrorKind::PermissionDenied => "check who may read it",
        _ => "check the file and the disk it is on",
    };
    Error::new(Exit::File, format!("cannot read input {:?}", path.display().to_string()), error, help)
}
