//! Functions by name, with the real registry: pushed, pulled, run, and what is said when that cannot be.

mod access;
mod cut;
mod hosts;
mod pushes;
mod runs;
mod secure;
mod served;
mod signed;

use std::process::Command;
use std::time::{Duration, Instant};

use self::served::Served;
use crate::invocation::{Ended, Folder, ended, guest};

/// A command with a cache of its own, and this registry as the configured one.
fn command(folder: &Folder, registry: &Served<'_>, args: &[&str]) -> Command {
    let mut command = folder.command(args);
    command.env("INVOKER_CACHE", folder.path("cache")).env("INVOKER_REGISTRY", registry.host());
    command.env("DOCKER_CONFIG", folder.path("docker"));
    command
}

fn invoker(folder: &Folder, registry: &Served<'_>, args: &[&str]) -> Ended {
    ended(command(folder, registry, args).output().unwrap())
}

/// Pushes a function for tests; the digest of its manifest.
fn push(folder: &Folder, registry: &Served<'_>, function: &str, name: &str) -> String {
    let component = guest(function);
    let args = ["push", name, "--from", component.to_str().unwrap(), "--output-format", "json"];
    let pushed = invoker(folder, registry, &args).succeeded().out;
    let pushed: serde_json::Value = serde_json::from_str(&pushed).unwrap();
    pushed.get("manifest").unwrap().as_str().unwrap().to_owned()
}

/// The word count with functions of these names.
fn word_count(split: &str, count: &str) -> String {
    format!(
        "apiVersion: invoker.io/v1alpha1\nkind: InvokerDeployment\nmetadata: {{ name: words }}\nspec:\n  \
           topics: {{ lines: {{ partitions: 1 }}, words: {{ partitions: 1 }}, counts: {{ partitions: 1 }} }}\n  \
           statefulEntities:\n    \
           - {{ name: split, function: {split:?}, inputTopic: lines, outputTopic: words }}\n    \
           - {{ name: count, function: {count:?}, inputTopic: words, outputTopic: counts }}\n"
    )
}

/// Waits until this is so.
#[track_caller]
fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(60), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
