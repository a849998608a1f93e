//! Facts that hold for a database in memory and on disk.

use super::*;

fn keys(range: Range) -> Vec<Vec<u8>> {
    range.map(|entry| entry.unwrap().0.to_vec()).collect()
}

fn holds_what_is_put(db: &Database) {
    let (a, b) = (db.space("a").unwrap(), db.space("b").unwrap());
    let mut batch = Batch::new();
    batch.put(&a, b"k", b"1");
    batch.put(&b, b"k", b"");
    batch.put(&a, b"gone", b"x");
    db.write(batch, Sync::Now).unwrap();
    let mut batch = Batch::new();
    batch.remove(&a, b"gone");
    batch.put(&a, b"k", b"2");
    db.write(batch, Sync::Later).unwrap();
    assert_eq!(a.get(b"k").unwrap().as_deref(), Some(&b"2"[..]));
    assert_eq!(b.get(b"k").unwrap().as_deref(), Some(&b""[..]));
    assert_eq!(a.get(b"gone").unwrap(), None);
    assert_eq!(keys(db.space("a").unwrap().range(b"", None)), [b"k"]);
}

fn the_later_change_of_a_key_counts(db: &Database) {
    let space = db.space("twice").unwrap();
    let mut batch = Batch::new();
    batch.put(&space, b"put", b"1");
    batch.put(&space, b"put", b"2");
    batch.put(&space, b"removed", b"1");
    batch.remove(&space, b"removed");
    batch.remove(&space, b"back");
    batch.put(&space, b"back", b"3");
    db.write(batch, Sync::Now).unwrap();
    assert_eq!(space.get(b"put").unwrap().as_deref(), Some(&b"2"[..]));
    assert_eq!(space.get(b"removed").unwrap(), None);
    assert_eq!(space.get(b"back").unwrap().as_deref(), Some(&b"3"[..]));
}

fn ranges_are_in_byte_order(db: &Database) {
    let space = db.space("range").unwrap();
    let mut batch = Batch::new();
    let all: Vec<Vec<u8>> = (0..2000u32).map(|i| i.to_be_bytes().to_vec()).collect();
    for key in all.iter().rev() {
        batch.put(&space, key, b"v");
    }
    db.write(batch, Sync::Now).unwrap();
    let falling: Vec<_> = all.iter().rev().cloned().collect();
    assert_eq!(keys(space.range(b"", None)), all);
    assert_eq!(keys(space.range_rev(b"", None)), falling);
    let (from, to) = (&all[3][..], &all[1500][..]);
    assert_eq!(keys(space.range(from, Some(to))), all[3..1500]);
    assert_eq!(keys(space.range_rev(from, Some(to))), falling[500..1997]);
    assert_eq!(keys(space.range(&[0xff], None)), Vec::<Vec<u8>>::new());
    assert_eq!(keys(space.range(to, Some(from))), Vec::<Vec<u8>>::new());
    assert_eq!(keys(space.range_rev(to, Some(to))), Vec::<Vec<u8>>::new());
}

fn refuses_keys_without_bytes(db: &Database) {
    let space = db.space("keys").unwrap();
    for bytes in [0, 65_536] {
        let mut batch = Batch::new();
        batch.put(&space, b"good", b"");
        batch.put(&space, &vec![b'k'; bytes], b"");
        let text = db.write(batch, Sync::Now).unwrap_err().to_string();
        assert_eq!(text, format!("a key has {bytes} bytes, it must have 1 to 65535"));
        assert_eq!(space.get(b"good").unwrap(), None);
    }
}

macro_rules! facts {
    ($module:ident, $open:expr, $($fact:ident),* $(,)?) => {
        mod $module {
            use super::*;
            $(#[test] fn $fact() { let (_kept, db) = $open; super::$fact(&db); })*
        }
    };
}

facts!(
    memory,
    ((), Database::memory()),
    holds_what_is_put,
    the_later_change_of_a_key_counts,
    ranges_are_in_byte_order,
    refuses_keys_without_bytes,
);

facts!(
    disk,
    {
        let dir = tempfile::tempdir().unwrap();
        let db = Database::open(dir.path(), Durability::Commit).unwrap();
        (dir, db)
    },
    holds_what_is_put,
    the_later_change_of_a_key_counts,
    ranges_are_in_byte_order,
    refuses_keys_without_bytes,
);

#[test]
fn a_data_directory_keeps_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3u8 {
        let db = Database::open(dir.path(), Durability::Process).unwrap();
        let (small, large) = (db.space("small").unwrap(), db.space_of_large("large").unwrap());
        for earlier in 0..round {
            assert_eq!(small.get(&[earlier]).unwrap().as_deref(), Some(&[earlier][..]));
            assert_eq!(large.get(&[earlier]).unwrap().as_deref(), Some(&vec![earlier; 100_000][..]));
        }
        let mut batch = Batch::new();
        batch.put(&small, &[round], &[round]);
        batch.put_value(&large, &[round], vec![round; 100_000].into());
        db.write(batch, Sync::Now).unwrap();
    }
}

#[test]
fn a_second_opening_names_the_process_that_has_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let first = Database::open(dir.path(), Durability::Commit).unwrap();
    let error = Database::open(dir.path(), Durability::Commit).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&format!("is in use by process {}: ", std::process::id())), "{text}");
    assert!(error.is_retryable());
    drop(first);
    Database::open(dir.path(), Durability::Commit).unwrap();
}

#[test]
fn a_newer_format_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(Database::open(dir.path(), Durability::Commit).unwrap());
    std::fs::write(dir.path().join("format"), "7\n").unwrap();
    let text = Database::open(dir.path(), Durability::Commit).unwrap_err().to_string();
    assert!(
        text.contains("has format \"7\", this version knows 1 to 1: it was written by a newer"),
        "{text}"
    );
}

#[test]
fn somebody_elses_directory_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("thesis.txt"), "precious").unwrap();
    let text = Database::open(dir.path(), Durability::Commit).unwrap_err().to_string();
    assert!(text.contains("is not a data directory: it holds \"thesis.txt\""), "{text}");
    assert_eq!(std::fs::read(dir.path().join("thesis.txt")).unwrap(), b"precious");
}

#[test]
fn an_unfinished_first_start_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    drop(Database::open(dir.path(), Durability::Commit).unwrap());
    std::fs::remove_file(dir.path().join("format")).unwrap();
    std::fs::remove_file(dir.path().join("db").join("version")).unwrap();
    drop(Database::open(dir.path(), Durability::Commit).unwrap());
    Database::open(dir.path(), Durability::Commit).unwrap();
}
