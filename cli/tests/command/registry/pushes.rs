//! `invoker push`, `pull`, `inspect` and `registry list`, `tag`, `delete`.

use serde_json::Value;
use std::process::Stdio;

use super::{Served, command, invoker, push};
use crate::invocation::{Folder, ended, guest};

fn manifest(registry: &Served<'_>, reference: &str) -> (Vec<u8>, Value) {
    let answer = registry.get(&format!("/v2/team/split/manifests/{reference}"));
    assert_eq!(answer.status, 200);
    let json = serde_json::from_slice(&answer.body).unwrap();
    (answer.body, json)
}

#[test]
fn a_function_is_the_same_bytes_for_any_client_however_often_it_is_pushed() {
    let folder = Folder::new();
    let registry = Served::start(&folder, &[]);
    let digest = push(&folder, &registry, "wordcount_split", "team/split:1.0.0");
    assert_eq!(push(&folder, &registry, "wordcount_split", "team/split:1.0.0"), digest);
    assert_eq!(push(&folder, &registry, "wordcount_split", "team/split:latest"), digest);
    let (by_tag, json) = manifest(&registry, "1.0.0");
    assert_eq!(manifest(&registry, &digest).0, by_tag);
    assert_eq!(json["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(json["layers"][0]["mediaType"], "application/wasm");
    let layer = json["layers"][0]["digest"].as_str().unwrap();
    let component = std::fs::read(guest("wordcount_split")).unwrap();
    assert!(registry.get(&format!("/v2/team/split/blobs/{layer}")).body == component);
    let pulled = invoker(&folder, &registry, &["pull", "team/split@^1", "--file", "a.wasm"]).succeeded();
    assert!(
        pulled.out.contains(&format!("pulled team/split:1.0.0 to a.wasm\n  digest     {digest}")),
        "{pulled:?}"
    );
    assert!(std::fs::read(folder.path("a.wasm")).unwrap() == component);
}

#[test]
fn what_any_client_pushed_is_pulled_and_looked_at() {
    let folder = Folder::new();
    let registry = Served::start(&folder, &[]);
    push(&folder, &registry, "wordcount_count", "team/split:1.0.0");
    let (_, mut json) = manifest(&registry, "1.0.0");
    json.as_object_mut().unwrap().remove("annotations");
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let put = |tag: &str, json: &Value| {
        registry
            .send("PUT", &format!("/v2/team/split/manifests/{tag}"), kind, json.to_string().as_bytes())
            .status
    };
    assert_eq!(put("2.0.0", &json), 201);
    for version in ["team/split:1.0.0", "team/split"] {
        let shown = invoker(&folder, &registry, &["inspect", version]).succeeded().out;
        assert!(shown.contains("  state      total (one value per key"), "{shown}");
    }
    json["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
    assert_eq!(put("image", &json), 201);
    let text = ["\"team/split:image\" is not a function", "vnd.oci.image.config.v1+json"];
    invoker(&folder, &registry, &["inspect", "team/split:image"]).failed(4, &text);
}

#[test]
fn looking_at_a_function_takes_its_manifest_alone() {
    let folder = Folder::new();
    let registry = Served::start(&folder, &[]);
    push(&folder, &registry, "wordcount_count", "team/count:1.0.0");
    std::fs::remove_dir_all(folder.path("cache")).unwrap();
    let args = ["inspect", "team/count:1.0.0", "--output-format", "json"];
    let shown: Value = serde_json::from_str(&invoker(&folder, &registry, &args).succeeded().out).unwrap();
    assert_eq!(shown["description"]["states"][0]["name"], "total");
    let kept: Vec<_> = std::fs::read_dir(folder.path("cache/functions/sha256")).unwrap().collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
}

#[test]
fn a_version_stays_what_it_is_and_names_that_are_not_there_are_told() {
    let folder = Folder::new();
    let registry = Served::start(&folder, &[]);
    push(&folder, &registry, "wordcount_split", "team/split:1.0.0");
    let other = guest("wordcount_count");
    let other = other.to_str().unwrap();
    invoker(&folder, &registry, &["push", "team/split:1.0.0", "--from", other])
        .failed(4, &["version \"team/split:1.0.0\" is there already", "push it as another version"]);
    let inspect =
        |name: &str, texts: &[&str]| invoker(&folder, &registry, &["inspect", name]).failed(4, texts);
    inspect("team/split:1.0.1", &["is not in registry", "why: it has 1.0.0", "did you mean \"1.0.0\"?"]);
    inspect("team/split@^2", &["function \"team/split@^2\" is not in registry", "why: it has 1.0.0"]);
    inspect(
        "team/spilt:1.0.0",
        &["there is no function \"team/spilt:1.0.0\"", "did you mean \"team/split\"?"],
    );
    invoker(&folder, &registry, &["inspect", "Team/split:1.0.0"]).failed(2, &["Team/split:1.0.0"]);
    let mut without = command(&folder, &registry, &["inspect", "team/split:1.0.0"]);
    let without = ended(without.env_remove("INVOKER_REGISTRY").output().unwrap());
    without.failed(4, &["no registry is configured", "INVOKER_REGISTRY", "\"./split\""]);
}

#[test]
fn what_is_pushed_is_said_with_the_line_for_a_topology() {
    let folder = Folder::new();
    let registry = Served::start(&folder, &[]);
    let component = guest("wordcount_count");
    let args = ["push", "team/count:1.0.0", "--from", component.to_str().unwrap()];
    let said = invoker(&folder, &registry, &args).succeeded().out;
    for text in [
        "pushed team/count:1.0.0\n",
        "manifest   sha256:",
        "state      total",
        "  function: team/count:1.0.0\n",
    ] {
        assert!(said.contains(text), "{text}: {said}");
    }
    let args = ["push", "team/count:dev", "--from", component.to_str().unwrap()];
    let said = invoker(&folder, &registry, &args).succeeded().out;
    assert!(said.contains("  function: team/count@sha256:"), "{said}");
}

#[test]
fn a_project_is_built_and_pushed_under_the_name_of_its_manifest() {
    let folder = Folder::new();
    let registry = Served::start(&folder, &[]);
    folder.invoker(&["new", "greet", "--lang", "rust"]).succeeded();
    let mut push = command(&folder, &registry, &["push"]);
    push.current_dir(folder.path("greet")).env("CARGO_TARGET_DIR", env!("CARGO_TARGET_TMPDIR"));
    let pushed = ended(push.output().unwrap()).succeeded();
    assert!(pushed.out.contains("pushed greet:0.1.0\n"), "{pushed:?}");
    let listed = invoker(&folder, &registry, &["registry", "list"]).succeeded();
    assert_eq!(listed.out, "greet\n");
}

#[test]
fn functions_and_tags_are_listed_moved_and_deleted() {
    let folder = Folder::new();
    let registry = Served::start(&folder, &[]);
    push(&folder, &registry, "wordcount_split", "team/split:1.0.0");
    push(&folder, &registry, "wordcount_count", "team/split:1.1.0");
    push(&folder, &registry, "wordcount_count", "team/count:1.0.0");
    let run = |args: &[&str]| invoker(&folder, &registry, args);
    let list = |args: &[&str]| run(&[&["registry", "list"], args].concat()).succeeded().out;
    assert_eq!(list(&[]), "team/count\nteam/split\n");
    let tagged = run(&["registry", "tag", "team/split@^1", "stable"]).succeeded().out;
    assert!(tagged.starts_with("team/split:stable is sha256:"), "{tagged}");
    assert_eq!(list(&["team/split"]), "team/split:1.0.0\nteam/split:1.1.0\nteam/split:stable\n");
    let json = list(&["team/count", "--output-format", "json"]);
    assert_eq!(json, "{\"function\":\"team/count\",\"tag\":\"1.0.0\"}\n");
    assert_eq!(manifest(&registry, "stable").0, manifest(&registry, "1.1.0").0);
    run(&["registry", "delete", "team/split:1.0.0"]).succeeded();
    assert_eq!(list(&["team/split"]), "team/split:1.1.0\nteam/split:stable\n");
    run(&["registry", "delete", "team/split:1.0.0"]).failed(4, &["team/split:1.0.0"]);
    run(&["registry", "gc", "--store", "store", "--dry-run"]).succeeded();
}

#[test]
fn a_flipped_bit_in_the_cache_is_seen_and_pulled_anew() {
    let folder = Folder::new();
    let registry = Served::start(&folder, &[]);
    push(&folder, &registry, "wordcount_split", "team/split:1.0.0");
    let pull = || invoker(&folder, &registry, &["pull", "team/split:1.0.0", "--file", "a.wasm"]).succeeded();
    pull();
    let whole = std::fs::read(folder.path("a.wasm")).unwrap();
    let (_, json) = manifest(&registry, "1.0.0");
    let layer = json["layers"][0]["digest"].as_str().unwrap().trim_start_matches("sha256:").to_owned();
    let kept = folder.path(&format!("cache/functions/sha256/{layer}"));
    let mut bytes = std::fs::read(&kept).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&kept, bytes).unwrap();
    let again = pull();
    assert!(again.err.contains("a function in the cache is damaged"), "{again:?}");
    assert!(std::fs::read(folder.path("a.wasm")).unwrap() == whole);
    assert!(std::fs::read(&kept).unwrap() == whole);
}

#[test]
fn many_processes_pull_into_one_cache_at_once() {
    let folder = Folder::new();
    let registry = Served::start(&folder, &[]);
    push(&folder, &registry, "wordcount_split", "team/split:1.0.0");
    let whole = std::fs::read(guest("wordcount_split")).unwrap();
    let names: Vec<String> = (0..8).map(|number| format!("{number}.wasm")).collect();
    let begin = |name: &String| {
        let mut pull = command(&folder, &registry, &["pull", "team/split:1.0.0", "--file", name]);
        pull.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<_> = names.iter().map(begin).collect();
    for (child, name) in children.into_iter().zip(&names) {
        let ended = ended(child.wait_with_output().unwrap()).succeeded();
        assert_eq!(ended.err, "");
        assert!(std::fs::read(folder.path(name)).unwrap() == whole);
    }
}
