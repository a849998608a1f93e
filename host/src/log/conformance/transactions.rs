//! What becomes visible, and when.

use invoker_core::records::RecordBatch;

use super::super::{Commit, Committed};
use super::{ALL, MOMENT, Subject, add, at, texts, value};

pub fn a_transaction_shows_everywhere_or_nowhere(subject: &Subject) {
    let (first, second) = (subject.topic(2), subject.topic(1));
    let places = [(first.as_str(), 0), (first.as_str(), 1), (second.as_str(), 0)];
    let mut producer = subject.producer();
    producer.begin().expect("begin");
    for (topic, partition) in places {
        add(producer.as_mut(), topic, partition, &[value("aborted")]);
    }
    producer.flush().expect("flush");
    producer.abort().expect("abort");
    producer.begin().expect("begin");
    for (topic, partition) in places {
        add(producer.as_mut(), topic, partition, &[value("committed"), value("too")]);
    }
    assert_eq!(producer.commit(), Commit::Committed);
    for (topic, partition) in places {
        assert_eq!(texts(&subject.read(topic, partition, 2)), ["committed", "too"]);
    }
}

pub fn what_is_not_committed_is_not_seen(subject: &Subject) {
    let topic = subject.topic(1);
    let (mut producer, mut source) = (subject.producer(), subject.source());
    let slot = source.assign(&at(&topic, 0), 0).expect("assign");
    producer.begin().expect("begin");
    add(producer.as_mut(), &topic, 0, &[value("open")]);
    producer.flush().expect("flush");
    let mut batch = RecordBatch::default();
    assert_eq!(source.poll(ALL, MOMENT, &mut batch).expect("poll"), None);
    assert_eq!(source.bounds(&at(&topic, 0)).expect("bounds"), (0, 0));
    assert_eq!(producer.commit(), Commit::Committed);
    assert_eq!(texts(&subject.drain(source.as_mut(), slot, &at(&topic, 0), 1)), ["open"]);
}

pub fn what_needs_no_transaction_is_seen_by_itself(subject: &Subject) {
    // A log may have none.
    let Some(mut plain) = subject.log.plain_producer().expect("make one") else { return };
    let (topic, other) = (subject.topic(1), subject.topic(1));
    for texts in [["one", "two"], ["three", "four"]] {
        plain.begin().expect("begin");
        add(plain.as_mut(), &topic, 0, &texts.map(value));
        assert!(plain.pending_bytes() > 0);
        plain.flush().expect("flush");
    }
    assert_eq!(texts(&subject.read(&topic, 0, 4)), ["one", "two", "three", "four"]);
    plain.begin().expect("begin");
    assert_eq!(plain.pending_bytes(), 0);
    add(plain.as_mut(), &other, 0, &[value("five")]);
    assert_eq!(plain.commit(), Commit::Committed);
    assert_eq!(texts(&subject.read(&other, 0, 1)), ["five"]);
    let position = Committed { offset: 1, metadata: String::new() };
    plain.add_offsets("group", &[(at(&topic, 0), position)]).expect_err("nobody could fence it");
}

pub fn what_was_aborted_is_never_seen(subject: &Subject) {
    let (topic, mut producer) = (subject.topic(1), subject.producer());
    for round in 0..4 {
        producer.begin().expect("begin");
        add(producer.as_mut(), &topic, 0, &[value("no"), value("no")]);
        producer.flush().expect("flush");
        producer.abort().expect("abort");
        subject.write_with(producer.as_mut(), &topic, 0, &[value(&format!("yes {round}"))]);
    }
    assert_eq!(texts(&subject.read(&topic, 0, 4)), ["yes 0", "yes 1", "yes 2", "yes 3"]);
}

pub fn a_producer_goes_on_after_an_abort(subject: &Subject) {
    let (topic, mut producer) = (subject.topic(1), subject.producer());
    subject.write_with(producer.as_mut(), &topic, 0, &[value("one")]);
    producer.begin().expect("begin");
    producer.abort().expect("abort of nothing");
    subject.write_with(producer.as_mut(), &topic, 0, &[value("two")]);
    assert_eq!(texts(&subject.read(&topic, 0, 2)), ["one", "two"]);
}

pub fn positions_commit_with_the_records(subject: &Subject) {
    let (input, output, group) = (subject.topic(2), subject.topic(1), subject.fresh("group"));
    let (mut producer, source) = (subject.producer(), subject.source());
    let committed = |offset| Committed { offset, metadata: String::new() };
    let read = |partition| source.committed(&group, &at(&input, partition)).expect("committed");

    producer.begin().expect("begin");
    add(producer.as_mut(), &output, 0, &[value("aborted")]);
    producer.add_offsets(&group, &[(at(&input, 0), committed(5))]).expect("add offsets");
    producer.abort().expect("abort");
    subject.write_with(producer.as_mut(), &output, 0, &[value("without positions")]);
    assert_eq!(read(0), None);
    subject.read(&output, 0, 1);

    producer.begin().expect("begin");
    add(producer.as_mut(), &output, 0, &[value("committed")]);
    let positions = [(at(&input, 0), committed(7)), (at(&input, 1), committed(9))];
    producer.add_offsets(&group, &positions).expect("add offsets");
    assert_eq!(producer.commit(), Commit::Committed);
    assert_eq!((read(0), read(1)), (Some(committed(7)), Some(committed(9))));
    assert_eq!(texts(&subject.read(&output, 0, 2)), ["without positions", "committed"]);

    producer.begin().expect("begin");
    producer.add_offsets(&group, &[(at(&input, 0), committed(3))]).expect("add offsets");
    assert_eq!(producer.commit(), Commit::Committed, "a transaction of positions alone");
    assert_eq!((read(0), read(1)), (Some(committed(3)), Some(committed(9))), "positions may fall");
}

pub fn two_producers_share_a_partition(subject: &Subject) {
    let topic = subject.topic(1);
    let writers: Vec<_> = ["a", "b"]
        .map(|name| {
            let (subject, topic) = (subject.clone(), topic.clone());
            std::thread::spawn(move || {
                let mut producer = subject.producer();
                for round in 0..40 {
                    let some = [format!("{name} {round} 0"), format!("{name} {round} 1")];
                    let some = some.each_ref().map(|text| value(text));
                    subject.write_with(producer.as_mut(), &topic, 0, &some);
                }
            })
        })
        .into();
    writers.into_iter().for_each(|writer| writer.join().expect("a writer"));
    let all = texts(&subject.read(&topic, 0, 160));
    for name in ["a", "b"] {
        let own: Vec<_> = all.iter().filter(|text| text.starts_with(name)).cloned().collect();
        let expected: Vec<_> =
            (0..40).flat_map(|round| [0, 1].map(|at| format!("{name} {round} {at}"))).collect();
        assert_eq!(own, expected);
    }
}

pub fn an_empty_transaction_commits(subject: &Subject) {
    let mut producer = subject.producer();
    for _ in 0..2 {
        producer.begin().expect("begin");
        assert_eq!(producer.commit(), Commit::Committed);
    }
}

pub fn pending_bytes_are_of_this_transaction(subject: &Subject) {
    let (topic, mut producer) = (subject.topic(1), subject.producer());
    producer.begin().expect("begin");
    assert_eq!(producer.pending_bytes(), 0);
    add(producer.as_mut(), &topic, 0, &[value("12345"), value("678")]);
    assert!(producer.pending_bytes() >= 8);
    producer.abort().expect("abort");
    producer.begin().expect("begin");
    assert_eq!(producer.pending_bytes(), 0);
}
