//! Input and output files: missing, changed, of other bytes, of long lines.

use std::io::Write;
use std::process::Stdio;

use crate::invocation::{Folder, ended};

#[test]
fn a_missing_input_is_told_before_anything_runs() {
    let folder = Folder::with_word_count();
    let ended = folder.invoker(&["run", "topology.yaml", "--input", "lines=no.txt", "--data", "data"]);
    ended.failed(5, &["cannot read input \"no.txt\"", "why: No such file", "help: check the path"]);
    assert!(!folder.path("data").exists());
}

#[test]
fn a_topic_that_is_not_in_the_topology_is_told() {
    let folder = Folder::with_word_count();
    folder.write("in.txt", "");
    let ended = folder.invoker(&["run", "topology.yaml", "--input", "lnes=in.txt"]);
    ended.failed(2, &["the topology has no topic \"lnes\"", "lines"]);
    folder.invoker(&["run", "topology.yaml", "--output", "cuonts=-"]).failed(2, &["no topic \"cuonts\""]);
}

#[test]
fn a_shrunk_input_is_an_error_and_what_was_read_stays() {
    let folder = Folder::with_word_count();
    folder.write("in.txt", "one two\nthree\n");
    let run = ["run", "topology.yaml", "--input", "lines=in.txt", "--data", "data"];
    folder.invoker(&run).succeeded();
    folder.write("in.txt", "one\n");
    folder.invoker(&run).failed(5, &["has shrunk", "up to byte 14 and has 4 now", "help: put the file back"]);
    let words = folder.invoker(&["tail", "words", "--data", "data"]).succeeded();
    assert_eq!(words.out.lines().count(), 3, "{words:?}");
}

#[test]
fn a_wrong_json_line_names_file_line_and_column() {
    let folder = Folder::with_word_count();
    folder.write("in.jsonl", "{\"value\": \"a b\"}\n{\"valeu\": \"c\"}\n");
    let run = ["run", "topology.yaml", "--input", "lines=in.jsonl", "--output", "words=-"];
    let ended = folder.invoker(&run);
    ended.failed(5, &["line 2 of input", "in.jsonl\" is not a record", "unknown field `valeu`"]);
    assert_eq!(ended.lines(), ["a", "b"]);
}

#[test]
fn other_bytes_and_other_line_ends_pass() {
    let folder = Folder::with_word_count();
    folder.write("in.txt", b"caf\xe9 x\r\n\r\n\xff\xfe\nlast");
    let run = ["run", "topology.yaml", "--input", "lines=in.txt", "--output", "lines=out.txt"];
    folder.invoker(&run).succeeded();
    assert_eq!(std::fs::read(folder.path("out.txt")).unwrap(), b"caf\xe9 x\n\n\xff\xfe\nlast\n");
}

#[test]
fn a_line_of_50_mb_passes() {
    let folder = Folder::with_word_count();
    let mut text = b"short\n".to_vec();
    text.extend(std::iter::repeat_n(b'x', 50_000_000));
    text.extend(b"\nend\n");
    folder.write("in.txt", &text);
    let run = ["run", "topology.yaml", "--input", "lines=in.txt", "--output", "lines=out.txt"];
    folder.invoker(&run).succeeded();
    assert!(std::fs::read(folder.path("out.txt")).unwrap() == text);
}

#[test]
fn an_output_that_cannot_be_written_is_told() {
    let folder = Folder::with_word_count();
    folder.write("in.txt", "a\n");
    let run =
        |output| folder.invoker(&["run", "topology.yaml", "--input", "lines=in.txt", "--output", output]);
    run("words=no/out.txt").failed(5, &["cannot write output \"no/out.txt\"", "make the folder"]);
    run("words=/dev/full").failed(5, &["cannot write output \"/dev/full\"", "make room on the disk"]);
    run("words=in.txt").failed(2, &["cannot write output \"in.txt\"", "read as an input, too"]);
    assert_eq!(folder.read("in.txt"), "a\n");
}

#[test]
fn a_reader_that_goes_away_ends_the_run_quietly() {
    let folder = Folder::with_word_count();
    folder.write("in.txt", "a b c d\n".repeat(100_000));
    let mut command =
        folder.command(&["run", "topology.yaml", "--input", "lines=in.txt", "--output", "words=-"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let ended = ended(child.wait_with_output().unwrap());
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(!ended.err.contains("error"), "{ended:?}");
}

#[test]
fn standard_input_is_read_and_said_to_be_at_least_once() {
    let folder = Folder::with_word_count();
    let run = ["run", "topology.yaml", "--input", "lines=-", "--output", "words=-", "--data", "data"];
    let mut command = folder.command(&run);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"a b\nc").unwrap();
    let ended = ended(child.wait_with_output().unwrap()).succeeded();
    assert_eq!(ended.lines(), ["a", "b", "c"]);
    assert_eq!(ended.err.matches("at least once").count(), 1, "{ended:?}");
}
