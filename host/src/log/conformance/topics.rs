//! Topics, and what is said of those that are not there.

use super::super::{Error, TopicSpec};
use super::{Subject, at, value};

pub fn topics_are_described(subject: &Subject) {
    let (one, three, nowhere) = (subject.topic(1), subject.topic(3), subject.fresh("nowhere"));
    let topics = subject.log.topics();
    for (name, partitions) in [(&one, 1), (&three, 3)] {
        let described = topics.describe(name).expect("describe").expect("it is there");
        assert_eq!((&described.name, described.partitions), (name, partitions));
        assert_eq!(topics.describe(name).expect("describe"), Some(described), "the id stays");
    }
    assert_eq!(topics.describe(&nowhere).expect("describe"), None);
    let all = topics.list().expect("list");
    assert!(all.is_sorted_by(|a, b| a.name < b.name));
    for name in [&one, &three] {
        assert_eq!(all.iter().filter(|topic| topic.name == *name).count(), 1);
    }
    let (_, partitions) = subject.producer().open(&three).expect("open");
    assert_eq!(partitions, 3);
}

pub fn a_topic_is_made_once(subject: &Subject) {
    let topic = subject.topic(2);
    subject.write(&topic, 0, &[value("kept")]);
    for partitions in [2, 5] {
        let spec = TopicSpec { name: topic.clone(), partitions, ..TopicSpec::default() };
        let error = subject.log.topics().create(&spec).expect_err("the topic exists");
        assert!(matches!(&error, Error::TopicExists { topic: name } if *name == topic), "{error}");
    }
    assert_eq!(
        subject.log.topics().describe(&topic).expect("describe").map(|topic| topic.partitions),
        Some(2)
    );
    subject.read(&topic, 0, 1);
}

pub fn unknown_topics_and_partitions_are_named(subject: &Subject) {
    let (topic, nowhere) = (subject.topic(2), subject.fresh("nowhere"));
    let (mut source, mut producer) = (subject.source(), subject.producer());
    let no_topic = |error: Error| {
        assert!(matches!(&error, Error::UnknownTopic { topic } if *topic == nowhere), "{error}");
    };
    no_topic(source.assign(&at(&nowhere, 0), 0).expect_err("an unknown topic"));
    no_topic(source.bounds(&at(&nowhere, 0)).expect_err("an unknown topic"));
    no_topic(source.offset_for_time(&at(&nowhere, 0), 1).expect_err("an unknown topic"));
    no_topic(producer.open(&nowhere).expect_err("an unknown topic"));
    let no_partition = |error: Error| {
        assert!(matches!(&error, Error::UnknownPartition { partition: 2, count: 2, .. }), "{error}");
    };
    no_partition(source.assign(&at(&topic, 2), 0).expect_err("an unknown partition"));
    no_partition(source.bounds(&at(&topic, 2)).expect_err("an unknown partition"));
    producer.begin().expect("begin");
    let (handle, _) = producer.open(&topic).expect("open");
    no_partition(producer.write(handle, 2, value("v")).expect_err("an unknown partition"));
}

pub fn topic_names_follow_kafka(subject: &Subject) {
    let create = |name: &str, partitions| {
        let spec = TopicSpec { name: name.to_owned(), partitions, ..TopicSpec::default() };
        subject.log.topics().create(&spec)
    };
    let longest = subject.fresh("Long_.-1");
    create(&format!("{longest:x<249}"), 1).expect("a name of 249 characters");
    for name in ["", ".", "..", "with space", "slash/ed", "ümlaut", &format!("{longest:x<250}")] {
        let error = create(name, 1).expect_err("not a topic name");
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
    }
    let error = create(&subject.fresh("topic"), 0).expect_err("no partitions");
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
}
