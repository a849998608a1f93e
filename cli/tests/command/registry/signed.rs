//! Signatures, and who asks for them.

use super::{Served, invoker, push, word_count};
use crate::invocation::{Folder, guest};

const RUN: [&str; 4] = ["run", "topology.yaml", "--input", "lines=in.txt"];

/// Makes a key; its public key.
fn key(folder: &Folder, registry: &Served<'_>, file: &str) -> String {
    invoker(folder, registry, &["sign", "--new-key", file]).succeeded().out.trim().to_owned()
}

fn topology(folder: &Folder, keys: &[&str], split: &str) {
    let text = word_count(split, "team/count:1.0.0");
    folder.write("topology.yaml", text.replace("spec:\n", &format!("spec:\n  requireSignature: {keys:?}\n")));
    folder.write("in.txt", "a b\n");
}

#[test]
fn what_is_signed_by_a_key_that_is_required_runs_and_nothing_else() {
    let folder = Folder::new();
    let mut registry = Served::start(&folder, &[]);
    let digest = push(&folder, &registry, "wordcount_split", "team/split:1.0.0");
    push(&folder, &registry, "wordcount_count", "team/count:1.0.0");
    let (ours, other) = (key(&folder, &registry, "ours.key"), key(&folder, &registry, "other.key"));
    let sign = |name: &str, key: &str| invoker(&folder, &registry, &["sign", name, "--key", key]).succeeded();
    sign("team/count:1.0.0", "ours.key");
    topology(&folder, &[&ours], "team/split:1.0.0");
    let refused = "function \"team/split:1.0.0\" is not signed by a key that is required";
    let run = |registry: &Served<'_>| invoker(&folder, registry, &RUN);
    run(&registry).failed(4, &[refused, &format!("nobody signed {digest}")]);
    sign("team/split:1.0.0", "other.key");
    run(&registry).failed(4, &[refused, &format!("{digest} is signed by {other}")]);
    sign("team/split@^1", "ours.key");
    run(&registry).succeeded();
    // A file has no signature, though its bytes are those of what is signed.
    topology(&folder, &[&ours], guest("wordcount_split").to_str().unwrap());
    run(&registry).failed(4, &["is a file, and a signature is required"]);
    topology(&folder, &["ed25519:x"], "team/split:1.0.0");
    run(&registry).failed(4, &["\"ed25519:x\" is no public key"]);
    topology(&folder, &[&ours], "team/split:1.0.0");
    registry.kill();
    run(&registry).succeeded();
    // Without the registry, a key that never signed is as wrong as with it.
    let third = key(&folder, &registry, "third.key");
    topology(&folder, &[&third], "team/split:1.0.0");
    run(&registry).failed(4, &[refused]);
}

#[test]
fn who_signed_is_said_and_a_key_is_kept_for_its_owner_alone() {
    let folder = Folder::new();
    let registry = Served::start(&folder, &[]);
    push(&folder, &registry, "wordcount_split", "team/split:1.0.0");
    let (ours, other) = (key(&folder, &registry, "ours.key"), key(&folder, &registry, "other.key"));
    let verify =
        |more: &[&str]| invoker(&folder, &registry, &[&["verify", "team/split:1.0.0"], more].concat());
    verify(&[]).failed(4, &["nobody signed sha256:"]);
    invoker(&folder, &registry, &["sign", "team/split:1.0.0", "--key", "ours.key"]).succeeded();
    // The same signature is one, however often it is made.
    invoker(&folder, &registry, &["sign", "team/split:1.0.0", "--key", "ours.key"]).succeeded();
    let said = verify(&["--key", &ours, "--key", &other]).succeeded().out;
    assert!(
        said.lines().count() == 1 && said.trim_end().ends_with(&format!("is signed by {ours}")),
        "{said}"
    );
    verify(&["--key", &other]).failed(4, &["is signed by", &ours]);
    verify(&["--key", "nonsense"]).failed(2, &["nonsense"]);
    invoker(&folder, &registry, &["sign", "--new-key", "ours.key"]).failed(5, &["ours.key"]);
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&folder.path("ours.key").metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}
