//! Committed positions.

use std::sync::mpsc::{self, RecvTimeoutError};

use super::super::{Commit, Committed, Dealt, Error};
use super::{MOMENT, Subject, at};

fn position(offset: u64, metadata: &str) -> Committed {
    Committed { offset, metadata: metadata.to_owned() }
}

fn commit(subject: &Subject, group: &str, positions: &[(super::TopicPartition, Committed)]) {
    let mut producer = subject.producer();
    producer.begin().expect("begin");
    producer.add_offsets(group, positions).expect("add offsets");
    assert_eq!(producer.commit(), Commit::Committed);
}

pub fn metadata_comes_back(subject: &Subject) {
    let (topic, group, other) = (subject.topic(1), subject.fresh("group"), subject.fresh("group"));
    for metadata in ["7.000000000000feed.42", "", "ünïcode \u{1F980}"] {
        commit(subject, &group, &[(at(&topic, 0), position(1, metadata))]);
        let read = subject.source().committed(&group, &at(&topic, 0)).expect("committed");
        assert_eq!(read, Some(position(1, metadata)));
    }
    assert_eq!(subject.source().committed(&other, &at(&topic, 0)).expect("committed"), None);
}

pub fn a_group_without_positions_has_none(subject: &Subject) {
    let (topic, group) = (subject.topic(2), subject.fresh("group"));
    assert_eq!(subject.log.group(&group).expect("group"), []);
    commit(subject, &group, &[(at(&topic, 1), position(3, ""))]);
    assert_eq!(subject.source().committed(&group, &at(&topic, 0)).expect("committed"), None);
}

pub fn committed_positions_are_stable(subject: &Subject) {
    let (topic, group) = (subject.topic(1), subject.fresh("group"));
    commit(subject, &group, &[(at(&topic, 0), position(1, "old"))]);
    for (commits, expected) in [(true, position(2, "new")), (false, position(2, "new"))] {
        let mut producer = subject.producer();
        producer.begin().expect("begin");
        let pending = position(if commits { 2 } else { 3 }, "new");
        producer.add_offsets(&group, &[(at(&topic, 0), pending)]).expect("add offsets");
        let (tell, told) = mpsc::channel();
        let reader = {
            let (subject, group, topic) = (subject.clone(), group.clone(), topic.clone());
            std::thread::spawn(move || {
                let source = subject.source();
                loop {
                    match source.committed(&group, &at(&topic, 0)) {
                        Err(error @ Error::TimedOut { .. }) => assert!(error.is_retryable()),
                        other => return tell.send(other.expect("committed")),
                    }
                }
            })
        };
        assert_eq!(told.recv_timeout(MOMENT), Err(RecvTimeoutError::Timeout), "told while it was open");
        if commits {
            assert_eq!(producer.commit(), Commit::Committed);
        } else {
            producer.abort().expect("abort");
        }
        assert_eq!(told.recv_timeout(subject.patience), Ok(Some(expected)));
        reader.join().expect("the reader").expect("the main thread listens");
    }
}

pub fn groups_are_listed_and_deleted(subject: &Subject) {
    let (first, second) = (subject.topic(2), subject.topic(1));
    let (group, other) = (subject.fresh("group"), subject.fresh("group"));
    let mut all = vec![
        (at(&first, 0), position(1, "a")),
        (at(&first, 1), position(2, "b")),
        (at(&second, 0), position(3, "c")),
    ];
    commit(subject, &group, &all);
    commit(subject, &other, &all);
    let mut listed = subject.log.group(&group).expect("group");
    listed.sort_by(|a, b| a.0.cmp(&b.0));
    all.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(listed, all);
    subject.log.delete_group(&group).expect("delete");
    assert_eq!(subject.log.group(&group).expect("group"), []);
    assert_eq!(subject.source().committed(&group, &at(&first, 0)).expect("committed"), None);
    assert_eq!(subject.log.group(&other).expect("group").len(), 3);
    subject.log.delete_group(&group).expect("delete a group that is gone");
}

pub fn positions_of_unknown_partitions_are_refused(subject: &Subject) {
    let (topic, group) = (subject.topic(1), subject.fresh("group"));
    let nowhere = subject.fresh("nowhere");
    let (source, mut producer) = (subject.source(), subject.producer());
    let error = source.committed(&group, &at(&nowhere, 0)).expect_err("an unknown topic");
    assert!(matches!(&error, Error::UnknownTopic { topic } if *topic == nowhere), "{error}");
    let error = source.committed(&group, &at(&topic, 1)).expect_err("an unknown partition");
    assert!(matches!(error, Error::UnknownPartition { partition: 1, count: 1, .. }), "{error}");
    producer.begin().expect("begin");
    let positions = [(at(&nowhere, 0), position(1, ""))];
    let error = producer.add_offsets(&group, &positions).expect_err("an unknown topic");
    assert!(matches!(&error, Error::UnknownTopic { topic } if *topic == nowhere), "{error}");
}

pub fn a_member_alone_is_given_every_partition(subject: &Subject) {
    let (topic, group) = (subject.topic(3), subject.fresh("group"));
    let mut member = subject.log.join(&group, "one", &topic).expect("join");
    let mut first = None;
    subject.until("the group has dealt", || {
        first = member.poll(MOMENT).expect("poll");
        first.is_some()
    });
    if let Some(Dealt::Given(partitions)) = &mut first {
        partitions.sort_unstable();
    }
    assert_eq!(first, Some(Dealt::Given(vec![0, 1, 2])));
    assert_eq!(member.poll(MOMENT).expect("poll"), None);
    commit(subject, &group, &[(at(&topic, 2), position(7, "while there is a member"))]);
    assert_eq!(subject.log.group(&group).expect("group").len(), 1);
}
