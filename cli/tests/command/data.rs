//! Data directories that cannot be used, and tools that look into those that can.

use invoker_host::db::{Database, Durability};

use crate::invocation::Folder;

#[test]
fn a_missing_data_directory_is_not_made_by_a_tool() {
    let folder = Folder::new();
    for verb in [&["topics"][..], &["tail", "x"], &["state", "get", "e", "s", "k"], &["dlq", "list"]] {
        let args: Vec<&str> = verb.iter().copied().chain(["--data", "nowhere"]).collect();
        folder.invoker(&args).failed(6, &["cannot open data directory \"nowhere\"", "why: No such file"]);
    }
    assert!(!folder.path("nowhere").exists());
}

#[test]
fn a_folder_of_something_else_is_left_alone() {
    let folder = Folder::new();
    folder.write("mine/letter.txt", "dear");
    folder.invoker(&["topics", "--data", "mine"]).failed(6, &["it holds \"letter.txt\""]);
    assert_eq!(folder.read("mine/letter.txt"), "dear");
    std::fs::create_dir(folder.path("empty")).unwrap();
    folder
        .invoker(&["topics", "--data", "empty"])
        .failed(6, &["it is empty: no run has kept its data there"]);
}

#[test]
fn a_newer_format_is_refused() {
    let folder = Folder::with_word_count();
    folder.write("in.txt", "a\n");
    folder.invoker(&["run", "topology.yaml", "--input", "lines=in.txt", "--data", "data"]).succeeded();
    folder.write("data/format", "99\n");
    for args in [&["topics", "--data", "data"][..], &["run", "topology.yaml", "--data", "data"]] {
        folder.invoker(args).failed(6, &["it has format \"99\"", "use the newer invoker that wrote it"]);
    }
}

#[test]
fn a_directory_in_use_names_the_process_that_has_it() {
    let folder = Folder::with_word_count();
    let _held = Database::open(&folder.path("data"), Durability::Process).unwrap();
    let pid = format!("process {} has it open", std::process::id());
    for args in [&["topics", "--data", "data"][..], &["run", "topology.yaml", "--data", "data"]] {
        folder.invoker(args).failed(6, &[&pid, "wait for that process or end it"]);
    }
}

#[test]
fn tools_show_what_a_run_left() {
    let folder = Folder::with_word_count();
    folder.write("in.txt", "the cat\nthe dog\n");
    folder.invoker(&["run", "topology.yaml", "--input", "lines=in.txt", "--data", "data"]).succeeded();
    let topics = folder.invoker(&["topics", "--data", "data"]).succeeded();
    assert!(topics.out.contains("lines") && topics.out.contains("counts"), "{topics:?}");

    let lines = folder.invoker(&["tail", "lines", "--data", "data", "--output-format", "json"]).succeeded();
    let values: Vec<_> =
        lines.out.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()).collect();
    assert_eq!(
        values.iter().map(|v| v["value"].as_str().unwrap()).collect::<Vec<_>>(),
        ["the cat", "the dog"]
    );
    let last =
        folder.invoker(&["tail", "lines", "--data", "data", "--partition", "0", "--from", "-1"]).succeeded();
    assert!(last.out.contains("the dog") && !last.out.contains("the cat"), "{last:?}");
    folder.invoker(&["tail", "lnes", "--data", "data"]).failed(2, &["there is no topic \"lnes\"", "lines"]);
    folder.invoker(&["tail", "lines", "--data", "data", "--partition", "9"]).failed(2, &["no partition 9"]);

    let all = folder.invoker(&["state", "scan", "count", "total", "--data", "data"]).succeeded();
    assert_eq!(all.lines().len(), 3, "{all:?}");
    let the = folder.invoker(&["state", "get", "count", "total", "the", "--data", "data"]).succeeded();
    assert!(the.out.contains("the") && the.out.lines().count() == 1, "{the:?}");
    folder
        .invoker(&["state", "get", "count", "total", "owl", "--data", "data"])
        .failed(2, &["nothing under key \"owl\""]);
    folder
        .invoker(&["state", "get", "cuont", "x", "the", "--data", "data"])
        .failed(2, &["no state of an entity \"cuont\""]);
    folder
        .invoker(&["state", "scan", "count", "x", "--data", "data"])
        .failed(2, &["has no state \"x\"", "total"]);
    folder.invoker(&["state", "export", "count", "--data", "data", "--file", "count.jsonl"]).succeeded();
    let keys: Vec<_> = folder
        .read("count.jsonl")
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["key"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(keys.len(), 3, "{keys:?}");
    assert!(["the", "cat", "dog"].iter().all(|word| keys.iter().any(|key| key == word)), "{keys:?}");
    assert!(!folder.path("count.jsonl.part").exists());
    let none = folder.invoker(&["dlq", "list", "--data", "data"]).succeeded();
    assert_eq!(none.out, "there are no dead letters\n");
}

#[test]
fn where_to_look_must_be_said() {
    let folder = Folder::with_word_count();
    for verb in [&["topics"][..], &["tail", "x"], &["dlq", "list"]] {
        folder.invoker(verb).failed(
            2,
            &[
                "error: it is not said where to look",
                "why: neither --data, nor --kafka, nor --topology is given",
                "help: give --data DIR of a run, --kafka HOST:PORT, or --topology FILE",
            ],
        );
        let of_topology = [verb, &["--topology", "topology.yaml"]].concat();
        folder.invoker(&of_topology).failed(
            2,
            &[
                "error: the topology names no Kafka",
                "neither `kafka` nor `ioAddress`",
                "give --kafka HOST:PORT",
            ],
        );
    }
    folder.invoker(&["state", "export", "e"]).failed(
        2,
        &["it is not said where to look", "nor --redis, nor", "give --data DIR of a run, --redis URL"],
    );
    folder
        .invoker(&["state", "export", "e", "--topology", "."])
        .failed(2, &["error: the topology names no Redis", "why: its spec has no `state`"]);
    folder.invoker(&["topics", "--topology", "no.yaml"]).failed(3, &["cannot read topology \"no.yaml\""]);
}

#[test]
fn places_that_exclude_each_other_are_refused() {
    let folder = Folder::new();
    folder
        .invoker(&["topics", "--data", "data", "--kafka", "h:1"])
        .failed(2, &["'--data <DIR>' cannot be used with '--kafka <HOST:PORT>'"]);
    folder
        .invoker(&["state", "export", "e", "--data", "data", "--redis", "redis://h"])
        .failed(2, &["'--data <DIR>' cannot be used with '--redis <URL>'"]);
    folder
        .invoker(&["tail", "x", "--data", "data", "--follow"])
        .failed(2, &["'--data <DIR>' cannot be used with '--follow'"]);
    folder.invoker(&["topics", "--kafka", "h"]).failed(2, &["invalid value 'h'", "it is host:port"]);
    folder.invoker(&["topics", "--data", "data", "--secrets", "s"]).failed(2, &["--topology"]);
}

#[test]
fn services_that_do_not_answer_are_named() {
    let folder = Folder::new();
    for verb in [&["topics"][..], &["tail", "x"], &["dlq", "replay"]] {
        let words = [verb, &["--kafka", "127.0.0.1:1"]].concat();
        folder.invoker(&words).failed(10, &["cannot use Kafka at \"127.0.0.1:1\"", "why: ", "help: "]);
    }
    folder
        .invoker(&["state", "export", "e", "--redis", "redis://u:s3cret@127.0.0.1:1"])
        .failed(10, &["cannot use Redis at \"redis://127.0.0.1:1\"", "refused", "help: "]);
}
