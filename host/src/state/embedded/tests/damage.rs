//! Records that are damaged or of a newer format.

use super::*;
use crate::db::Sync;

/// Puts one key into a space of the database under a store, then opens a store on it.
fn meddle(
    state: EmbeddedState,
    space: &str,
    change: impl FnOnce(&Space, &mut Batch),
) -> Result<EmbeddedState, Error> {
    let db = state.db.clone();
    drop(state);
    let space = db.space(space).unwrap();
    let mut batch = Batch::new();
    change(&space, &mut batch);
    db.write(batch, Sync::Later).unwrap();
    EmbeddedState::open(db, Journal::Shared)
}

fn first_key(space: &Space) -> Vec<u8> {
    space.range(b"", None).next().unwrap().unwrap().0.to_vec()
}

#[test]
fn a_record_of_a_newer_format_is_refused() {
    let error = meddle(used().0, "state.control", |space, batch| {
        let key = first_key(space);
        let mut record = space.get(&key).unwrap().unwrap().to_vec();
        record[0] = 9;
        batch.put(space, &key, &record);
    });
    let error = error.unwrap_err().to_string();
    assert_eq!(error, "state of d/e[3] was written in format 9, this version reads up to 2");
}

#[test]
fn a_record_of_the_format_before_is_read() {
    let state = used().0;
    let token = state.owner(&scope()).unwrap().unwrap();
    let meta = Meta { format: 1, partition_count: 6, ..Meta::default() };
    state.set_meta(&scope(), token, &meta).unwrap();
    let state = meddle(state, "state.control", |space, batch| {
        let key = first_key(space);
        let mut record = space.get(&key).unwrap().unwrap().to_vec();
        assert_eq!((record[0], record.pop()), (2, Some(0)), "it ends with an empty list");
        record[0] = 1;
        batch.put(space, &key, &record);
    });
    assert_eq!(state.unwrap().meta(&scope()).unwrap(), Some(meta));
}

#[test]
fn damaged_records_are_named() {
    for record in [&b""[..], b"\x00", b"\x01", b"\x01\xff\xff"] {
        let error =
            meddle(used().0, "state.control", |space, batch| batch.put(space, &first_key(space), record));
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("state of d/e[3] is damaged: its record "), "{error}");
    }
    let error = meddle(used().0, "state.control", |space, batch| batch.put(space, b"junk", b"\x01"));
    let error = error.unwrap_err().to_string();
    assert_eq!(error, "state of b\"junk\" is damaged: this is not the name of a partition");
}

#[test]
fn damaged_values_are_named() {
    let state = meddle(used().0, "state.live", |space, batch| batch.put(space, &first_key(space), b"short"));
    let state = state.unwrap();
    let error = read(&state, b"k").unwrap_err().to_string();
    let expected =
        "state of d/e[3] is damaged: a value of state \"v\" is too short to hold its expiry: \"k\"";
    assert_eq!(error, expected);
    let scan = Scan {
        scope: &scope(),
        state: "v",
        kind: StateKind::Value,
        key: None,
        prefix: b"",
        start: None,
        limit: 10,
    };
    assert_eq!(state.scan(scan).unwrap_err().to_string(), expected);
}

#[test]
fn damaged_pending_rows_change_nothing() {
    type Change = fn(&Space, &mut Batch);
    let cases: [(Change, &str); 4] = [
        (|space, batch| batch.remove(space, &first_key(space)), "are missing"),
        (|space, batch| batch.put(space, &first_key(space), b"\xff"), "cannot be read"),
        (
            |space, batch| batch.put(space, &first_key(space), &[1, 0, 0, 0, b'k', 3, 0, 0, 0, 1, 1]),
            "cannot be read",
        ),
        (|space, batch| batch.put(space, &first_key(space), &[200, 0, 0, 0, b'k']), "cannot be read"),
    ];
    for (change, what) in cases {
        let (state, id) = used();
        let state = meddle(state, "state.pending", change).unwrap();
        let error = state.promote(&[(&scope(), id.token, id)]).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }) && !error.is_retryable());
        assert!(error.to_string().ends_with(&format!("pending stage 1 {what}")), "{error}");
        assert_eq!(read(&state, b"k").unwrap().as_deref(), Some(&b"1"[..]));
    }
}
