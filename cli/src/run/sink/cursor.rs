//! Where an output stands: kept in the log, checked against the file on a restart.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use invoker_host::log::{Commit, Committed, Log, Producer, TopicPartition};
use serde::{Deserialize, Serialize};

use super::writer::Target;
use super::{Output, OutputTarget, unwritable};
use crate::data::{log_failed, not_committed};
use crate::error::{Error, Exit};
use crate::records::printable;

/// What of a topic is in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    /// Next offset per partition.
    pub(super) offsets: BTreeMap<u32, u64>,
    /// Bytes of the file that those offsets stand for.
    pub(super) length: u64,
}

/// The metadata of each offset of the cursor.
#[derive(Serialize, Deserialize)]
struct Place {
    length: u64,
}

/// Saves and loads the cursor of one output.
pub(super) struct CursorKeeper {
    producer: Box<dyn Producer>,
    group: String,
    topic: String,
}

impl CursorKeeper {
    pub(super) fn open(log: &dyn Log, number: usize, output: &Output, names: &str) -> Result<Self, Error> {
        let target = match &output.target {
            OutputTarget::Stdout => "-".to_owned(),
            OutputTarget::Path(path) => {
                let absolute = std::path::absolute(path).map_err(|error| unwritable(output, &error))?;
                printable(absolute.as_os_str().as_encoded_bytes(), usize::MAX)
            }
        };
        let producer = log
            .producer(&format!("{names}.output.{number}"))
            .map_err(|error| log_failed("cannot keep the cursor of an output", &error))?;
        let group = format!("{names}.output.{}.{target}", output.topic);
        Ok(Self { producer, group, topic: output.topic.clone() })
    }

    pub(super) fn group(&self) -> &str {
        &self.group
    }

    pub(super) fn load(&self, log: &dyn Log) -> Result<Option<Cursor>, Error> {
        let what = "cannot read the cursor of an output";
        let committed = log.group(&self.group).map_err(|error| log_failed(what, &error))?;
        if committed.is_empty() {
            return Ok(None);
        }
        let mut cursor = Cursor::default();
        for (place, at) in committed {
            cursor.offsets.insert(place.partition, at.offset);
            let Place { length } = serde_json::from_str(&at.metadata)
                .map_err(|error| Error::new(Exit::Data, what, error, "use the version that wrote it"))?;
            cursor.length = length;
        }
        Ok(Some(cursor))
    }

    pub(super) fn save(&mut self, cursor: &Cursor) -> Result<(), Error> {
        let failed = |error| log_failed("cannot keep the cursor of an output", &error);
        let metadata = serde_json::to_string(&Place { length: cursor.length }).unwrap_or_default();
        let offsets: Vec<_> = cursor
            .offsets
            .iter()
            .map(|(&partition, &offset)| {
                let place = TopicPartition { topic: self.topic.clone(), partition };
                (place, Committed { offset, metadata: metadata.clone() })
            })
            .collect();
        self.producer.begin().map_err(failed)?;
        self.producer.add_offsets(&self.group, &offsets).map_err(failed)?;
        match self.producer.commit() {
            Commit::Committed => Ok(()),
            other => Err(not_committed("cannot keep the cursor of an output", other)),
        }
    }
}

/// Opens what an output writes to: a new or emptied file, or with a cursor the old file cut back to it. Says how many
/// bytes are in it.
pub(super) fn open_target(output: &Output, cursor: Option<&Cursor>) -> Result<(Target, u64), Error> {
    let OutputTarget::Path(path) = &output.target else {
        return Ok((Target::Stdout(std::io::stdout()), cursor.map_or(0, |cursor| cursor.length)));
    };
    let failed = |error: std::io::Error| unwritable(output, &error);
    let special = path.metadata().is_ok_and(|metadata| !metadata.is_file());
    match cursor {
        _ if special => {
            let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
            Ok((Target::File { file, cut: false }, 0))
        }
        None => {
            let file = File::create(path).map_err(failed)?;
            Ok((Target::File { file, cut: true }, 0))
        }
        Some(cursor) => {
            let file = open_at(output, path, cursor)?;
            Ok((Target::File { file, cut: true }, cursor.length))
        }
    }
}

fn open_at(output: &Output, path: &Path, cursor: &Cursor) -> Result<File, Error> {
    let lost = |why: String| {
        let what = format!("cannot go on writing output {:?}", output.name());
        let help = "put the file back, or give another name: that one gets the whole topic from its start";
        Error::new(Exit::File, what, why, help)
    };
    let mut file = OpenOptions::new().write(true).open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            lost(format!("{} bytes were written to it by an earlier run, and it is gone", cursor.length))
        }
        _ => unwritable(output, &error),
    })?;
    let failed = |error: std::io::Error| unwritable(output, &error);
    let length = file.metadata().map_err(failed)?.size();
    if length < cursor.length {
        let (written, found) = (cursor.length, length);
        return Err(lost(format!("an earlier run wrote {written} bytes to it, and it has {found} now")));
    }
    file.set_len(cursor.length).map_err(failed)?;
    file.seek(SeekFrom::Start(cursor.length)).map_err(failed)?;
    Ok(file)
}
