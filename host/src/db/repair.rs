//! A crash of the machine may tear the end of the journal: of a batch that was never synced, some pages reached the
//! disk and others did not. The engine drops an end that stops short, but takes a hole inside a batch for damage and
//! refuses to open. Everything synced lies in front of such a batch, so the journal is cut there, and a copy kept.
//!
//! ```text
//! start  1 · u32 items · u64 sequence
//! item   2 · u8 kind · u8 compression · u64 space · u16 key bytes · u32 value bytes · u32 stored bytes · key · value
//! end    3 · u64 xxh3 of all items · magic        clear  4 · u64 space
//! ```

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

const MAGIC: &[u8] = b"FJL\x03";

/// What was cut off.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) copy: PathBuf,
    pub(super) at: u64,
}

/// Cuts the newest journal of the engine's directory in front of its first torn batch; `None` where there is none.
pub(super) fn cut_torn_end(engine: &Path) -> io::Result<Option<Cut>> {
    let Some(journal) = newest(engine)? else { return Ok(None) };
    let Some(at) = torn(&fs::read(&journal)?) else { return Ok(None) };
    let copy = journal.with_extension("torn");
    fs::copy(&journal, &copy)?;
    let file = OpenOptions::new().write(true).open(&journal)?;
    file.set_len(at)?;
    file.sync_all()?;
    Ok(Some(Cut { copy, at }))
}

fn newest(engine: &Path) -> io::Result<Option<PathBuf>> {
    let mut found: Option<(u64, PathBuf)> = None;
    for entry in fs::read_dir(engine)? {
        let path = entry?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        if let (Some("jnl"), Some(number)) = (path.extension().and_then(|end| end.to_str()), number)
            && found.as_ref().is_none_or(|(best, _)| number > *best)
        {
            found = Some((number, path));
        }
    }
    Ok(found.map(|(_, path)| path))
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn number(&mut self, bytes: usize) -> Option<u64> {
        Some(self.take(bytes)?.iter().rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte)))
    }

    /// Goes over an item or a clearing, without its first byte.
    fn item(&mut self, tag: u8) -> Option<()> {
        self.take(if tag == 4 { 8 } else { 10 })?;
        if tag == 2 {
            let (key, _, stored) = (self.number(2)?, self.number(4)?, self.number(4)?);
            self.take(usize::try_from(key + stored).ok()?)?;
        }
        Some(())
    }
}

enum Batch {
    Whole,
    Torn,
}

/// Goes over one batch; `None` where the journal stops short, which the engine knows how to handle.
fn batch(reader: &mut Reader<'_>) -> Option<Batch> {
    if reader.number(1)? != 1 {
        return None;
    }
    let mut items = reader.number(4)?;
    reader.take(8)?;
    let mut hash = Xxh3::new();
    loop {
        let before = reader.0;
        match reader.number(1)? as u8 {
            3 => {
                let expected = reader.number(8)?;
                if reader.take(4)? != MAGIC {
                    return None;
                }
                let whole = items == 0 && hash.digest() == expected;
                return Some(if whole { Batch::Whole } else { Batch::Torn });
            }
            tag @ (2 | 4) => {
                if items == 0 {
                    return Some(Batch::Torn);
                }
                items -= 1;
                reader.item(tag)?;
                hash.update(before.get(..before.len() - reader.0.len())?);
            }
            _ => return None,
        }
    }
}

/// Where the first torn batch begins.
fn torn(journal: &[u8]) -> Option<u64> {
    let mut reader = Reader(journal);
    loop {
        let at = journal.len() - reader.0.len();
        if let Batch::Torn = batch(&mut reader)? {
            return Some(at as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::{Batch, Database, Durability, Sync};

    #[test]
    fn a_hole_in_the_end_of_the_journal_costs_what_was_not_synced() {
        let dir = tempfile::tempdir().unwrap();
        let engine = dir.path().join("db");
        let mut ends = Vec::new();
        let length = || {
            let bytes = fs::read(newest(&engine).unwrap().unwrap()).unwrap();
            bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1
        };
        {
            let db = Database::open(dir.path(), Durability::Commit).unwrap();
            let space = db.space("s").unwrap();
            for number in 1..=5u8 {
                let mut batch = Batch::new();
                batch.put(&space, &[number], &[number; 50_000]);
                batch.put(&space, &[number, 0], &[number]);
                db.write(batch, Sync::Now).unwrap();
                ends.push(length());
            }
        }
        let journal = newest(&engine).unwrap().unwrap();
        let mut bytes = fs::read(&journal).unwrap();
        bytes[ends[3] + 20_000..ends[3] + 24_096].fill(0);
        fs::write(&journal, &bytes).unwrap();
        for _ in 0..2 {
            let db = Database::open(dir.path(), Durability::Commit).unwrap();
            let space = db.space("s").unwrap();
            for number in 1..=4u8 {
                assert_eq!(space.get(&[number]).unwrap().as_deref(), Some(&[number; 50_000][..]));
            }
            assert_eq!((space.get(&[5]).unwrap(), space.get(&[5, 0]).unwrap()), (None, None));
            let mut batch = Batch::new();
            batch.put(&space, b"after", b"");
            db.write(batch, Sync::Now).unwrap();
        }
        assert_eq!(fs::read(journal.with_extension("torn")).unwrap(), bytes);
    }
}
