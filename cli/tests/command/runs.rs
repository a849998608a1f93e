//! Whole runs of the word count.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

use crate::invocation::{Ended, Folder, ended};

const RUN: [&str; 4] = ["run", "topology.yaml", "--input", "lines=in.txt"];

fn run(folder: &Folder, more: &[&str]) -> Ended {
    folder.invoker(&RUN.iter().chain(more).copied().collect::<Vec<_>>())
}

/// The last count of each word of a key-value output.
fn counts(text: &str) -> Vec<(String, u64)> {
    let mut counts = std::collections::BTreeMap::new();
    for line in text.lines() {
        let (word, count) = line.split_once('\t').unwrap();
        let count: u64 = count.parse().unwrap();
        let old = counts.insert(word.to_owned(), count);
        assert!(old.is_none_or(|old| old < count), "{line}");
    }
    counts.into_iter().collect()
}

#[test]
fn words_are_counted_and_the_run_ends_when_drained() {
    let folder = Folder::with_word_count();
    folder.write("in.txt", "the cat\nthe dog\n");
    let ended = run(&folder, &["--output", "counts=-", "--output-records", "key-value"]).succeeded();
    let expected = [("cat", 1), ("dog", 1), ("the", 2)].map(|(word, count)| (word.to_owned(), count));
    assert_eq!(counts(&ended.out), expected);
    for text in ["running default.words: split, count; data in memory", "drained after", "input  lines"] {
        assert!(ended.err.contains(text), "{text}: {ended:?}");
    }
}

#[test]
fn scripts_get_events_on_standard_error_and_records_on_standard_output() {
    let folder = Folder::with_word_count();
    folder.write("in.txt", "the cat\n");
    let ended = run(&folder, &["--output", "words=-", "--output-format", "json"]).succeeded();
    assert_eq!(ended.lines(), ["cat", "the"]);
    let events: Vec<serde_json::Value> =
        ended.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.first().unwrap()["event"], "start");
    let summary = events.last().unwrap();
    assert_eq!((&summary["event"], &summary["ended"]), (&"summary".into(), &"drained".into()));
    assert_eq!(summary["entities"][1]["recordsIn"], 2);
}

#[test]
fn a_second_run_goes_on_where_the_first_ended() {
    let folder = Folder::with_word_count();
    let more = ["--data", "data", "--output", "counts=out.txt", "--output-records", "key-value"];
    folder.write("in.txt", "the cat\nthe dog\n");
    run(&folder, &more).succeeded();
    let first = folder.read("out.txt");
    run(&folder, &more).succeeded();
    assert_eq!(folder.read("out.txt"), first);
    std::fs::OpenOptions::new()
        .append(true)
        .open(folder.path("in.txt"))
        .unwrap()
        .write_all(b"the\n")
        .unwrap();
    run(&folder, &more).succeeded();
    let expected = [("cat", 1), ("dog", 1), ("the", 3)].map(|(word, count)| (word.to_owned(), count));
    assert_eq!(counts(&folder.read("out.txt")), expected);
}

/// A run that follows its input, and the first records that it printed.
fn follow(folder: &Folder, records: usize) -> Child {
    let args: Vec<&str> = RUN.iter().copied().chain(["--follow", "--output", "words=-"]).collect();
    let mut command = folder.command(&args);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.as_mut().unwrap());
    let mut line = String::new();
    for _ in 0..records {
        assert!(out.read_line(&mut line).unwrap() > 0, "the run ended early");
    }
    assert!(out.buffer().is_empty());
    child
}

fn interrupt(child: &Child) {
    let pid = rustix::process::Pid::from_child(child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
}

#[test]
fn a_followed_run_takes_what_is_added_and_ends_with_an_interrupt() {
    let folder = Folder::with_word_count();
    folder.write("in.txt", "a b\n");
    let mut child = follow(&folder, 2);
    std::fs::OpenOptions::new().append(true).open(folder.path("in.txt")).unwrap().write_all(b"c\n").unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "c\n");
    interrupt(&child);
    let ended = ended(child.wait_with_output().unwrap()).succeeded();
    assert!(
        ended.err.contains("ending: inputs are closed") && ended.err.contains("drained after"),
        "{ended:?}"
    );
}

#[test]
fn an_interrupt_in_the_middle_says_that_inputs_were_not_read() {
    let folder = Folder::with_word_count();
    let args = ["run", "topology.yaml", "--input", "lines=-", "--output", "words=-"];
    let mut command = folder.command(&args);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"a\n").unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "a\n");
    interrupt(&child);
    let ended = ended(child.wait_with_output().unwrap());
    ended.failed(130, &["error: interrupted", "why: inputs were not read to their end"]);
    drop(input);
}

#[test]
fn inspect_shows_functions_and_topologies() {
    let folder = Folder::with_word_count();
    let topology = folder.invoker(&["inspect", "topology.yaml"]).succeeded().out;
    for text in ["deployment default.words", "entity count", "reads        words (2 partitions)", "sha256:"] {
        assert!(topology.contains(text), "{text}: {topology}");
    }
    let component = crate::invocation::guest("wordcount_count");
    let component = component.to_str().unwrap();
    let shown = folder.invoker(&["inspect", component]).succeeded().out;
    assert!(shown.contains("state      total (one value per key"), "{shown}");
    let json = folder.invoker(&["inspect", component, "--output-format", "json"]).succeeded().out;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["description"]["states"][0]["name"], "total");
}
