//! State of the record's key: kept between batches, taken back with a failed record, read across versions.

use invoker_sdk::prelude::*;
use invoker_sdk::testing::{Incoming, Test, record};
use serde::{Deserialize, Serialize};
use std::time::Duration;

fn of(key: &str, value: &str) -> Incoming {
    record(value).key(key)
}

/// Adds, and fails where the value says so.
#[function]
fn sum(
    record: Record<'_>,
    total: &mut Value<i64>,
    #[state(prefetch = false)] last: &mut Value<String>,
) -> Result {
    let words = record.text()?;
    for word in words.split(' ') {
        match word {
            "fail" => return Err(Error::reject("told", "")),
            "retry" => return Err(Error::transient("told", "")),
            "clear" => total.remove()?,
            "set" => total.set(100)?,
            "look" => info!("{:?} {:?}", total.get()?, last.get()?),
            number => *total.or_default()? += number.parse::<i64>()?,
        }
    }
    last.set(words.into())
}

#[test]
fn a_value_goes_on_within_a_batch_and_from_batch_to_batch() {
    let mut test = Test::<sum>::new();
    let _ = test.process([of("a", "1"), of("b", "10"), of("a", "2")]);
    let _ = test.process([of("a", "4 look"), of("b", "clear")]);
    assert_eq!(test.state_text("total", "a").as_deref(), Some("7"));
    assert_eq!(test.state_text("total", "b"), None);
    assert_eq!(
        test.logs().iter().map(|line| line.message.as_str()).collect::<Vec<_>>(),
        [r#"Some(7) Some("2")"#]
    );
}

#[test]
fn a_failed_record_changes_no_value() {
    let mut test = Test::<sum>::new();
    let _ = test.process([of("a", "1"), of("kept", "7")]);
    for failing in
        ["5 fail", "set fail", "clear fail", "set 5 clear fail", "clear 5 set fail", "look set fail", "x"]
    {
        let outcome = test.process([of("a", failing), of("a", "1 look"), of("a", failing), of("c", failing)]);
        assert_eq!(outcome.rejects.len(), 3, "{failing}");
        let _ = test.process([of("kept", failing)]);
    }
    assert_eq!(test.state_text("total", "a").as_deref(), Some("8"), "1 and one for each round");
    assert_eq!(test.state_text("total", "c"), None);
    assert_eq!(
        test.state_text("total", "kept").as_deref(),
        Some("7"),
        "no other record of its batches has its key"
    );
    assert_eq!(test.state_text("last", "a").as_deref(), Some("1 look"));
}

#[test]
fn a_record_to_be_tried_again_ends_the_batch_and_changes_nothing() {
    let mut test = Test::<sum>::new();
    let outcome = test.process([of("a", "1"), of("a", "2 retry"), of("a", "4")]);
    let stopped = outcome.stopped.unwrap();
    assert_eq!((stopped.record, stopped.code.as_str()), (1, "told"));
    assert_eq!(test.state_text("total", "a").as_deref(), Some("1"));
}

#[test]
fn a_record_without_key_has_no_state() {
    let outcome = Test::<sum>::new().process([record("1"), of("a", "1")]);
    assert_eq!(outcome.codes(), [(0, "no-key")]);
    assert!(outcome.rejects[0].message.starts_with("state `total` belongs to a record's key"));
}

#[test]
fn a_stored_value_that_is_no_number_rejects_the_records_of_its_key_alone() {
    let mut test = Test::<sum>::new();
    test.put_state("total", "a", "seven");
    let outcome = test.process([of("a", "1"), of("b", "1")]);
    assert_eq!(outcome.codes(), [(0, "bad-state")]);
    assert_eq!(outcome.rejects[0].message, "state `total` cannot be read: \"seven\" is no i64");
    assert_eq!(test.state_text("total", "a").as_deref(), Some("seven"));
}

/// Fields, as its value says: `+x`, `-x`, `?` lists, `!` fails.
#[function]
fn fields(
    record: Record<'_>,
    #[state(ttl = "1h")] seen: &mut SortedMap<u64>,
    all: &mut Output<String>,
) -> Result {
    for word in record.text()?.split(' ') {
        match word.split_at(1) {
            ("+", field) => *seen.or_default(field)? += 1,
            ("=", field) => seen.set(field, 50)?,
            ("-", field) => seen.remove(field)?,
            ("?", prefix) => {
                let list: Vec<_> = seen.scan(prefix)?.collect::<Result<_>>()?;
                let list = list.iter().map(|(field, n)| format!("{}{n}", String::from_utf8_lossy(field)));
                all.send(&list.collect::<Vec<_>>().join(" "))?;
            }
            ("f", fields) => seen.fetch(fields.split(','))?,
            _ => return Err(Error::reject("told", word)),
        }
    }
    Ok(())
}

#[test]
fn a_scan_sees_what_was_set_before_it_page_by_page_and_in_order() {
    let mut test = Test::<fields>::new();
    let _ = test.process([of("k", "+z +a +m +a1 +a2 +a3 +a4 +a5 +a6"), of("other", "+q")]);
    let outcome = test.process([of("k", "+a =b -z ? ?a"), of("k", "-m ?")]);
    assert_eq!(
        outcome.pairs("all").iter().map(|(_, list)| *list).collect::<Vec<_>>(),
        ["a2 a11 a21 a31 a41 a51 a61 b50 m1", "a2 a11 a21 a31 a41 a51 a61", "a2 a11 a21 a31 a41 a51 a61 b50"]
    );
}

#[test]
fn a_failed_record_changes_no_field_even_where_it_scanned() {
    let mut test = Test::<fields>::new();
    let _ = test.process([of("k", "+a +b")]);
    for failing in [
        "+a =b -c !",
        "=a ? !",
        "-a ? +a =b ? !",
        "+new ? !",
        "fa,b,c +a ? -b !",
        "+a ? -b !",
        "+a ? =b !",
        "=a =a -a ? =a !",
    ] {
        // `+a` in front leaves a change of an earlier record in the same batch.
        let outcome = test.process([of("k", "+a"), of("k", failing), of("k", "?")]);
        assert_eq!(outcome.codes(), [(1, "told")], "{failing}");
        let a = test.field_text("seen", "k", "a").unwrap();
        assert_eq!(outcome.pairs("all"), [("k", format!("a{a} b1").as_str())], "{failing}");
    }
    assert_eq!(test.field_text("seen", "k", "a").as_deref(), Some("9"), "1 and one for each round");
}

#[test]
fn fields_run_out_an_hour_after_the_last_write() {
    let mut test = Test::<fields>::new();
    let _ = test.process([of("k", "+a +b")]);
    test.advance(Duration::from_secs(3000));
    let _ = test.process([of("k", "+a")]);
    test.advance(Duration::from_secs(1000));
    assert_eq!(test.process([of("k", "?")]).pairs("all"), [("k", "a2")]);
}

#[derive(Clone, Default, Debug, PartialEq, Serialize, Deserialize)]
struct Cart {
    items: Vec<String>,
}

/// Version 1 was text with commas.
fn from_text(version: u8, bytes: &[u8]) -> Result<Cart> {
    assert_eq!(version, 1);
    Ok(Cart { items: str::from_utf8(bytes)?.split(',').map(Into::into).collect() })
}

#[function]
struct Carts {
    #[state(version = 2, reads = [1], migrate = from_text)]
    cart: Value<Json<Cart>>,
    #[state(version = 7)]
    compact: Map<Postcard<Cart>>,
}

impl Process for Carts {
    fn process(&mut self, record: Record<'_>) -> Result {
        let item = record.text()?;
        self.cart.or_default()?.items.push(item.into());
        self.compact.or_default("f")?.items.push(item.into());
        Ok(())
    }
}

#[test]
fn structs_stand_behind_their_version_and_older_ones_are_migrated() {
    let mut test = Test::<Carts>::new();
    test.put_state("cart", "old", b"\x01pear,plum");
    test.put_state("cart", "newer", b"\x03?");
    let outcome = test.process([of("old", "fig"), of("new", "fig"), of("newer", "fig")]);
    assert_eq!(
        test.state_text("cart", "old").as_deref(),
        Some("\u{2}{\"items\":[\"pear\",\"plum\",\"fig\"]}")
    );
    assert_eq!(test.state_text("cart", "new").as_deref(), Some("\u{2}{\"items\":[\"fig\"]}"));
    assert_eq!(test.field("compact", "new", "f").unwrap(), b"\x07\x01\x03fig");
    assert_eq!(outcome.codes(), [(2, "bad-state")]);
    assert_eq!(
        outcome.rejects[0].message,
        "state `cart` holds version 3, but this function writes 2 and reads [1]"
    );
}
