//! Runs on services: what a run left there, the next one goes on with.

use std::io::Write;
use std::process::Stdio;
use std::time::Duration;

use invoker_tests::servers;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::workplace::{Workplace, consume, counted, last_counts};

fn on(kafka: &str, redis: &str, output: &str, place: &Workplace) -> Vec<String> {
    let input = format!("{}=in.txt", place.topic("lines"));
    let output = format!("{}={output}", place.topic("counts"));
    let mut words = vec!["run", "topology.yaml", "--input", &input, "--output", &output];
    words.extend(["--output-records", "key-value", "--kafka", kafka, "--redis", redis]);
    words.into_iter().map(str::to_owned).collect()
}

#[test]
fn a_second_run_goes_on_where_the_first_ended() {
    let (kafka, redis) = (servers::kafka().unwrap(), servers::redis().unwrap());
    let place = Workplace::new("again");
    place.write_topology("  createTopics: true\n");
    let words = on(&kafka, &redis, "out.txt", &place);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    place.write("in.txt", &"the cat sat\non the mat\n".repeat(300));
    let first = place.invoker(&words);
    assert_eq!(first.code, 0, "{}", first.err);
    assert!(
        first.err.contains("records in Kafka at") && first.err.contains("state in Redis at"),
        "{}",
        first.err
    );
    let mut file = std::fs::OpenOptions::new().append(true).open(place.path("in.txt")).unwrap();
    file.write_all(b"the dog\n").unwrap();
    let second = place.invoker(&words);
    assert_eq!(second.code, 0, "{}", second.err);
    let read = std::fs::read_to_string(place.path("in.txt")).unwrap();
    let expected = counted(&read);
    assert_eq!(last_counts(&std::fs::read_to_string(place.path("out.txt")).unwrap()), expected);
    assert_eq!(last_counts(&consume(&kafka, &place.topic("counts"))), expected);
}

#[test]
fn topics_are_not_made_unless_the_topology_says_so() {
    let (kafka, redis) = (servers::kafka().unwrap(), servers::redis().unwrap());
    let place = Workplace::new("none");
    place.write_topology("");
    let ended = place.invoker(&["run", "topology.yaml", "--kafka", &kafka, "--redis", &redis]);
    let missing = format!("inputTopic: the topic {:?} does not exist", place.topic("lines"));
    ended.failed(3, &[&missing, "createTopics: true"]);
}

#[test]
fn services_of_the_topology_are_used_when_asked_for() {
    let (kafka, redis) = (servers::kafka().unwrap(), servers::redis().unwrap());
    let place = Workplace::new("named");
    place.write("secrets/redis/url", &format!("{redis}\n"));
    place.write_topology(&format!(
        "  createTopics: true\n  ioAddress: {kafka:?}\n  state: {{ redis: {{ secretRef: {{ name: redis }} }} }}\n"
    ));
    let input = format!("{}=in.txt", place.topic("lines"));
    place.write("in.txt", "a b a\n");
    let embedded = place.invoker(&["run", "topology.yaml", "--input", &input]);
    assert_eq!(embedded.code, 0, "{}", embedded.err);
    assert!(
        embedded.err.contains("spec.ioAddress, spec.state are not used: --services runs on"),
        "{}",
        embedded.err
    );
    let words = ["run", "topology.yaml", "--services", "--secrets", "secrets", "--input", &input];
    let ended = place.invoker(&words);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(!ended.err.contains("not used") && !ended.err.contains("createTopics"), "{}", ended.err);
    assert_eq!(last_counts(&consume(&kafka, &place.topic("counts"))), counted("a b a"));
}

#[test]
fn records_in_kafka_can_have_their_state_in_a_data_directory() {
    let kafka = servers::kafka().unwrap();
    let place = Workplace::new("mixed");
    place.write_topology("  createTopics: true\n");
    let input = format!("{}=in.txt", place.topic("lines"));
    place.write("in.txt", "a b a\n");
    let words = ["run", "topology.yaml", "--kafka", &kafka, "--input", &input, "--data", "data"];
    let without = place.invoker(&words[..6]);
    without.failed(2, &["Kafka without Redis needs --data"]);
    for _ in 0..2 {
        let ended = place.invoker(&words);
        assert_eq!(ended.code, 0, "{}", ended.err);
    }
    assert_eq!(last_counts(&consume(&kafka, &place.topic("counts"))), counted("a b a"));
}

#[test]
fn a_run_on_kafka_with_its_state_in_a_folder_is_killed_and_loses_and_repeats_nothing() {
    let kafka = servers::kafka().unwrap();
    let place = Workplace::new("killed");
    place.write_topology("  createTopics: true\n");
    let input = format!("{}=in.txt", place.topic("lines"));
    let words = ["run", "topology.yaml", "--kafka", &kafka, "--input", &input, "--data", "data"];
    let mut rng = SmallRng::seed_from_u64(1);
    let mut text = std::fs::File::options().create(true).append(true).open(place.path("in.txt")).unwrap();
    for life in 0..6 {
        // More than it gets done in its time.
        let more: String = (0..4_000).map(|line| format!("a life{life} word{} cat\n", line % 50)).collect();
        text.write_all(more.as_bytes()).unwrap();
        let log = std::fs::File::create(place.path("run.log")).unwrap();
        let mut run = place.command(&words).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(rng.random_range(300..1_300)));
        run.kill().unwrap();
        run.wait().unwrap();
    }
    let ended = place.invoker(&words);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let text = std::fs::read_to_string(place.path("in.txt")).unwrap();
    assert_eq!(last_counts(&consume(&kafka, &place.topic("counts"))), counted(&text));
}

#[test]
fn a_run_on_kafka_is_a_member_of_the_groups_that_the_topology_shares() {
    let (kafka, redis) = (servers::kafka().unwrap(), servers::redis().unwrap());
    let place = Workplace::new("shared");
    place.write_topology("  createTopics: true\n");
    let topology = std::fs::read_to_string(place.path("topology.yaml")).unwrap();
    let words = format!("outputTopic: {}", place.topic("words"));
    place.write("topology.yaml", &topology.replace(&words, &format!("{words}, assignment: group")));
    place.write("in.txt", &"the cat sat\non the mat\n".repeat(300));
    let words = on(&kafka, &redis, "out.txt", &place);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let ended = place.invoker(&words);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(!ended.err.contains("ignored"), "{}", ended.err);
    let read = std::fs::read_to_string(place.path("in.txt")).unwrap();
    assert_eq!(last_counts(&consume(&kafka, &place.topic("counts"))), counted(&read));
}
