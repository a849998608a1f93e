//! How far an input file has been read, as it is kept with the records in the log, and whether the file is still the
//! one that it was read from.

use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use invoker_core::partitioner::murmur2;
use invoker_host::log::{Committed, Log, TopicPartition};
use serde::{Deserialize, Serialize};

use crate::data::log_failed;
use crate::error::{Error, Exit};
use crate::records::printable;

/// Bytes in front of the position by which a file is known again: an inode alone may have been given to a new file.
const CHECKED: usize = 256;

/// How far a file was read. Travels as the metadata of an offset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    pub(super) path: String,
    pub(super) device: u64,
    pub(super) inode: u64,
    /// First byte not read.
    pub(super) offset: u64,
    /// Lines read.
    pub(super) lines: u64,
    /// Hash of the bytes just in front of `offset`.
    check: u32,
}

/// The name under which positions of this file in this topic are kept.
pub(super) fn group(names: &str, topic: &str, path: &Path) -> String {
    format!("{names}.input.{topic}.{}", printable(path.as_os_str().as_encoded_bytes(), usize::MAX))
}

impl Position {
    /// The start of a file.
    pub(super) fn start(path: &Path, metadata: &Metadata) -> Self {
        let path = printable(path.as_os_str().as_encoded_bytes(), usize::MAX);
        Self { path, device: metadata.dev(), inode: metadata.ino(), ..Self::default() }
    }

    /// What the log holds under `group`.
    pub(super) fn load(log: &dyn Log, group: &str) -> Result<Option<Self>, Error> {
        let what = "cannot read the position of an input";
        let offsets = log.group(group).map_err(|error| log_failed(what, &error))?;
        let Some((_, committed)) = offsets.into_iter().next() else { return Ok(None) };
        serde_json::from_str(&committed.metadata)
            .map(Some)
            .map_err(|error| Error::new(Exit::Data, what, error, "use the version that wrote it"))
    }

    /// The same position as an offset of a group.
    pub(super) fn committed(&self, topic: &str) -> (TopicPartition, Committed) {
        let metadata = serde_json::to_string(self).unwrap_or_default();
        (
            TopicPartition { topic: topic.to_owned(), partition: 0 },
            Committed { offset: self.offset, metadata },
        )
    }

    /// Moves on to `offset`, a place in `file`.
    pub(super) fn advance(&mut self, file: &File, offset: u64, lines: u64) -> std::io::Result<()> {
        self.check = hash_before(file, offset)?;
        self.offset = offset;
        self.lines = lines;
        Ok(())
    }

    /// Refuses a file that is not the one, or no longer as long as, what was read.
    pub(super) fn verify(&self, file: &File, metadata: &Metadata) -> Result<(), Error> {
        let refuse = |what: String, why: String| {
            let help =
                "put the file back as it was, or give the new one under another name, or use another --data";
            Err(Error::new(Exit::File, what, why, help))
        };
        let path = &self.path;
        if (self.device, self.inode) != (metadata.dev(), metadata.ino()) {
            let why = format!(
                "it was read up to byte {} as inode {}, and is inode {} now",
                self.offset,
                self.inode,
                metadata.ino()
            );
            return refuse(format!("input {path:?} was replaced by another file"), why);
        }
        if metadata.len() < self.offset {
            let why = format!("it was read up to byte {} and has {} now", self.offset, metadata.len());
            return refuse(format!("input {path:?} has shrunk"), why);
        }
        match hash_before(file, self.offset) {
            Ok(check) if check == self.check => Ok(()),
            Ok(_) => {
                let why =
                    format!("the bytes in front of {}, up to where it was read, are others now", self.offset);
                refuse(format!("input {path:?} was written anew"), why)
            }
            Err(error) => refuse(format!("cannot read input {path:?}"), error.to_string()),
        }
    }
}

fn hash_before(file: &File, offset: u64) -> std::io::Result<u32> {
    let length = offset.min(CHECKED as u64);
    let mut bytes = [0; CHECKED];
    let bytes = bytes.get_mut(..length as usize).unwrap_or_default();
    file.read_exact_at(bytes, offset - length)?;
    Ok(murmur2(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_half(text: &str) -> (tempfile::TempDir, std::path::PathBuf, Position) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.txt");
        std::fs::write(&path, text).unwrap();
        let file = File::open(&path).unwrap();
        let mut position = Position::start(&path, &file.metadata().unwrap());
        position.advance(&file, text.len() as u64 / 2, 1).unwrap();
        (dir, path, position)
    }

    fn verify(path: &Path, position: &Position) -> Result<(), String> {
        let file = File::open(path).unwrap();
        position.verify(&file, &file.metadata().unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_that_grew_is_the_same() {
        let (_dir, path, position) = read_half("one\ntwo\n");
        std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
        assert_eq!(verify(&path, &position), Ok(()));
    }

    #[test]
    fn a_shrunk_file_is_refused() {
        let (_dir, path, position) = read_half("one\ntwo\n");
        std::fs::write(&path, "one").unwrap();
        let error = verify(&path, &position).unwrap_err();
        assert!(error.contains("has shrunk\nwhy: it was read up to byte 4 and has 3 now\n"), "{error}");
    }

    #[test]
    fn a_replaced_file_is_refused() {
        let (dir, path, position) = read_half("one\ntwo\n");
        let other = dir.path().join("b.txt");
        std::fs::write(&other, "one\ntwo\n").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert!(verify(&path, &position).unwrap_err().contains("was replaced by another file"));
    }

    #[test]
    fn other_bytes_in_the_same_file_are_noticed() {
        let (_dir, path, position) = read_half("one\ntwo\n");
        std::fs::write(&path, "two\none\n").unwrap();
        assert!(verify(&path, &position).unwrap_err().contains("was written anew"));
    }

    #[test]
    fn the_position_survives_its_metadata() {
        let (_dir, _path, position) = read_half("one\ntwo\n");
        let (_, committed) = position.committed("lines");
        assert_eq!(committed.offset, 4);
        assert_eq!(serde_json::from_str::<Position>(&committed.metadata).unwrap(), position);
    }
}
