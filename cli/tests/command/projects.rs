//! Projects that `invoker new` makes: built, tested and run with nothing but the command and the tools of a language.

use std::process::Command;

use crate::invocation::{Ended, Folder};

/// Builds and downloads are kept between runs of the tests, outside the projects.
pub(crate) fn environment(command: &mut Command) -> &mut Command {
    command.env("CARGO_TARGET_DIR", env!("CARGO_TARGET_TMPDIR"));
    // A toolchain that was made for functions lies in the user's cache.
    match std::env::var_os("INVOKER_CACHE") {
        Some(cache) => command.env("INVOKER_CACHE", cache),
        None => command.env_remove("INVOKER_CACHE"),
    }
}

pub(crate) fn in_project(folder: &Folder, project: &str, args: &[&str]) -> Ended {
    let mut command = folder.command(args);
    environment(command.current_dir(folder.path(project)));
    crate::invocation::ended(command.output().unwrap())
}

/// What the README of a project says to type.
fn lives(language: &str) {
    let folder = Folder::new();
    let name = format!("line-count-{language}");
    folder.invoker(&["new", &name, "--lang", language]).succeeded();
    folder.write("lines.txt", "a quick fox\n\nGrüße\n");
    let built = in_project(&folder, &name, &["build"]).succeeded();
    assert!(built.out.starts_with("built ") && built.out.contains("settings least"), "{built:?}");
    let tested = in_project(&folder, &name, &["test"]).succeeded();
    assert!(tested.out.ends_with("3 cases: 3 passed, 0 failed\n"), "{tested:?}");
    let run = ["run", "topology.yaml", "--input", "in=../lines.txt", "--output", "out=-"];
    let ran = in_project(&folder, &name, &run).succeeded();
    let mut lines = ran.lines();
    lines.sort_unstable();
    assert_eq!(lines, [r#"{"words":1,"letters":5}"#, r#"{"words":3,"letters":9}"#]);
    let bench = in_project(&folder, &name, &["test", "--bench", "--filter", "counted"]).succeeded();
    assert!(bench.out.contains(" ns a record") && bench.out.contains("% of the lane's time"), "{bench:?}");
}

#[test]
fn a_project_in_rust_is_made_built_tested_and_run() {
    lives("rust");
}

#[test]
fn a_project_in_javascript_is_made_built_tested_and_run() {
    lives("js");
}

#[test]
fn a_project_in_typescript_is_made_built_tested_and_run() {
    lives("ts");
}

#[test]
fn a_folder_that_is_not_empty_and_a_name_that_a_tool_refuses_are_left_alone() {
    let folder = Folder::new();
    folder.write("mine/letter.txt", "dear");
    folder
        .invoker(&["new", "mine"])
        .failed(2, &["cannot make a project in \"mine\"", "it is there and not empty"]);
    folder.invoker(&["new", "My_Thing"]).failed(2, &["cannot be named \"My_Thing\"", "name it \"my-thing\""]);
    assert!(!folder.path("My_Thing").exists() && folder.read("mine/letter.txt") == "dear");
    folder.invoker(&["new", "x", "--lang", "cobol"]).failed(2, &["cobol", "rust"]);
}

#[test]
fn what_a_project_carries_of_ours_can_be_renewed() {
    let folder = Folder::new();
    folder.invoker(&["new", "f"]).succeeded();
    let own = folder.read("f/src/lib.rs");
    folder.write("f/vendor/invoker/sdk/src/lib.rs", "old");
    folder.write("f/vendor/invoker/gone.rs", "old");
    folder.invoker(&["new", "--refresh", "f"]).succeeded();
    assert!(folder.read("f/vendor/invoker/sdk/src/lib.rs").contains("pub mod prelude"));
    assert!(!folder.path("f/vendor/invoker/gone.rs").exists());
    assert_eq!(folder.read("f/src/lib.rs"), own);
    folder.invoker(&["new", "--refresh", "."]).failed(2, &["is no function project"]);
}

#[test]
fn a_folder_without_project_and_missing_tools_are_told() {
    let folder = Folder::new();
    folder.invoker(&["build"]).failed(4, &["is not a function project", "`invoker new NAME` makes one"]);
    folder.invoker(&["new", "f"]).succeeded();
    let mut bare = folder.command(&["build", "f"]);
    let ended = crate::invocation::ended(bare.env("PATH", folder.path("nowhere")).output().unwrap());
    ended.failed(9, &["cargo is missing", "help: install Rust from https://rustup.rs"]);
    folder.invoker(&["new", "g", "--lang", "js"]).succeeded();
    let mut bare = folder.command(&["build", "g"]);
    let ended = crate::invocation::ended(bare.env("PATH", folder.path("nowhere")).output().unwrap());
    ended.failed(9, &["node is missing", "help: install Node.js 18 or newer"]);
}

#[test]
fn compile_errors_pass_through_and_a_missing_export_is_named() {
    let folder = Folder::new();
    folder.invoker(&["new", "f"]).succeeded();
    let good = folder.read("f/src/lib.rs");
    folder.write("f/src/lib.rs", good.replace("record.text()?", "record.txet()?"));
    let ended = in_project(&folder, "f", &["build"]);
    ended.failed(4, &["does not build", "cargo says why above"]);
    assert!(
        ended.err.contains("no method named `txet`") && ended.err.contains("--> src/lib.rs:"),
        "{ended:?}"
    );
    folder.write("f/src/lib.rs", "pub fn nothing() {}\n");
    in_project(&folder, "f", &["build"]).failed(4, &["the export \"invoker:udf/function\" is missing"]);
}

#[test]
fn a_function_that_remembers_more_than_its_state_is_told() {
    let folder = Folder::new();
    folder.invoker(&["new", "f"]).succeeded();
    let source = "use invoker_sdk::prelude::*;\n\n/// Numbers records.\n#[function]\nstruct Number {\n    /// The numbers.\n    \
                  out: Output<u64>,\n    seen: u64,\n}\n\nimpl Process for Number {\n    fn process(&mut self, _: Record<'_>) -> \
                  Result {\n        self.seen += 1;\n        self.out.send(self.seen)\n    }\n}\n";
    folder.write("f/src/lib.rs", source);
    folder.write(
        "f/cases.yaml",
        "- name: two\n  input: [{ value: a }, { value: b }]\n  output: [{ value: 1 }, { value: 2 }]\n",
    );
    in_project(&folder, "f", &["build"]).succeeded();
    let ended = in_project(&folder, "f", &["test"]);
    ended.failed(8, &["1 case came out otherwise"]);
    let told = [
        "it remembers something from call to call that is not state",
        "- { value: \"2\" }",
        "+ { value: \"1\" }",
    ];
    for text in told {
        assert!(ended.out.contains(text), "{text}: {}", ended.out);
    }
}

#[test]
fn a_type_error_in_typescript_passes_through() {
    let folder = Folder::new();
    folder.invoker(&["new", "g", "--lang", "ts"]).succeeded();
    let wrong = folder.read("g/src/function.ts").replace("const words: number", "const words: string");
    folder.write("g/src/function.ts", wrong);
    let ended = in_project(&folder, "g", &["build"]);
    ended.failed(4, &["does not build", "`npm run build` says why above"]);
    assert!(ended.err.contains("src/function.ts(") && ended.err.contains("TS2322"), "{ended:?}");
}

#[test]
fn schema_completion_pages_and_doctor_are_for_this_command() {
    let folder = Folder::new();
    folder.invoker(&["schema", "--output", "s.json"]).succeeded();
    let schema: serde_json::Value = serde_json::from_str(&folder.read("s.json")).unwrap();
    assert!(schema["properties"]["spec"].is_object());
    assert_eq!(folder.invoker(&["schema"]).succeeded().out, folder.read("s.json"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(folder.invoker(&["completion", shell]).succeeded().out.contains("bench"), "{shell}");
    }
    folder.invoker(&["man", "pages"]).succeeded();
    assert!(folder.read("pages/invoker.1").contains("invoker"));
    assert!(folder.read("pages/invoker-test.1").contains("bench"));
    let doctor = folder.invoker(&["doctor", "--lang", "rust"]).succeeded();
    assert!(doctor.out.contains("wasm32-wasip2") && doctor.out.contains("code cache"), "{doctor:?}");
    let mut bare = folder.command(&["doctor", "--lang", "js"]);
    let ended = crate::invocation::ended(bare.env("PATH", folder.path("nowhere")).output().unwrap());
    ended.failed(9, &["node is missing", "nodejs.org"]);
}
