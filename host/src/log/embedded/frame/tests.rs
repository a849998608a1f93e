//! Frames, whole, cut and damaged.

use invoker_core::records::RecordRef;

use super::*;

fn push(builder: &mut Builder, at: u8) {
    let value = vec![at; usize::from(at)];
    let headers = [(&b"h"[..], Some(&value[..])), (&b"none"[..], None)];
    builder.push(RecordRef {
        key: (!at.is_multiple_of(3)).then_some(&[at][..]),
        value: (!at.is_multiple_of(4)).then_some(&value),
        timestamp: if at == 5 { -1 } else { i64::from(at) },
        headers: headers.get(..usize::from(at % 3)).unwrap_or_default(),
    });
}

fn whole(bytes: &[u8]) -> RecordBatch {
    let frame = Frame::parse(bytes, false).unwrap();
    let mut batch = RecordBatch::default();
    frame.append(0..frame.len(), 100, &mut batch);
    batch
}

#[test]
fn a_frame_gives_back_its_records() {
    let mut builder = Builder::default();
    (0..20).for_each(|at| push(&mut builder, at));
    let encoded = builder.encode(77, true);
    assert!(builder.is_empty());
    assert_eq!((encoded.span, encoded.latest), (21, 77));
    let batch = whole(&encoded.bytes);
    assert_eq!(batch.offsets, (100..120).collect::<Vec<_>>());
    assert_eq!((batch.timestamps[4], batch.timestamps[5]), (4, 77));
    assert_eq!((batch.keys.get(3), batch.keys.get(4)), (None, Some(&[4u8][..])));
    assert_eq!((batch.values.get(4), batch.values.get(1)), (None, Some(&[1u8][..])));
    let headers: Vec<_> = batch.headers.of(5).collect();
    assert_eq!(headers, [(&b"h"[..], Some(&[5u8; 5][..])), (&b"none"[..], None)]);
    assert_eq!(batch.headers.of(6).count(), 0);
    assert_eq!((batch.keys.check(), batch.values.check()), (Ok(()), Ok(())));
}

#[test]
fn any_cuts_of_frames_make_the_batch_of_their_records() {
    let mut builder = Builder::default();
    (0..20).for_each(|at| push(&mut builder, at));
    let encoded = builder.encode(77, false);
    let (frame, whole) = (Frame::parse(&encoded.bytes, true).unwrap(), whole(&encoded.bytes));
    for cut in 0..=20 {
        let (mut batch, mut expected) = (RecordBatch::default(), RecordBatch::default());
        for range in [3..7, 0..cut, cut..20] {
            frame.append(range.clone(), 100, &mut batch);
            for at in range {
                let headers: Vec<_> = whole.headers.of(at).collect();
                let (key, value) = (whole.keys.get(at), whole.values.get(at));
                let record = RecordRef { key, value, timestamp: whole.timestamps[at], headers: &headers };
                expected.push(whole.offsets[at], record);
            }
        }
        assert_eq!(batch, expected, "cut at {cut}");
    }
}

#[test]
fn limits_cut_a_frame_where_they_are_reached() {
    let mut builder = Builder::default();
    (1..=10).for_each(|_| push(&mut builder, 7));
    let encoded = builder.encode(0, false);
    let frame = Frame::parse(&encoded.bytes, true).unwrap();
    let each = frame.bytes_before(1);
    assert_eq!(frame.fitting(0, 100, usize::MAX), 10);
    assert_eq!(frame.fitting(4, 100, usize::MAX), 6);
    assert_eq!(frame.fitting(4, 3, usize::MAX), 3);
    assert_eq!(frame.fitting(2, 100, each * 3), 3);
    assert_eq!(frame.fitting(2, 100, each * 3 - 1), 2);
    assert_eq!(frame.fitting(2, 100, each - 1), 0);
}

#[test]
fn damage_is_found() {
    let mut builder = Builder::default();
    (0..20).for_each(|at| push(&mut builder, at));
    let good = builder.encode(77, false).bytes.to_vec();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        assert!(Frame::parse(&bad, false).is_err(), "byte {at}");
        assert!(Frame::parse(&good[..at], false).is_err(), "cut at {at}");
    }
}
