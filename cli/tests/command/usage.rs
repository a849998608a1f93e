//! Command lines that are not understood.

use crate::invocation::Folder;

#[test]
fn an_unknown_flag_is_named() {
    let ended = Folder::new().invoker(&["run", "topology.yaml", "--inptu", "a=b"]);
    ended.failed(
        2,
        &["error: unexpected argument '--inptu' found", "why: a similar argument exists: '--input'"],
    );
    assert_eq!(ended.err.lines().count(), 3, "{ended:?}");
}

#[test]
fn an_unknown_verb_is_named() {
    let ended = Folder::new().invoker(&["runn"]);
    ended.failed(2, &["error: unrecognized subcommand 'runn'", "'run'"]);
}

#[test]
fn nothing_at_all_says_what_there_is() {
    let ended = Folder::new().invoker(&[]);
    ended.failed(2, &["error: ", "help: "]);
}

#[test]
fn an_input_without_file_is_explained() {
    let ended = Folder::new().invoker(&["run", "topology.yaml", "--input", "lines"]);
    ended.failed(2, &["invalid value 'lines'", "such as lines=book.txt"]);
}

#[test]
fn errors_are_objects_for_scripts() {
    let ended = Folder::new().invoker(&["--output-format", "json", "topics", "--data", "nowhere"]);
    let error: serde_json::Value = serde_json::from_str(ended.err.trim()).unwrap();
    assert_eq!((ended.code, &error["error"]["exitCode"]), (6, &6.into()));
    assert_eq!(error["error"]["kind"], "data");
    let ended = Folder::new().invoker(&["--output-format=json", "runn"]);
    let error: serde_json::Value = serde_json::from_str(ended.err.trim()).unwrap();
    assert_eq!(error["error"]["exitCode"], 2);
}

#[test]
fn help_and_version_are_no_errors() {
    let folder = Folder::new();
    assert!(folder.invoker(&["--version"]).succeeded().out.starts_with("invoker 0."));
    let help = folder.invoker(&["--help"]).succeeded().out;
    for verb in ["run", "inspect", "topics", "tail", "state", "dlq", "Exit codes:"] {
        assert!(help.contains(verb), "{verb}");
    }
    assert!(folder.invoker(&["run", "--help"]).succeeded().out.contains("Examples:"));
}
