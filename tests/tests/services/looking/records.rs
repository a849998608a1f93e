//! `topics` and `tail`.

use std::collections::BTreeMap;
use std::fs::File;
use std::process::{Child, Command, Stdio};

use invoker_tests::servers::{self, Kafka, KafkaOptions, Redis, RedisOptions};

use super::texts;
use crate::workplace::{Workplace, counted, produce, wait};

const TEXT: &str = "the cat sat\non the mat\nthe dog\n";

#[test]
fn what_a_run_left_is_shown_and_looking_changes_nothing() {
    let kafka = Kafka::start(&KafkaOptions::default()).unwrap();
    let redis = Redis::start(&RedisOptions::default()).unwrap();
    let place = Workplace::new("look");
    place.write_topology("  createTopics: true\n");
    let (address, url) = (kafka.address(), redis.url());
    place.run(&address, &url, &place.topic("lines"), TEXT, "in.txt");
    let groups = || {
        let class = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
        let told = kafka.tool(class, &["--all-groups", "--describe", "--offsets"]).unwrap();
        let mut lines: Vec<String> = told.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let changes = || {
        let told = redis.cli(&["info", "persistence"]).unwrap();
        let line = told.lines().find(|line| line.starts_with("rdb_changes_since_last_save")).unwrap();
        (line.trim().to_owned(), redis.cli(&["info", "replication"]).unwrap())
    };
    let before = (groups(), changes());

    let topics = place.look(&["topics", "--kafka", &address]).succeeded().objects();
    let partitions: BTreeMap<_, _> = topics
        .iter()
        .map(|topic| (topic["topic"].as_str().unwrap(), topic["partitions"].as_array().unwrap().len()))
        .collect();
    let names = ["lines", "words", "counts"].map(|name| place.topic(name));
    let dead = ["split", "count"].map(|entity| format!("default.{}.{entity}.dead-letter", place.name));
    assert_eq!(partitions, names.iter().chain(&dead).map(|name| (name.as_str(), 3)).collect());

    let lines = &place.topic("lines");
    let tail = |more: &[&str]| {
        let words = [&["tail", lines, "--kafka", &address], more].concat();
        place.look(&words).succeeded().objects()
    };
    let all = tail(&[]);
    let mut shown = texts(&all, "value");
    shown.sort_unstable();
    assert_eq!(shown, ["on the mat", "the cat sat", "the dog"]);
    let last = all.last().unwrap();
    let partition = last["partition"].to_string();
    assert_eq!(tail(&["--partition", &partition, "--from", "-1"]), std::slice::from_ref(last));
    assert_eq!(tail(&["--limit", "2"]), all[..2]);
    let time = (last["timestamp"].as_i64().unwrap() + 3_600_000).to_string();
    assert_eq!(tail(&["--from", &format!("@{time}")]), [] as [serde_json::Value; 0]);
    assert_eq!(tail(&["--from", "end"]), [] as [serde_json::Value; 0]);
    place.look(&["tail", lines, "--kafka", &address, "--partition", &partition, "--from", "99"]).succeeded();
    place.look(&["tail", "lnes", "--kafka", &address]).failed(2, &["there is no topic", lines]);
    place.look(&["dlq", "list", "--kafka", &address]).succeeded();

    let total = place.look(&["state", "scan", "count", "total", "--redis", &url]).succeeded().objects();
    let total: BTreeMap<_, _> = total
        .iter()
        .map(|entry| {
            (entry["key"].as_str().unwrap().to_owned(), entry["value"].as_str().unwrap().parse().unwrap())
        })
        .collect();
    assert_eq!(total, counted(TEXT));
    let the = place.invoker(&["state", "get", "count", "total", "the", "--redis", &url]).succeeded();
    assert!(the.out.ends_with("  the  3\n") && the.out.lines().count() == 1, "{the:?}");
    place.look(&["state", "export", "count", "--redis", &url]).succeeded();
    place
        .look(&["state", "get", "cuont", "total", "the", "--redis", &url])
        .failed(2, &["there is no state of an entity", "there are count"]);
    place
        .look(&["state", "get", "count", "totl", "the", "--redis", &url])
        .failed(2, &["has no state", "there are total"]);
    assert_eq!((groups(), changes()), before);
}

/// A command that goes on until it is ended.
struct Running {
    process: Child,
    out: std::path::PathBuf,
}

impl Running {
    fn start(place: &Workplace, words: &[&str]) -> Self {
        let out = place.path("out");
        let stdout = File::create(&out).unwrap();
        Self { process: place.command(words).stdout(stdout).stderr(Stdio::null()).spawn().unwrap(), out }
    }

    fn shows(&self, wanted: &[&str]) {
        wait("records to be shown", || {
            let text = std::fs::read_to_string(&self.out).unwrap();
            let values: Vec<_> = text.lines().map(|line| line.rsplit("  ").next().unwrap()).collect();
            values == wanted
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn a_topic_is_followed_and_its_new_partitions_too() {
    let (server, redis) = (Kafka::start(&KafkaOptions::default()).unwrap(), servers::redis().unwrap());
    let kafka = server.address();
    let place = Workplace::new("follow");
    place.write_topology("  createTopics: true\n");
    place.run(&kafka, &redis, &place.topic("lines"), "first\n", "in.txt");
    let topic = &place.topic("lines");
    let words = ["tail", topic, "--kafka", &kafka, "--follow"];
    let mut tail = Running::start(&place, &words);
    tail.shows(&["first"]);
    produce(&kafka, topic, 1, "second\nthird\n");
    tail.shows(&["first", "second", "third"]);
    let words_of_tool = ["--alter", "--topic", topic, "--partitions", "4"];
    server.tool("org.apache.kafka.tools.TopicCommand", &words_of_tool).unwrap();
    produce(&kafka, topic, 3, "fourth\n");
    tail.shows(&["first", "second", "third", "fourth"]);
    let id = tail.process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(tail.process.wait().unwrap().code(), None, "ended by the signal");
    let two = place.invoker(&[&words[..], &["--from", "-1", "--partition", "1", "--limit", "1"]].concat());
    assert!(two.code == 0 && two.out.ends_with("  -  third\n"), "{two:?}");
}
