//! What a record keeps on its way through the log.

use std::time::{SystemTime, UNIX_EPOCH};

use invoker_core::records::RecordRef;

use super::super::Error;
use super::{Subject, at, texts, value};

pub fn keeps_the_order_of_a_partition(subject: &Subject) {
    let topic = subject.topic(2);
    let mut producer = subject.producer();
    let numbers: Vec<String> = (0..3000).map(|number| number.to_string()).collect();
    for some in numbers.chunks(700) {
        let some: Vec<_> = some.iter().map(|number| value(number)).collect();
        subject.write_with(producer.as_mut(), &topic, 1, &some);
    }
    assert_eq!(texts(&subject.read(&topic, 1, 3000)), numbers);
    subject.read(&topic, 0, 0);
}

pub fn offsets_rise_and_the_end_is_a_position(subject: &Subject) {
    let (topic, mut source) = (subject.topic(1), subject.source());
    let of = at(&topic, 0);
    assert_eq!(source.bounds(&of).expect("bounds"), (0, 0));
    for _ in 0..3 {
        subject.write(&topic, 0, &[value("a"), value("b")]);
    }
    let slot = source.assign(&of, 0).expect("assign");
    let all = subject.drain(source.as_mut(), slot, &of, 6);
    let offsets: Vec<u64> = all.iter().map(|record| record.offset).collect();
    assert!(offsets.is_sorted_by(|a, b| a < b), "{offsets:?}");
    let (start, end) = source.bounds(&of).expect("bounds");
    assert!(start == 0 && offsets.iter().all(|&offset| offset < end), "{offsets:?}, end {end}");
    assert_eq!(source.position(slot), end);
    let mut again = subject.source();
    let slot = again.assign(&of, end).expect("assign");
    subject.write(&topic, 0, &[value("later")]);
    assert_eq!(texts(&subject.drain(again.as_mut(), slot, &of, 1)), ["later"]);
}

type Pair<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

pub fn keys_and_values_come_back(subject: &Subject) {
    let topic = subject.topic(1);
    let record = |key, value| RecordRef { key, value, timestamp: 1, headers: &[] };
    let bytes: Vec<u8> = (0..=255).collect();
    let written: [Pair<'_>; 7] = [
        (Some(b"key"), Some(b"value")),
        (None, Some(b"no key")),
        (Some(b"tombstone"), None),
        (None, None),
        (Some(b""), Some(b"")),
        (Some(&bytes), Some(&bytes)),
        (Some(b"\xff\xfe"), Some(b"not \xc3\x28 utf-8")),
    ];
    subject.write(&topic, 0, &written.map(|(key, value)| record(key, value)));
    let all = subject.read(&topic, 0, written.len());
    let read: Vec<_> = all.iter().map(|record| (record.key.as_deref(), record.value.as_deref())).collect();
    assert_eq!(read, written);
}

type Headers<'a> = Vec<(&'a [u8], Option<&'a [u8]>)>;

pub fn headers_come_back(subject: &Subject) {
    let topic = subject.topic(1);
    let written: [Headers<'_>; 4] = [
        vec![],
        vec![(b"b", Some(b"1")), (b"a", Some(b"2")), (b"b", Some(b"1")), (b"b", Some(b"3"))],
        vec![(b"null", None), (b"empty", Some(b"")), (b"bytes", Some(b"\xff\x00\xfe"))],
        vec![],
    ];
    for some in [&written[..], &written[..1]] {
        let record = |headers| RecordRef { key: None, value: Some(b"v"), timestamp: 1, headers };
        let some: Vec<_> = some.iter().map(|headers| record(headers)).collect();
        subject.write(&topic, 0, &some);
    }
    let all = subject.read(&topic, 0, 5);
    for (record, headers) in all.iter().zip(written.iter().chain(&written)) {
        let read: Headers<'_> =
            record.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref())).collect();
        assert_eq!(&read, headers);
    }
}

pub fn timestamps_are_kept_and_missing_ones_stamped(subject: &Subject) {
    let topic = subject.topic(1);
    let clock = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
        i64::try_from(since.as_millis()).expect("a time")
    };
    let before = clock();
    let record = |timestamp| RecordRef { key: None, value: Some(b"v"), timestamp, headers: &[] };
    let early = before - 60_000;
    subject.write(&topic, 0, &[record(early), record(-1), record(early - 500)]);
    let all = subject.read(&topic, 0, 3);
    let [kept, stamped, older] = all.as_slice() else { unreachable!("three were asked for") };
    assert_eq!((kept.timestamp, older.timestamp), (early, early - 500));
    assert!((before..=clock()).contains(&stamped.timestamp), "{}", stamped.timestamp);
}

pub fn a_record_over_the_limit_is_refused(subject: &Subject) {
    let (topic, mut producer) = (subject.topic(1), subject.producer());
    let (handle, _) = producer.open(&topic).expect("open");
    let limit = producer.record_limit(handle);
    let large = vec![b'x'; limit + 1];
    producer.begin().expect("begin");
    let record = RecordRef { key: None, value: Some(&large), timestamp: 1, headers: &[] };
    let error = producer.write(handle, 0, record).expect_err("larger than the limit");
    assert!(
        matches!(&error, Error::RecordTooLarge { topic: name, partition: 0, bytes, .. } if *name == topic && *bytes > limit),
        "{error}"
    );
    producer.abort().expect("abort");
    subject.write_with(producer.as_mut(), &topic, 0, &[value("goes on")]);
    assert_eq!(texts(&subject.read(&topic, 0, 1)), ["goes on"]);
}

pub fn a_large_record_passes(subject: &Subject) {
    let (topic, mut producer) = (subject.topic(1), subject.producer());
    let (handle, _) = producer.open(&topic).expect("open");
    let size = producer.record_limit(handle).min(50_000_000) - 1000;
    let large: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
    let record = RecordRef { key: Some(b"k"), value: Some(&large), timestamp: 1, headers: &[] };
    subject.write(&topic, 0, &[value("before"), record, value("behind")]);
    let all = subject.read(&topic, 0, 3);
    let values: Vec<_> = all.iter().map(|record| record.value.as_deref()).collect();
    assert!(values == [Some(&b"before"[..]), Some(&large), Some(b"behind")], "the large record changed");
}
