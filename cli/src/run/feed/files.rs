//! Files: read from the position kept, to their end, and on as they grow when the run follows.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::lines::LineBuffer;
use super::position::{Position, group};
use super::{Feeder, InputState, line_too_long, unreadable};
use crate::error::Error;
use crate::records::InputFormat;

/// How often files that are followed are looked at.
const SWEEP: Duration = Duration::from_millis(100);

/// A file that is being read.
struct Reading {
    path: PathBuf,
    name: String,
    format: InputFormat,
    file: File,
    group: String,
    position: Position,
    /// Whether the log knows the file.
    kept: bool,
}

/// What of a file has become records.
#[derive(Clone, Copy)]
struct Done {
    offset: u64,
    lines: u64,
}

/// Reads a file, or the files of a directory in the order of their names.
pub(super) fn read(feeder: &mut Feeder, path: &Path) -> Result<(), Error> {
    let path = path.canonicalize().map_err(|error| unreadable(path, &error))?;
    let mut positions = HashMap::new();
    loop {
        for file in list(&path)? {
            if feeder.context.stopping() {
                return Ok(());
            }
            read_file(feeder, &file, &mut positions)?;
        }
        if !feeder.context.follow || feeder.context.stopping() {
            return Ok(());
        }
        feeder.progress.set(InputState::Waiting);
        std::thread::sleep(SWEEP);
    }
}

/// The file itself, or the files of a directory by name; hidden ones and folders are left out.
fn list(path: &Path) -> Result<Vec<PathBuf>, Error> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let failed = |error: std::io::Error| unreadable(path, &error);
    let mut files = Vec::new();
    for entry in path.read_dir().map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

fn read_file(
    feeder: &mut Feeder,
    path: &Path,
    positions: &mut HashMap<PathBuf, Position>,
) -> Result<(), Error> {
    let Some(mut reading) = open(feeder, path, positions)? else { return Ok(()) };
    feeder.progress.set(InputState::Reading);
    let result = read_lines(feeder, &mut reading);
    positions.insert(path.to_owned(), reading.position);
    result
}

/// Opens a file at its position; `None` where there is nothing new in it.
fn open(
    feeder: &Feeder,
    path: &Path,
    positions: &HashMap<PathBuf, Position>,
) -> Result<Option<Reading>, Error> {
    let failed = |error: std::io::Error| unreadable(path, &error);
    let group = group(&feeder.context.names, &feeder.input.topic, path);
    let seen = match positions.get(path) {
        Some(position) => Some(position.clone()),
        None if feeder.context.keep => Position::load(&*feeder.context.log, &group)?,
        None => None,
    };
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let kept = seen.is_some();
    let position = match seen {
        Some(position) => {
            position.verify(&file, &metadata)?;
            position
        }
        None => Position::start(path, &metadata),
    };
    if kept && metadata.len() == position.offset {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(position.offset)).map_err(failed)?;
    let (name, format) = (path.display().to_string(), feeder.input.format_of(path));
    Ok(Some(Reading { path: path.to_owned(), name, format, file, group, position, kept }))
}

/// Reads to the end of the file as it is now. Whatever comes before a line that cannot be taken is kept.
fn read_lines(feeder: &mut Feeder, reading: &mut Reading) -> Result<(), Error> {
    let mut buffer = LineBuffer::at(reading.position.offset);
    let mut done = Done { offset: reading.position.offset, lines: reading.position.lines };
    let result = read_on(feeder, reading, &mut buffer, &mut done);
    result.and(commit(feeder, reading, done))
}

fn read_on(
    feeder: &mut Feeder,
    reading: &mut Reading,
    buffer: &mut LineBuffer,
    done: &mut Done,
) -> Result<(), Error> {
    let limit = feeder.writer.record_limit();
    while !feeder.context.stopping() {
        while let Some(bytes) = buffer.next_line() {
            feeder.take(reading.format, &reading.name, done.lines, bytes)?;
            *done = Done { offset: buffer.offset(), lines: done.lines + 1 };
            if feeder.writer.is_full() {
                commit(feeder, reading, *done)?;
                feeder.context.wait_for_room(&feeder.progress);
                if feeder.context.stopping() {
                    return Ok(());
                }
            }
        }
        if buffer.held() > limit {
            return Err(line_too_long(&reading.name, done.lines, limit));
        }
        if buffer.fill(&mut reading.file).map_err(|error| unreadable(&reading.path, &error))? > 0 {
            continue;
        }
        // A file that is followed may get the rest of its last line later.
        if feeder.context.follow {
            return Ok(());
        }
        if let Some(bytes) = buffer.rest() {
            feeder.take(reading.format, &reading.name, done.lines, bytes)?;
            *done = Done { offset: buffer.offset(), lines: done.lines + 1 };
        }
        return Ok(());
    }
    Ok(())
}

/// Commits the records written so far and, where positions are kept, how far the file was read.
fn commit(feeder: &mut Feeder, reading: &mut Reading, done: Done) -> Result<(), Error> {
    let moved = done.offset != reading.position.offset || !reading.kept;
    if !moved && !feeder.writer.is_open() {
        return Ok(());
    }
    reading
        .position
        .advance(&reading.file, done.offset, done.lines)
        .map_err(|error| unreadable(&reading.path, &error))?;
    let position = feeder.context.keep.then(|| reading.position.committed(&feeder.input.topic));
    feeder.writer.commit(position.map(|position| (reading.group.as_str(), position)))?;
    reading.kept = true;
    Ok(())
}
