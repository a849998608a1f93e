//! One producer per transactional id.

use super::super::{Commit, Committed, Error, Producer};
use super::{Subject, add, at, texts, value};

/// Whatever it tries, it is told.
fn is_finished(producer: &mut dyn Producer) {
    let begun = producer.begin();
    assert!(matches!(begun, Err(Error::Fenced { .. })), "{begun:?}");
}

pub fn an_older_producer_is_fenced(subject: &Subject) {
    let (topic, id) = (subject.topic(1), subject.fresh("id"));
    let mut older = subject.log.producer(&id).expect("make a producer");
    subject.write_with(older.as_mut(), &topic, 0, &[value("older")]);
    older.begin().expect("begin");
    add(older.as_mut(), &topic, 0, &[value("never")]);
    let mut newer = subject.log.producer(&id).expect("make a producer");
    assert_eq!(older.commit(), Commit::Fenced);
    is_finished(older.as_mut());
    subject.write_with(newer.as_mut(), &topic, 0, &[value("newer")]);
    drop(older);
    subject.write_with(newer.as_mut(), &topic, 0, &[value("still")]);
    assert_eq!(texts(&subject.read(&topic, 0, 3)), ["older", "newer", "still"]);
}

pub fn a_fenced_producer_leaves_nothing(subject: &Subject) {
    let (topic, id, group) = (subject.topic(1), subject.fresh("id"), subject.fresh("group"));
    let mut older = subject.log.producer(&id).expect("make a producer");
    older.begin().expect("begin");
    add(older.as_mut(), &topic, 0, &[value("never")]);
    let _newer = subject.log.producer(&id).expect("make a producer");
    // What it tries may fail at once or be told at the end; nothing of it may show.
    let (handle, _) = older.open(&topic).expect("open");
    let _ = older.write(handle, 0, value("never"));
    let _ = older.flush();
    let position = Committed { offset: 1, metadata: String::new() };
    let _ = older.add_offsets(&group, &[(at(&topic, 0), position)]);
    assert_eq!(older.commit(), Commit::Fenced);
    subject.read(&topic, 0, 0);
    assert_eq!(subject.source().committed(&group, &at(&topic, 0)).expect("committed"), None);
}

pub fn fencing_needs_no_producer(subject: &Subject) {
    let (topic, ids) = (subject.topic(1), [subject.fresh("id"), subject.fresh("id")]);
    let mut producers = ids.each_ref().map(|id| subject.log.producer(id).expect("make a producer"));
    for producer in &mut producers {
        producer.begin().expect("begin");
        add(producer.as_mut(), &topic, 0, &[value("never")]);
        producer.flush().expect("flush");
    }
    subject.log.fence(&ids).expect("fence");
    for producer in &mut producers {
        assert_eq!(producer.commit(), Commit::Fenced);
        is_finished(producer.as_mut());
    }
    subject.write(&topic, 0, &[value("after")]);
    assert_eq!(texts(&subject.read(&topic, 0, 1)), ["after"]);
}

pub fn fencing_an_unknown_id_is_fine(subject: &Subject) {
    let id = subject.fresh("id");
    subject.log.fence(std::slice::from_ref(&id)).expect("fence");
    let topic = subject.topic(1);
    let mut producer = subject.log.producer(&id).expect("make a producer");
    subject.write_with(producer.as_mut(), &topic, 0, &[value("first")]);
    assert_eq!(texts(&subject.read(&topic, 0, 1)), ["first"]);
}

pub fn fencing_frees_the_positions(subject: &Subject) {
    let (topic, group, id) = (subject.topic(1), subject.fresh("group"), subject.fresh("id"));
    let position = |offset| Committed { offset, metadata: "m".to_owned() };
    let mut producer = subject.log.producer(&id).expect("make a producer");
    for offset in [4, 8] {
        producer.begin().expect("begin");
        producer.add_offsets(&group, &[(at(&topic, 0), position(offset))]).expect("add offsets");
        if offset == 4 {
            assert_eq!(producer.commit(), Commit::Committed);
        }
    }
    subject.log.fence(&[id]).expect("fence");
    let committed = subject.source().committed(&group, &at(&topic, 0)).expect("committed");
    assert_eq!(committed, Some(position(4)));
    assert_eq!(producer.commit(), Commit::Fenced);
    let committed = subject.source().committed(&group, &at(&topic, 0)).expect("committed");
    assert_eq!(committed, Some(position(4)));
}
