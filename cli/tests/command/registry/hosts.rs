//! `invoker host` with a document that names its functions in a registry.

use std::process::{Child, Stdio};

use super::{Served, command, invoker, push, wait, word_count};
use crate::invocation::Folder;

/// A running host, with what it says in `host.log`; ended when it is dropped.
struct Host<'a> {
    folder: &'a Folder,
    process: Child,
}

impl<'a> Host<'a> {
    fn start(folder: &'a Folder, registry: &Served<'_>) -> Self {
        let log = std::fs::File::create(folder.path("host.log")).unwrap();
        let mut command = command(folder, registry, &["host", "--config", "config"]);
        let process = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self { folder, process }
    }

    fn says(&self, text: &str) {
        wait(text, || self.folder.read("host.log").contains(text));
    }

    /// Ends it by SIGTERM; what it said.
    fn end(mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let log = || self.folder.read("host.log");
        assert!(self.process.wait().unwrap().success(), "{}", log());
        log()
    }
}

impl Drop for Host<'_> {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn document(folder: &Folder, generation: u32, split: &str) {
    folder.write(
        "config/host.yaml",
        format!(
            "generation: {generation}\ndeployment: default.words\nhost: local\ndata: data\nentities:\n  \
             - {{ id: split, function: {split:?}, inputs: [{{ topic: lines }}], outputs: [words], \
             partitions: [0], partitionCount: 1 }}\n"
        ),
    );
}

/// The data of a run that read one line by functions of these names.
fn with_data(folder: &Folder, registry: &Served<'_>) {
    folder.write("topology.yaml", word_count("team/split:1.0.0", "team/count:1.0.0"));
    folder.write("in.txt", "a b\n");
    let run = ["run", "topology.yaml", "--input", "lines=in.txt", "--data", "config/data"];
    invoker(folder, registry, &run).succeeded();
}

fn pushed(folder: &Folder) -> Served<'_> {
    let registry = Served::start(folder, &[]);
    push(folder, &registry, "wordcount_split", "team/split:1.0.0");
    push(folder, &registry, "wordcount_count", "team/count:1.0.0");
    with_data(folder, &registry);
    registry
}

#[test]
fn a_host_without_cache_says_what_it_waits_for_and_starts_when_the_registry_is_back() {
    let folder = Folder::new();
    let mut registry = pushed(&folder);
    document(&folder, 1, "team/split@^1");
    std::fs::remove_dir_all(folder.path("cache/functions")).unwrap();
    registry.kill();
    let host = Host::start(&folder, &registry);
    host.says("waiting: cannot get function \"team/split@^1\" of entity \"split\": cannot reach registry");
    host.says("Connection refused");
    registry.restart();
    host.says("the wait is over");
    host.says("running deployment=\"default.words\"");
    let log = host.end();
    assert!(
        log.contains("function found function=\"team/split@^1\" tag=\"1.0.0\" digest=\"sha256:"),
        "{log}"
    );
}

#[test]
fn a_host_with_a_cache_starts_without_the_registry_and_goes_on_when_it_is_killed() {
    let folder = Folder::new();
    let mut registry = pushed(&folder);
    document(&folder, 1, "team/split:1.0.0");
    let host = Host::start(&folder, &registry);
    host.says("running deployment=");
    registry.kill();
    document(&folder, 2, "team/split:2.0.0");
    host.says("waiting: cannot get function \"team/split:2.0.0\"");
    registry.restart();
    push(&folder, &registry, "raw_split8", "team/split:2.0.0");
    host.says("restarted=[\"split\"]");
    host.end();
    registry.kill();
    let host = Host::start(&folder, &registry);
    host.says("from=\"cache, as the registry is away\"");
    host.says("running deployment=");
    host.end();
}

#[test]
fn a_document_with_a_function_that_is_not_there_is_refused_and_what_runs_goes_on() {
    let folder = Folder::new();
    let registry = pushed(&folder);
    document(&folder, 1, "team/split:1.0.0");
    let host = Host::start(&folder, &registry);
    host.says("running deployment=");
    document(&folder, 2, "team/split:1.0.1");
    host.says("document refused: cannot get function \"team/split:1.0.1\"");
    host.says("did you mean \\\"1.0.0\\\"?");
    document(&folder, 3, "team/split@~1.0");
    host.says("generation=3");
    host.end();
    document(&folder, 4, "team/spilt:1.0.0");
    let ended = invoker(&folder, &registry, &["host", "--config", "config"]);
    ended.failed(4, &["there is no function \"team/spilt:1.0.0\"", "did you mean \"team/split\"?"]);
}

#[test]
fn a_host_logs_in_with_the_secret_beside_its_document() {
    let folder = Folder::new();
    // The secret is "pass".
    let digest = "d74ff0ee8da3b9806b18c877dbf29bbde50b5bd8e4dad7a3a725000feb82e8f1";
    let grants = "[{ namespace = \"*\", right = \"push\" }]";
    let token = format!("[[token]]\nname = \"ci\"\nsha256 = \"{digest}\"\ngrants = {grants}\n");
    folder.write("tokens.toml", format!("anonymousPull = false\n{token}"));
    // "ci:pass"
    let login = |host: &str| format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"Y2k6cGFzcw==\"}}}}}}");
    let registry = Served::start(&folder, &["--tokens", "tokens.toml"]);
    folder.write("docker/config.json", login(&registry.host()));
    push(&folder, &registry, "wordcount_split", "team/split:1.0.0");
    push(&folder, &registry, "wordcount_count", "team/count:1.0.0");
    with_data(&folder, &registry);
    folder.write("docker/config.json", "{}");
    document(&folder, 1, "team/split:1.0.0");
    let ended = invoker(&folder, &registry, &["host", "--config", "config"]);
    ended.failed(10, &["refuses to pull from \"team/split\"", "help: `invoker login 127.0.0.1:"]);
    folder.write("config/secrets/registry/.dockerconfigjson", login(&registry.host()));
    let host = Host::start(&folder, &registry);
    host.says("running deployment=");
    host.end();
}

#[test]
fn a_host_that_requires_signatures_runs_what_is_signed_and_refuses_the_rest() {
    let folder = Folder::new();
    let registry = pushed(&folder);
    let key = invoker(&folder, &registry, &["sign", "--new-key", "own.key"]).succeeded().out;
    let with_key = |generation, split: &str| {
        document(&folder, generation, split);
        let text = format!("requireSignature: [{:?}]\n{}", key.trim(), folder.read("config/host.yaml"));
        folder.write("config/host.yaml", text);
    };
    with_key(1, "team/split:1.0.0");
    let unsigned = "function \"team/split:1.0.0\" is not signed by a key that is required";
    let host = || invoker(&folder, &registry, &["host", "--config", "config"]);
    host().failed(4, &[unsigned, "help: `invoker sign team/split:1.0.0"]);
    with_key(1, "./split.wasm");
    host().failed(4, &["\"./split.wasm\" is a file, and a signature is required"]);
    with_key(1, "team/split:1.0.0");
    invoker(&folder, &registry, &["sign", "team/split:1.0.0", "--key", "own.key"]).succeeded();
    let host = Host::start(&folder, &registry);
    host.says("running deployment=");
    push(&folder, &registry, "raw_split8", "team/split:2.0.0");
    with_key(2, "team/split:2.0.0");
    host.says("document refused: cannot get function \"team/split:2.0.0\"");
    host.says("is not signed by a key that is required");
    host.end();
}
