//! Outputs: one thread each reads a topic and writes its records to a file or to standard output.
//!
//! A cursor (offsets per partition, length of the file) is committed to the log after the file was synced. A restart
//! cuts the file back to the cursor and goes on there, so the file holds every record once. Standard output cannot be
//! cut: its tail may come again. Owns cursors and files; formats are `records`' affair.

mod cursor;
#[cfg(test)]
mod tests;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use self::writer::Writer;
use crate::data::Data;
use crate::error::{Error, Exit};
use crate::records::OutputFormat;

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
    pub fn start(number: usize, output: &Output, data: &Data, names: &str) -> Result<Self, Error> {
        let progress = Arc::new(OutputProgress {
            topic: output.topic.clone(),
            target: output.name(),
            records: AtomicU64::new(0),
            state: Mutex::default(),
        });
        let finish = Arc::new(AtomicBool::new(false));
        let writer = Writer::open(number, output, data, names, Arc::clone(&progress))?;
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
