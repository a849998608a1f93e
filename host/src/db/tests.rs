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
    ranges_are_in_byte_order
);
