//! Records that a function cannot process: dead letters, and partitions that stop.

use serde_json::Value;

use crate::invocation::{Ended, Folder, guest};

/// One entity of one partition that does what its records say.
fn folder(on_failure: &str) -> Folder {
    let folder = Folder::new();
    folder.write(
        "topology.yaml",
        format!(
            "apiVersion: invoker.io/v1alpha1\nkind: InvokerDeployment\nmetadata: {{ name: one }}\nspec:\n  \
             topics: {{ in: {{ partitions: 1 }}, out: {{ partitions: 1 }} }}\n  statefulEntities:\n    \
             - {{ name: only, function: {}, inputTopic: in, outputs: {{ main: out }}, onFailure: {on_failure} }}\n",
            guest("hostile").display()
        ),
    );
    folder.write(
        "in.jsonl",
        "{\"key\": \"a\", \"value\": \"one\"}\n\
         {\"key\": \"b\", \"value\": \"reject\", \"timestamp\": 1700000000000, \"headers\": [{\"name\": \"trace\", \"value\": \"t\"}]}\n\
         {\"key\": \"c\", \"value\": \"trap\"}\n\
         {\"key\": \"d\", \"value\": \"two\"}\n",
    );
    folder
}

fn run(folder: &Folder) -> Ended {
    let args =
        ["run", "topology.yaml", "--input", "in=in.jsonl", "--output", "out=out.txt", "--data", "data"];
    folder.invoker(&args)
}

fn dlq(folder: &Folder, args: &[&str]) -> Ended {
    let args: Vec<&str> = ["dlq"].iter().chain(args).copied().chain(["--data", "data"]).collect();
    folder.invoker(&args).succeeded()
}

#[test]
fn a_stopped_partition_ends_the_run_and_says_where_it_stands() {
    let folder = folder("stop");
    for _ in 0..2 {
        let ended = run(&folder);
        ended
            .failed(7, &["partition 0 of entity \"only\" stopped", "told-to", "it goes on where it stopped"]);
        assert!(ended.err.contains("ended after"), "{ended:?}");
        assert_eq!(folder.read("out.txt"), "one\n");
    }
    let skipping = folder.read("topology.yaml").replace("onFailure: stop", "onFailure: skip");
    folder.write("topology.yaml", skipping);
    let ended = run(&folder).succeeded();
    assert!(ended.err.contains("skipped 2"), "{ended:?}");
    assert_eq!(folder.read("out.txt"), "one\ntwo\n");
}

#[test]
fn scripts_get_nothing_but_objects_even_of_failures_and_logs() {
    let folder = folder("stop");
    folder.write("in.jsonl", "{\"value\": \"print\"}\n{\"value\": \"reject\"}\n");
    let ended =
        folder.invoker(&["run", "topology.yaml", "--input", "in=in.jsonl", "--output-format", "json"]);
    assert_eq!(ended.code, 7, "{ended:?}");
    let objects: Vec<Value> = ended.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |event: &str| {
        objects.iter().filter(|o| o["event"] == event).map(Value::to_string).collect::<String>()
    };
    assert!(of("log").contains("out line"), "{ended:?}");
    assert!(of("stopped").contains("\"entity\":\"only\""), "{ended:?}");
    assert_eq!(objects.last().unwrap()["error"]["exitCode"], 7);
}

#[test]
fn dead_letters_are_listed_shown_and_sent_back_once() {
    let folder = folder("dead-letter");
    let ended = run(&folder).succeeded();
    assert!(ended.err.contains("dead letters 2"), "{ended:?}");
    assert_eq!(folder.read("out.txt"), "one\ntwo\n");

    let listed = dlq(&folder, &["list"]).out;
    assert!(
        listed.contains("told-to") && listed.contains("trap") && listed.ends_with("2 dead letters\n"),
        "{listed}"
    );
    let shown = dlq(&folder, &["show", "--code", "told-to"]).out;
    for text in [
        "entity     only",
        "told-to (rejected)",
        "from       topic in partition 0 offset 1",
        "key        b",
        "header     trace=t",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let json = dlq(&folder, &["show", "--code", "told-to", "--output-format", "json"]).out;
    let letter: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&letter["record"]["value"], &letter["failure"]["topic"]), (&"reject".into(), &"in".into()));

    let told = ["replay", "--code", "told-to"];
    assert_eq!(dlq(&folder, &told).out, "sent 1 record back; a run of the topology takes them\n");
    assert_eq!(dlq(&folder, &told).out, "there are no dead letters to send back\n");
    let tail = folder.invoker(&["tail", "in", "--data", "data", "--from", "-1"]).succeeded().out;
    assert!(tail.contains("2023-11-14T22:13:20.000Z  b  reject  trace=t\n"), "{tail}");
    assert!(dlq(&folder, &["list"]).out.ends_with("1 dead letter\n"));

    // It fails again, which makes a letter of its own.
    run(&folder).succeeded();
    assert!(dlq(&folder, &["list"]).out.ends_with("2 dead letters\n"));
    assert!(dlq(&folder, &["list", "--all"]).out.ends_with("3 dead letters\n"));
}
