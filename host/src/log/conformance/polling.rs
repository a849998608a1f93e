//! What a source gives, and when.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use invoker_core::records::{RecordBatch, RecordRef};

use super::super::{Error, PollLimit};
use super::{ALL, MOMENT, Subject, at, records, texts, value};

pub fn seeking_reads_again(subject: &Subject) {
    let (topic, mut source) = (subject.topic(1), subject.source());
    let of = at(&topic, 0);
    subject.write(&topic, 0, &["a", "b", "c", "d"].map(value));
    let slot = source.assign(&of, 0).expect("assign");
    let all = subject.drain(source.as_mut(), slot, &of, 4);
    let third = all.get(2).expect("four came").offset;
    source.seek(slot, third).expect("seek");
    assert_eq!(source.position(slot), third);
    assert_eq!(subject.drain(source.as_mut(), slot, &of, 2), all.get(2..).expect("four came"));
    source.seek(slot, 0).expect("seek");
    assert_eq!(subject.drain(source.as_mut(), slot, &of, 4), all);
}

pub fn a_paused_slot_keeps_its_position(subject: &Subject) {
    let (topic, mut source) = (subject.topic(2), subject.source());
    subject.write(&topic, 0, &[value("zero")]);
    subject.write(&topic, 1, &[value("one")]);
    let slots = [0, 1].map(|partition| source.assign(&at(&topic, partition), 0).expect("assign"));
    let [zero, one] = slots;
    source.pause(zero);
    let came = subject.drain(source.as_mut(), one, &at(&topic, 1), 1);
    assert_eq!(texts(&came), ["one"]);
    let mut batch = RecordBatch::default();
    assert_eq!(source.poll(ALL, MOMENT, &mut batch).expect("poll"), None);
    assert_eq!(source.position(zero), 0);
    source.resume(zero);
    assert_eq!(texts(&subject.drain(source.as_mut(), zero, &at(&topic, 0), 1)), ["zero"]);
}

pub fn an_unassigned_slot_gives_nothing(subject: &Subject) {
    let (topic, mut source) = (subject.topic(2), subject.source());
    let of = at(&topic, 1);
    let slot = source.assign(&at(&topic, 0), 0).expect("assign");
    subject.write(&topic, 0, &[value("zero")]);
    source.unassign(slot);
    let mut batch = RecordBatch::default();
    assert_eq!(source.poll(ALL, MOMENT, &mut batch).expect("poll"), None);
    subject.write(&topic, 1, &[value("one")]);
    let slot = source.assign(&of, 0).expect("assign");
    assert_eq!(texts(&subject.drain(source.as_mut(), slot, &of, 1)), ["one"]);
}

/// Polls until a batch comes.
fn next(subject: &Subject, source: &mut dyn super::Source, limit: PollLimit) -> (usize, Vec<super::Record>) {
    let mut batch = RecordBatch::default();
    let slot = source.poll(limit, subject.patience, &mut batch).expect("poll").expect("a batch comes");
    (slot, records(&batch))
}

pub fn polls_keep_their_limits(subject: &Subject) {
    let (topic, mut source) = (subject.topic(1), subject.source());
    let mut producer = subject.producer();
    let text = "x".repeat(100);
    for _ in 0..5 {
        let some: Vec<_> = (0..50).map(|_| value(&text)).collect();
        subject.write_with(producer.as_mut(), &topic, 0, &some);
    }
    let slot = source.assign(&at(&topic, 0), 0).expect("assign");
    for limit in [
        PollLimit { records: 1, bytes: 1 << 20 },
        PollLimit { records: 7, bytes: 1 << 20 },
        PollLimit { records: 1000, bytes: 1 },
        PollLimit { records: 1000, bytes: 1234 },
        PollLimit { records: 1000, bytes: 6000 },
    ] {
        source.seek(slot, 0).expect("seek");
        let (mut count, mut last) = (0, None);
        while count < 250 {
            let (_, came) = next(subject, source.as_mut(), limit);
            assert!(
                came.len() <= limit.records.min((limit.bytes / 100).max(1)),
                "{} of {limit:?}",
                came.len()
            );
            for record in &came {
                assert!(last < Some(record.offset), "{} after {last:?}", record.offset);
                last = Some(record.offset);
            }
            count += came.len();
        }
        assert_eq!(count, 250);
    }
}

pub fn a_record_larger_than_the_limit_comes_alone(subject: &Subject) {
    let (topic, mut source) = (subject.topic(1), subject.source());
    let large = "x".repeat(10_000);
    subject.write(&topic, 0, &[value("a"), value(&large), value("b"), value("c")]);
    source.assign(&at(&topic, 0), 0).expect("assign");
    let limit = PollLimit { records: 100, bytes: 1000 };
    let mut sizes = Vec::new();
    while sizes.iter().sum::<usize>() < 4 {
        let (_, came) = next(subject, source.as_mut(), limit);
        let is_large =
            |record: &super::Record| record.value.as_ref().is_some_and(|value| value.len() == 10_000);
        assert!(came.len() == 1 || !came.iter().any(is_large), "the large record had company");
        sizes.push(came.len());
    }
}

pub fn partitions_take_turns(subject: &Subject) {
    let (topic, mut source, mut producer) = (subject.topic(3), subject.source(), subject.producer());
    let some = vec![value("v"); 20];
    for partition in 0..3 {
        subject.write_with(producer.as_mut(), &topic, partition, &some);
    }
    let slots = [0, 1, 2].map(|partition| source.assign(&at(&topic, partition), 0).expect("assign"));
    let (limit, mut counts) = (PollLimit { records: 10, bytes: 1 << 20 }, [0; 3]);
    let deadline = Instant::now() + subject.patience;
    // Whoever has just been read has more at once; the others come all the same.
    while counts.iter().any(|count| *count < 60) {
        assert!(Instant::now() < deadline, "partitions were left behind: {counts:?}");
        let (slot, came) = next(subject, source.as_mut(), limit);
        for (partition, (count, known)) in (0..).zip(counts.iter_mut().zip(slots)) {
            if known == slot {
                *count += came.len();
                subject.write_with(producer.as_mut(), &topic, partition, &some);
            }
        }
    }
}

pub fn a_commit_wakes_a_waiting_poll(subject: &Subject) {
    let topic = subject.topic(1);
    let (tell, told) = mpsc::channel();
    let reader = {
        let (subject, topic) = (subject.clone(), topic.clone());
        std::thread::spawn(move || {
            let (mut source, mut batch) = (subject.source(), RecordBatch::default());
            source.assign(&at(&topic, 0), 0).expect("assign");
            assert_eq!(source.poll(ALL, Duration::ZERO, &mut batch).expect("poll"), None);
            tell.send(()).expect("the main thread listens");
            let began = Instant::now();
            let slot = source.poll(ALL, subject.patience * 4, &mut batch).expect("poll");
            (slot.is_some(), records(&batch), began.elapsed())
        })
    };
    told.recv().expect("the reader is about to wait");
    subject.write(&topic, 0, &[value("wake")]);
    let (came, records, waited) = reader.join().expect("the reader");
    assert!(came && waited < subject.patience, "came: {came}, after {waited:?}");
    assert_eq!(texts(&records), ["wake"]);
}

pub fn nothing_is_none(subject: &Subject) {
    let (topic, mut source) = (subject.topic(1), subject.source());
    let mut batch = RecordBatch::default();
    batch.push(3, value("left over"));
    assert_eq!(source.poll(ALL, Duration::ZERO, &mut batch).expect("poll without slots"), None);
    let slot = source.assign(&at(&topic, 0), 0).expect("assign");
    assert_eq!(source.poll(ALL, MOMENT, &mut batch).expect("poll"), None);
    assert_eq!((batch.len(), source.position(slot)), (0, 0));
}

pub fn a_position_out_of_range_is_an_error_until_seek(subject: &Subject) {
    let (topic, mut source) = (subject.topic(1), subject.source());
    let of = at(&topic, 0);
    subject.write(&topic, 0, &[value("a")]);
    subject.read(&topic, 0, 1);
    let slot = source.assign(&of, 1000).expect("assign");
    let mut batch = RecordBatch::default();
    for _ in 0..2 {
        let mut error = None;
        subject.until("a position past the end is an error", || {
            error = source.poll(ALL, MOMENT, &mut batch).err();
            error.is_some()
        });
        assert!(
            matches!(&error, Some(Error::OffsetOutOfRange { topic: name, partition: 0, offset: 1000, .. }) if *name == topic),
            "{error:?}"
        );
    }
    source.seek(slot, 0).expect("seek");
    assert_eq!(texts(&subject.drain(source.as_mut(), slot, &of, 1)), ["a"]);
}

pub fn reading_goes_on_at_any_position(subject: &Subject) {
    let (topic, mut source) = (subject.topic(1), subject.source());
    let mut producer = subject.producer();
    for round in 0..5 {
        let some = [format!("{round} 0"), format!("{round} 1"), format!("{round} 2")];
        subject.write_with(producer.as_mut(), &topic, 0, &some.each_ref().map(|text| value(text)));
    }
    let all = subject.read(&topic, 0, 15);
    let of = at(&topic, 0);
    let (_, end) = source.bounds(&of).expect("bounds");
    for position in 0..=end {
        // A position inside a gap is that of the record behind it.
        let rest: Vec<_> = all.iter().filter(|record| record.offset >= position).cloned().collect();
        let slot = source.assign(&of, position).expect("assign");
        assert_eq!(subject.drain(source.as_mut(), slot, &of, rest.len()), rest, "from {position}");
        source.unassign(slot);
    }
}

pub fn offsets_are_found_by_time(subject: &Subject) {
    let (topic, source) = (subject.topic(1), subject.source());
    let of = at(&topic, 0);
    assert_eq!(source.offset_for_time(&of, 1).expect("time"), 0);
    let record = |timestamp| RecordRef { key: None, value: Some(b"v"), timestamp, headers: &[] };
    let day = 1_700_000_000_000;
    subject.write(&topic, 0, &[record(day), record(day + 10)]);
    subject.write(&topic, 0, &[record(day + 20), record(day + 30)]);
    let all = subject.read(&topic, 0, 4);
    let (_, end) = source.bounds(&of).expect("bounds");
    let found = |timestamp| source.offset_for_time(&of, timestamp).expect("time");
    // Commit markers have times of their own, so that a log may answer with one in front of the record.
    for record in &all {
        assert!(found(record.timestamp) <= record.offset, "{} of {record:?}", found(record.timestamp));
        assert!(found(record.timestamp - 5) <= record.offset);
    }
    assert_eq!(found(0), all.first().expect("four came").offset);
    let last = all.last().expect("four came").offset;
    let (late, behind) = (found(day + 30), found(day + 31));
    assert!(late <= last && behind <= end, "{late}, {behind} of {end}");
}

pub fn a_paused_slot_can_be_sought(subject: &Subject) {
    let (topic, mut source) = (subject.topic(1), subject.source());
    let of = at(&topic, 0);
    subject.write(&topic, 0, &["a", "b", "c", "d"].map(value));
    let slot = source.assign(&of, 0).expect("assign");
    let all = subject.drain(source.as_mut(), slot, &of, 4);
    let mut batch = RecordBatch::default();
    // Once with everything read, once with records fetched and not polled.
    for first in [1, 2, 0] {
        let from = all.get(first).expect("four came").offset;
        source.pause(slot);
        source.seek(slot, from).expect("seek");
        assert_eq!(source.poll(ALL, MOMENT, &mut batch).expect("poll"), None);
        assert_eq!(source.position(slot), from);
        source.resume(slot);
        let limit = PollLimit { records: 1, bytes: 1 << 20 };
        let (_, came) = next(subject, source.as_mut(), limit);
        assert_eq!(came, all.get(first..=first).expect("four came"));
    }
    source.pause(slot);
    source.resume(slot);
    assert_eq!(subject.drain(source.as_mut(), slot, &of, 3), all.get(1..).expect("four came"));
}

pub fn what_was_fetched_before_a_seek_never_comes(subject: &Subject) {
    let (topic, mut source) = (subject.topic(1), subject.source());
    let of = at(&topic, 0);
    let text = "x".repeat(1000);
    for _ in 0..10 {
        let some: Vec<_> = (0..300).map(|_| value(&text)).collect();
        subject.write(&topic, 0, &some);
    }
    let slot = source.assign(&of, 0).expect("assign");
    let limit = PollLimit { records: 100, bytes: 1 << 20 };
    let (_, start) = next(subject, source.as_mut(), limit);
    // Forth and back, while more is on its way: a gap behind the position sought would be a loss.
    for round in 0..20 {
        let (_, ahead) = next(subject, source.as_mut(), limit);
        assert!(ahead.first().map(|record| record.offset) > start.last().map(|record| record.offset));
        source.seek(slot, 0).expect("seek");
        let mut again = Vec::new();
        while again.len() < start.len() {
            let (_, came) =
                next(subject, source.as_mut(), PollLimit { records: start.len() - again.len(), ..limit });
            again.extend(came);
        }
        assert_eq!(again, start, "round {round}");
    }
}
