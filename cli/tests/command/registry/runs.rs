//! `invoker run` of a topology that names its functions in a registry.

use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Child, Stdio};

use super::{Served, command, invoker, push, wait, word_count};
use crate::invocation::Folder;

const RUN: [&str; 6] = ["run", "topology.yaml", "--input", "lines=in.txt", "--output", "words=out.txt"];

/// A run that goes on, with what it says in `run.log`.
fn begin(folder: &Folder, registry: &Served<'_>, more: &[&str]) -> Child {
    let log = std::fs::File::create(folder.path("run.log")).unwrap();
    let args: Vec<&str> = RUN.iter().chain(more).copied().collect();
    command(folder, registry, &args).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

fn add(folder: &Folder, text: &str) {
    let mut file = OpenOptions::new().append(true).open(folder.path("in.txt")).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn has_written(folder: &Folder, text: &str) {
    wait(text, || std::fs::read_to_string(folder.path("out.txt")).is_ok_and(|out| out == text));
}

fn has_said(folder: &Folder, text: &str) {
    wait(text, || folder.read("run.log").contains(text));
}

fn interrupt(mut child: Child) {
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_topology_runs_by_names_and_goes_on_when_the_registry_is_killed() {
    let folder = Folder::new();
    let mut registry = Served::start(&folder, &[]);
    let split = push(&folder, &registry, "wordcount_split", "team/split:1.0.0");
    push(&folder, &registry, "raw_count", "team/count:1.1.0");
    let count = push(&folder, &registry, "wordcount_count", "team/count:1.2.0");
    push(&folder, &registry, "raw_count", "team/count:2.0.0");
    folder.write("topology.yaml", word_count("team/split:1.0.0", "team/count@^1.1"));
    folder.write("in.txt", "a b\n");
    let looked = invoker(&folder, &registry, &["inspect", "topology.yaml"]).succeeded().out;
    assert!(looked.contains("function     team/count@^1.1"), "{looked}");
    let run = begin(&folder, &registry, &["--follow"]);
    has_written(&folder, "a\nb\n");
    registry.kill();
    add(&folder, "c\n");
    has_written(&folder, "a\nb\nc\n");
    interrupt(run);
    let said = folder.read("run.log");
    assert!(said.contains(&format!("function team/split:1.0.0 is 1.0.0, {split}")), "{said}");
    assert!(said.contains(&format!("function team/count@^1.1 is 1.2.0, {count}")), "{said}");
}

#[test]
fn a_run_without_the_registry_uses_its_cache_and_says_so() {
    let folder = Folder::new();
    let mut registry = Served::start(&folder, &[]);
    push(&folder, &registry, "wordcount_split", "team/split:1.0.0");
    let count = push(&folder, &registry, "wordcount_count", "team/count:stable");
    folder.write("topology.yaml", word_count("team/split@^1", "team/count:stable"));
    folder.write("in.txt", "a b\n");
    let run = || invoker(&folder, &registry, &RUN);
    run().succeeded();
    registry.kill();
    let again = invoker(&folder, &registry, &RUN).succeeded();
    let warning = "cannot ask the registry what \"team/count:stable\" is: what it was the last time is used";
    assert!(again.err.contains(warning) && again.err.contains("Connection refused"), "{again:?}");
    // A digest needs nobody.
    folder.write("topology.yaml", word_count("team/split@^1", &format!("team/count@{count}")));
    let pinned = invoker(&folder, &registry, &RUN).succeeded();
    assert!(!pinned.err.contains("team/count\" is"), "{pinned:?}");
    std::fs::remove_dir_all(folder.path("cache/functions")).unwrap();
    let help = "help: check that it runs, and the address";
    invoker(&folder, &registry, &RUN).failed(10, &["cannot reach registry", "Connection refused", help]);
}

#[test]
fn the_registry_of_an_option_counts_before_that_of_the_topology() {
    let folder = Folder::new();
    let registry = Served::start(&folder, &[]);
    push(&folder, &registry, "wordcount_split", "team/split:1.0.0");
    push(&folder, &registry, "wordcount_count", "team/count:1.0.0");
    let topology = word_count("team/split:1.0.0", "team/count:1.0.0");
    folder.write("in.txt", "a b\n");
    let away = topology.replace("spec:\n", "spec:\n  registry: http://127.0.0.1:1\n");
    folder.write("topology.yaml", away);
    let run = |more: &[&str]| {
        let args: Vec<&str> = RUN.iter().chain(more).copied().collect();
        invoker(&folder, &registry, &args)
    };
    run(&[]).failed(10, &["cannot reach registry \"http://127.0.0.1:1\""]);
    run(&["--registry", &registry.host()]).succeeded();
    let here = topology.replace("spec:\n", &format!("spec:\n  registry: http://{}\n", registry.host()));
    folder.write("topology.yaml", here);
    std::fs::remove_dir_all(folder.path("cache/functions")).unwrap();
    let args: Vec<&str> = RUN.to_vec();
    let mut plain = command(&folder, &registry, &args);
    let ran = crate::invocation::ended(plain.env_remove("INVOKER_REGISTRY").output().unwrap()).succeeded();
    assert!(!ran.err.contains("spec.registry"), "{ran:?}");
    // A name with a host needs no registry to be configured.
    let whole = |name: &str| format!("{}/{name}", registry.host());
    folder.write("topology.yaml", word_count(&whole("team/split:1.0.0"), &whole("team/count:1.0.0")));
    let mut plain = command(&folder, &registry, &args);
    crate::invocation::ended(plain.env_remove("INVOKER_REGISTRY").output().unwrap()).succeeded();
}

#[test]
fn a_changed_topology_pulls_and_what_cannot_be_pulled_leaves_the_run_as_it_is() {
    let folder = Folder::new();
    let mut registry = Served::start(&folder, &[]);
    push(&folder, &registry, "wordcount_split", "team/split:1.0.0");
    push(&folder, &registry, "wordcount_count", "team/count:1.0.0");
    push(&folder, &registry, "raw_split8", "team/split:2.0.0");
    folder.write("topology.yaml", word_count("team/split:1.0.0", "team/count:1.0.0"));
    folder.write("in.txt", "a b\n");
    let run = begin(&folder, &registry, &["--watch", "--follow"]);
    has_written(&folder, "a\nb\n");
    folder.write("topology.yaml", word_count("team/split:1.0.1", "team/count:1.0.0"));
    has_said(&folder, "function \"team/split:1.0.1\" is not in registry");
    has_said(&folder, "note: what ran before runs on");
    add(&folder, "c\n");
    has_written(&folder, "a\nb\nc\n");
    registry.kill();
    folder.write("topology.yaml", word_count("team/split:2.0.0", "team/count:1.0.0"));
    has_said(&folder, "cannot reach registry");
    registry.restart();
    folder.write("topology.yaml", word_count("team/split:2.0.0", "team/count:1.0.0") + "\n");
    has_said(&folder, "split");
    has_said(&folder, "swapped split in");
    interrupt(run);
}
