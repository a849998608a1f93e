//! What a function sends: keys, ports, times, partitions, headers, and that a failed record sends nothing.

use invoker_sdk::prelude::*;
use invoker_sdk::testing::{Incoming, Outcome, Sent, Test, record};

fn of(outcome: &Outcome) -> Vec<(&str, Option<&str>, Option<&str>)> {
    outcome.sent.iter().map(|sent| (sent.output.as_str(), text_of(&sent.key), text_of(&sent.value))).collect()
}

fn text_of(bytes: &Option<Vec<u8>>) -> Option<&str> {
    bytes.as_deref().map(|bytes| str::from_utf8(bytes).unwrap_or("(not text)"))
}

/// Does what its value says, one word after the other.
#[function]
fn obey(record: Record<'_>, a: &mut Output, b: &mut Output<String>) -> Result {
    for word in record.text()?.split(' ') {
        match word {
            "a" => a.send(b"plain")?,
            "b" => b.send("plain")?,
            "keyed" => a.send_keyed("own", b"keyed")?,
            "no-key" => a.with().no_key().send(b"no-key")?,
            "gone" => b.with().key("gone").tombstone()?,
            "time" => a.with().timestamp(77).send(b"time")?,
            "partition" => b.with().partition(3).send("partition")?,
            other => return Err(Error::reject("unknown", format_args!("no \"{other}\""))),
        }
    }
    Ok(())
}

#[test]
fn outputs_keep_the_key_of_their_record_unless_they_say_otherwise() {
    let outcome = Test::<obey>::new().process([
        record("a b").key("k1"),
        record("a"),
        record("keyed a no-key gone").key("k2"),
        record("b").key("k3"),
    ]);
    assert_eq!(
        of(&outcome),
        [
            ("a", Some("k1"), Some("plain")),
            ("b", Some("k1"), Some("plain")),
            ("a", None, Some("plain")),
            ("a", Some("own"), Some("keyed")),
            ("a", Some("k2"), Some("plain")),
            ("a", None, Some("no-key")),
            ("b", Some("gone"), None),
            ("b", Some("k3"), Some("plain")),
        ]
    );
    assert_eq!(outcome.sent.iter().map(|sent| sent.source).collect::<Vec<_>>(), [0, 0, 1, 2, 2, 2, 2, 3]);
}

#[test]
fn times_and_partitions_of_others_are_those_of_their_records() {
    let given = [record("a").timestamp(5), record("time partition a").timestamp(6), record("b")];
    let outcome = Test::<obey>::new().process(given);
    let times: Vec<_> = outcome.sent.iter().map(|sent| sent.timestamp).collect();
    assert_eq!(times, [Some(5), Some(77), Some(6), Some(6), None]);
    let partitions: Vec<_> = outcome.sent.iter().map(|sent| sent.partition).collect();
    assert_eq!(partitions, [None, None, Some(3), None, None]);
}

#[test]
fn a_failed_record_sends_nothing_and_the_others_are_not_touched() {
    let outcome = Test::<obey>::new().process([
        record("a").key("k1"),
        record("a keyed time partition gone oops").key("k2").timestamp(1),
        record("keyed b").key("k3"),
        record("b oops"),
    ]);
    assert_eq!(
        of(&outcome),
        [
            ("a", Some("k1"), Some("plain")),
            ("a", Some("own"), Some("keyed")),
            ("b", Some("k3"), Some("plain"))
        ]
    );
    assert_eq!(outcome.codes(), [(1, "unknown"), (3, "unknown")]);
    assert_eq!(outcome.rejects[0].message, "no \"oops\"");
    assert!(outcome.sent.iter().all(|sent| sent.timestamp.is_none() && sent.partition.is_none()));
}

/// Fails half-way through what it writes.
struct Torn;

impl Encode for Torn {
    type Ref<'a> = ();

    fn encode((): (), into: &mut Vec<u8>) -> Result {
        into.extend_from_slice(b"half");
        Err(Error::reject("torn", "half-way"))
    }
}

#[function]
fn tear(_: Record<'_>, torn: &mut Output<Torn>, whole: &mut Output) -> Result {
    assert!(torn.send(()).is_err());
    whole.send(b"whole")
}

#[test]
fn a_value_that_cannot_be_encoded_leaves_nothing_behind() {
    let outcome = Test::<tear>::new().process(["x", "y"]);
    assert_eq!(of(&outcome), [("whole", None, Some("whole")), ("whole", None, Some("whole"))]);
}

fn headers(sent: &Sent) -> Vec<(&str, Option<&[u8]>)> {
    sent.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).collect()
}

fn tagged() -> Incoming {
    record("x").header("trace", "1").header("trace", "2")
}

#[function(headers = "read")]
fn read(record: Record<'_>, out: &mut Output) -> Result {
    out.send(record.header("trace").unwrap_or(b"none"))?;
    out.with().header("more", "3").null_header("null").send(b"")?;
    out.with().no_headers().header("only", "4").send(b"")?;
    out.with().no_headers().send(b"")?;
    if record.headers().count() == 0 { Err(Error::reject("bare", "no headers")) } else { Ok(()) }
}

#[test]
fn headers_that_are_read_are_forwarded_and_can_be_added_to() {
    let outcome = Test::<read>::new().process([tagged(), record("bare"), tagged()]);
    assert_eq!(outcome.codes(), [(1, "bare")]);
    assert_eq!(outcome.sent.len(), 8);
    for sent in outcome.sent.chunks(4) {
        assert_eq!(sent[0].value.as_deref(), Some(&b"2"[..]), "the last of a name");
        let both = [("trace", Some(&b"1"[..])), ("trace", Some(&b"2"[..]))];
        assert_eq!(headers(&sent[0]), both);
        assert_eq!(headers(&sent[1]), [both[0], both[1], ("more", Some(b"3")), ("null", None)]);
        assert_eq!(headers(&sent[2]), [("only", Some(&b"4"[..]))]);
        assert_eq!(headers(&sent[3]), []);
    }
}

#[function(headers = "drop")]
fn fresh(_: Record<'_>, out: &mut Output) -> Result {
    out.send(b"")?;
    out.with().header("new", "1").send(b"")
}

#[function]
fn unseen(_: Record<'_>, out: &mut Output) -> Result {
    out.send(b"")?;
    out.with().header("new", "1").send(b"")
}

#[test]
fn dropped_headers_leave_room_for_new_ones() {
    let outcome = Test::<fresh>::new().process([tagged()]);
    assert_eq!(
        (headers(&outcome.sent[0]), headers(&outcome.sent[1])),
        (vec![], vec![("new", Some(&b"1"[..]))])
    );
}

#[test]
fn headers_that_the_host_forwards_unseen_cannot_be_set() {
    let outcome = Test::<unseen>::new().process([tagged()]);
    assert_eq!(outcome.codes(), [(0, "headers-forwarded")]);
    assert!(outcome.sent.is_empty());
}

/// Sends ten times a megabyte.
#[function]
fn flood(_: Record<'_>, out: &mut Output) -> Result {
    (0..10).try_for_each(|_| out.send(&[b'x'; 1 << 20]))
}

#[test]
fn a_call_that_sends_much_ends_early_and_is_called_again() {
    // The native context asserts that each result accounts for what it sent.
    let outcome = Test::<flood>::new().process(["1", "2", "3"]);
    assert_eq!(
        outcome.sent.iter().map(|sent| sent.source).collect::<Vec<_>>(),
        [[0; 10], [1; 10], [2; 10]].concat()
    );
}
