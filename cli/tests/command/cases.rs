//! `invoker test`: what comes out as a case says, and what comes out otherwise.

use crate::invocation::{Ended, Folder, guest};

fn test(function: &str, cases: &str, args: &[&str]) -> (Folder, Ended) {
    let folder = Folder::new();
    folder.write("cases.yaml", cases);
    let function = guest(function);
    let all: Vec<&str> =
        ["test", function.to_str().unwrap(), "--cases", "cases.yaml"].iter().chain(args).copied().collect();
    let ended = folder.invoker(&all);
    (folder, ended)
}

#[test]
fn the_cases_of_the_examples_hold_in_the_engine() {
    let folder = Folder::new();
    let examples = [
        ("wordcount/split/cases.json", "wordcount_split"),
        ("wordcount/count/cases.json", "wordcount_count"),
        ("fraud/score/cases.yaml", "fraud_score"),
        ("orders/join/cases.yaml", "orders_join"),
        ("sessions/sessions/cases.yaml", "clickstream_sessions"),
        ("dead-letters/convert/cases.yaml", "dead_letters_convert"),
        ("httplog/parse-ts/cases.yaml", "httplog-parse-ts"),
    ];
    for (cases, function) in examples {
        let cases = format!("{}/../examples/{cases}", env!("CARGO_MANIFEST_DIR"));
        let ended = folder.invoker(&["test", guest(function).to_str().unwrap(), "--cases", &cases]);
        assert!(ended.succeeded().out.ends_with(" 0 failed\n"), "{cases}");
    }
}

#[test]
fn a_difference_shows_what_was_expected_beside_what_came() {
    let cases = "- name: words\n  input: [{ value: a b c }]\n  output:\n    - { key: a, value: a }\n    - { key: x, value: x }\n    - { key: c, value: c }\n";
    let (_, ended) = test("wordcount_split", cases, &[]);
    ended.failed(8, &["1 case came out otherwise", "--update"]);
    let shown = "FAIL  words (cases.yaml:1)\n  output: - is expected, + came out\n      { key: \"a\", value: \"a\" }\n    \
                 - { key: \"x\", value: \"x\" }\n    + { key: \"b\", value: \"b\" }\n      { key: \"c\", value: \"c\" }\n";
    assert!(ended.out.starts_with(shown), "{}", ended.out);
}

#[test]
fn an_update_writes_what_came_out_and_keeps_the_rest() {
    let cases = "# counted\n- name: twice  # both\n  input: [{ key: k, value: x }, { key: k, value: x }]\n";
    let (folder, ended) = test("wordcount_count", cases, &["--update"]);
    assert!(ended.succeeded().out.contains("1 updated"));
    let written = folder.read("cases.yaml");
    assert!(written.starts_with(cases), "{written}");
    assert!(
        written.contains("    - { key: \"k\", value: \"2\" }\n  state:\n    total: { \"k\": 2 }\n")
            || written.contains("total: { k: 2 }"),
        "{written}"
    );
    let again =
        folder.invoker(&["test", guest("wordcount_count").to_str().unwrap(), "--cases", "cases.yaml"]);
    assert!(again.succeeded().out.ends_with("1 case: 1 passed, 0 failed\n"));
}

#[test]
fn state_and_rejects_are_compared() {
    let cases = "- name: state\n  input: [{ key: k, value: x }]\n  output: [{ key: k, value: 1 }]\n  state: { total: { k: 7 } }\n";
    let (_, ended) = test("wordcount_count", cases, &[]);
    assert!(ended.out.contains("- total of \"k\": 7\n    + total of \"k\": 1"), "{ended:?}");
    let rejects = "[{ record: 1, code: told-to }, { record: 2, code: trap, message: unreachable }]";
    let cases = |rejects: &str| {
        format!(
            "- name: rejects\n  input: [{{ value: one }}, {{ value: reject }}, {{ value: trap }}]\n  \
             output: [{{ output: main, value: one }}]\n  rejects: {rejects}\n"
        )
    };
    assert!(test("hostile", &cases(rejects), &[]).1.succeeded().out.contains("1 passed"));
    let (_, ended) = test("hostile", &cases("[{ record: 1, code: other }]"), &[]);
    ended.failed(8, &["1 case came out otherwise"]);
    let lines = [
        "- { record: 1, code: \"other\" }",
        "+ { record: 1, code: \"told-to\" }  # rejected: ",
        "+ { record: 2, code: \"trap\" }  # trap: ",
    ];
    for line in lines {
        assert!(ended.out.contains(line), "{line}: {}", ended.out);
    }
}

#[test]
fn cases_that_cannot_be_read_or_run_are_told() {
    let missing = Folder::new();
    let function = guest("wordcount_split");
    missing
        .invoker(&["test", function.to_str().unwrap(), "--cases", "no.yaml"])
        .failed(5, &["cannot read cases \"no.yaml\"", "No such file"]);
    let of = |cases: &str, args: &[&str]| test("wordcount_split", cases, args).1;
    of("- name: a\n  inptu: []\n", &[]).failed(5, &["cases.yaml:2:3: ", "did you mean \"input\"?"]);
    of("- { name: a, input: [{ input: left, value: x }] }\n", &[])
        .failed(8, &["case \"a\"", "has no input \"left\""]);
    of("- { name: a, input: [], settings: { speed: 1 } }\n- { name: b, input: [{ value: x }], settings: { speed: 1 } }\n", &[])
        .failed(8, &["does not take its settings", "\"speed\" is not declared"]);
    of("- { name: a, input: [] }\n", &["--filter", "zebra"]).failed(2, &["no case has \"zebra\"", "\"a\""]);
}
