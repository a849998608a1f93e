//! What is read, and what is said about what cannot be read.

use super::*;
use crate::topology::{Bytes, Millis, PartitionRange};

const HEAD: &str =
    "apiVersion: invoker.io/v1alpha1\nkind: InvokerDeployment\nmetadata: { name: wordcount }\n";

/// The problems of a document whose `spec` begins in line 4.
fn problems_of(spec: &str) -> String {
    parse("t.yaml", format!("{HEAD}{spec}").as_bytes()).unwrap_err().to_string()
}

fn problems_of_text(text: impl AsRef<[u8]>) -> String {
    parse("t.yaml", text.as_ref()).unwrap_err().to_string()
}

#[test]
fn reads_every_field() {
    let text = include_bytes!("every-field.yaml");
    let document = parse("every-field.yaml", text).unwrap_or_else(|problems| panic!("{problems}"));
    let spec = &document.resource().spec;
    let entity = &spec.stateful_entities[1];
    assert_eq!(document.resource().id(), "prod-wordcount");
    assert_eq!(spec.topics["words"].partitions, Some(6));
    assert_eq!(entity.pods[0].partitions, [PartitionRange { first: 0, last: 2 }]);
    assert_eq!(entity.limits.as_ref().unwrap().memory, Some(Bytes(64 << 20)));
    assert_eq!(entity.commit_interval, Some(Millis(100)));
    assert_eq!(entity.config["minimum"], serde_json::json!(3));
    assert_eq!(document.place("spec.statefulEntities[1].pods[1].name").unwrap().line, 82);
}

#[test]
fn writes_what_it_reads() {
    let document = parse("every-field.yaml", include_bytes!("every-field.yaml")).unwrap();
    let json = serde_json::to_string_pretty(document.resource()).unwrap();
    let again =
        parse("every-field.json", json.as_bytes()).unwrap_or_else(|problems| panic!("{problems}\n{json}"));
    assert_eq!(again.resource().spec, document.resource().spec);
    assert_eq!(serde_json::from_str::<InvokerDeployment>(&json).unwrap().spec, document.resource().spec);
}

#[test]
fn reads_json_with_tabs_and_surrogate_pairs() {
    let json = "{\n\t\"apiVersion\": \"invoker.io\\/v1alpha1\",\n\t\"kind\": \"InvokerDeployment\",\n\t\"metadata\": {\"name\": \"a\"},\n\
                \t\"spec\": {\"version\": \"\\ud83d\\ude00\", \"statefulEntities\": []}\n}\n";
    let document = parse("t.json", json.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(document.resource().spec.version.as_deref(), Some("😀"));
}

#[test]
fn names_an_unknown_field_and_what_was_meant() {
    assert_eq!(
        problems_of(
            "spec:\n  statefulEntities:\n    - name: split\n      function: ./split\n      inputTpic: lines\n"
        ),
        "t.yaml:8:7: spec.statefulEntities[0].inputTpic: unknown field\n  \
         why: a field that nothing reads is refused, so that a typo cannot pass unseen\n  \
         help: did you mean \"inputTopic\"?"
    );
}

#[test]
fn lists_the_known_fields_where_none_is_near() {
    assert_eq!(
        problems_of("spec:\n  statefulEntities: []\n  topics:\n    words: { colour: red }\n"),
        "t.yaml:7:14: spec.topics.words.colour: unknown field\n  \
         why: a field that nothing reads is refused, so that a typo cannot pass unseen\n  \
         help: remove it; known here are \"partitions\", \"replicationFactor\" and \"config\""
    );
}

#[test]
fn finds_all_problems_at_once() {
    let text = "spec:\n  paussed: true\n  historyLimit: three\n  version: 1.0\n  topics: [words]\n  statefulEntities:\n    \
                - name: a\n      parallelism: -1\n      delivery: exactly_once\n    - function: ./b\n      commitInterval: 100\n";
    let problems = parse("t.yaml", format!("{HEAD}{text}").as_bytes()).unwrap_err();
    let heads: Vec<String> = problems
        .0
        .iter()
        .map(|problem| format!("{}:{} {}: {}", problem.line(), problem.column(), problem.path, problem.what))
        .collect();
    assert_eq!(
        heads,
        [
            "5:3 spec.paussed: unknown field",
            "6:17 spec.historyLimit: expected a whole number from 0 to 4294967295, found the text \"three\"",
            "7:12 spec.version: expected text, found the number 1.0",
            "8:11 spec.topics: expected a mapping, found a list",
            "10:7 spec.statefulEntities[0]: the field \"function\" is missing",
            "11:20 spec.statefulEntities[0].parallelism: expected a whole number from 0 to 4294967295, found the number -1",
            "12:17 spec.statefulEntities[0].delivery: unknown value \"exactly_once\"",
            "13:7 spec.statefulEntities[1]: the field \"name\" is missing",
            "14:23 spec.statefulEntities[1].commitInterval: \"100\" is not a duration",
        ]
    );
}

#[test]
fn a_wrong_type_says_what_to_write() {
    assert_eq!(
        problems_of("spec:\n  version: 1.10\n  statefulEntities: []\n"),
        "t.yaml:5:12: spec.version: expected text, found the number 1.10\n  why: the field has another type\n  \
         help: put it into quotes: \"1.10\""
    );
    assert_eq!(
        problems_of("spec:\n  paused: yes\n  statefulEntities: []\n"),
        "t.yaml:5:11: spec.paused: expected true or false, found the text \"yes\"\n  why: the field has another type\n  \
         help: write true or false, without quotes"
    );
    assert_eq!(
        problems_of("spec:\n  statefulEntities:\n    name: split\n"),
        "t.yaml:6:5: spec.statefulEntities: expected a list, found a mapping\n  why: the field has another type\n  \
         help: write one `- item` per line, or [a, b]"
    );
    assert_eq!(
        problems_of("spec:\n  statefulEntities:\n    - split\n"),
        "t.yaml:6:7: spec.statefulEntities[0]: expected a mapping, found the text \"split\"\n  \
         why: the field has another type\n  help: write `name: value` lines here"
    );
}

#[test]
fn a_wrong_choice_names_the_choices() {
    assert_eq!(
        problems_of("spec:\n  deletePolicy: keep\n  statefulEntities: []\n"),
        "t.yaml:5:17: spec.deletePolicy: unknown value \"keep\"\n  why: known are \"retain\" and \"purge\"\n  \
         help: write one of them"
    );
    assert_eq!(
        problems_of("spec:\n  statefulEntities:\n  - {name: a, function: ./a, onFailure: deadLetter}\n"),
        "t.yaml:6:41: spec.statefulEntities[0].onFailure: unknown value \"deadLetter\"\n  \
         why: known are \"dead-letter\", \"skip\" and \"stop\"\n  help: did you mean \"dead-letter\"?"
    );
}

#[test]
fn a_malformed_partition_range_is_named() {
    assert_eq!(
        problems_of(
            "spec:\n  statefulEntities:\n  - name: a\n    function: ./a\n    pods:\n    - { name: a-0, partitions: [\"2-0\", 3] }\n"
        ),
        "t.yaml:9:33: spec.statefulEntities[0].pods[0].partitions[0]: \"2-0\" is not a range of partitions\n  \
         why: it ends before it begins\n  help: did you mean \"0-2\"?"
    );
}

#[test]
fn a_missing_field_is_named() {
    assert_eq!(
        problems_of_text("apiVersion: invoker.io/v1alpha1\nkind: InvokerDeployment\nmetadata: { name: a }\n"),
        "t.yaml:1:1: the field \"spec\" is missing\n  why: it is required and has no default\n  help: add `spec: …` here"
    );
}

#[test]
fn a_key_given_twice_is_named_with_its_first_line() {
    assert_eq!(
        problems_of("spec:\n  version: a\n  statefulEntities: []\n  version: b\n"),
        "t.yaml:7:3: spec.version: given twice, first in line 5\n  why: only one of them can hold\n  help: remove one"
    );
}

#[test]
fn another_kind_or_version_is_refused_as_such() {
    assert_eq!(
        problems_of_text("apiVersion: apps/v1\nkind: Deployment\nspec: { replicas: 3 }\n"),
        "t.yaml:1:13: apiVersion: \"apps/v1\" is not served\n  why: this version of invoker reads \"invoker.io/v1alpha1\"\n  \
         help: write `apiVersion: invoker.io/v1alpha1`, or check that this is the right file"
    );
    assert_eq!(
        problems_of_text("apiVersion: invoker.io/v1alpha1\nkind: InvokerDeploymnet\n"),
        "t.yaml:2:7: kind: \"InvokerDeploymnet\" is not served\n  why: this version of invoker reads \"InvokerDeployment\"\n  \
         help: did you mean \"InvokerDeployment\"?"
    );
}

#[test]
fn more_than_one_document_is_refused() {
    let text = format!("{HEAD}spec: {{ statefulEntities: [] }}\n---\nkind: Other\n");
    assert_eq!(
        problems_of_text(text),
        "t.yaml:5:1: a second document starts here\n  why: a topology is one document: one InvokerDeployment\n  \
         help: keep one document, or put the others into files of their own"
    );
}

#[test]
fn an_empty_file_is_refused() {
    for text in ["", "\n\n", "# nothing\n"] {
        assert_eq!(
            problems_of_text(text),
            "t.yaml: the file is empty\n  why: a topology is one YAML or JSON document\n  \
             help: start with `apiVersion: invoker.io/v1alpha1` and `kind: InvokerDeployment`"
        );
    }
}

#[test]
fn a_file_that_is_not_utf_8_is_refused() {
    assert_eq!(
        problems_of_text(b"kind: a\nname: \xff\xfe\n"),
        "t.yaml:2:7: the file is not UTF-8 at byte 14\n  why: YAML and JSON are UTF-8 text\n  help: save the file in UTF-8"
    );
}

#[test]
fn a_tab_in_the_indentation_is_named() {
    assert_eq!(
        problems_of("spec:\n\tversion: a\n"),
        "t.yaml:5:2: not YAML: tabs disallowed within this context (block indentation)\n  why: YAML is indented by spaces\n  \
         help: replace the tab by spaces"
    );
}

#[test]
fn syntax_errors_name_their_place_and_what_helps() {
    let cases = [
        ("spec: { version: a\n", "4:7", "close the bracket"),
        ("spec:\n  version: a: b\n", "5:13", "put the value into quotes, or begin a new line"),
        ("spec:\n  version: @a\n", "5:12", "put the value into quotes"),
        (
            "spec:\n    version: a\n  paused: true\n",
            "6:3",
            "check the indentation of this line and the one above",
        ),
        ("spec:\n  version: *nowhere\n", "5:12", "define the anchor above, or write the value out"),
        ("spec:\n  version: \"a\n", "6:1", "close the quote, and write quotes inside it twice or escaped"),
    ];
    for (text, place, help) in cases {
        let problems = problems_of(text);
        assert!(problems.starts_with(&format!("t.yaml:{place}: not YAML: ")), "{text}{problems}");
        assert!(problems.ends_with(&format!("help: {help}")), "{text}{problems}");
    }
}

#[test]
fn anchors_and_merge_keys_are_expanded() {
    let text = format!(
        "{HEAD}spec:\n  topics:\n    a: &base {{ partitions: 6, replicationFactor: 3 }}\n    b: *base\n    \
         c: {{ <<: *base, partitions: 2 }}\n  statefulEntities: []\n"
    );
    let document = parse("t.yaml", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    let topics = &document.resource().spec.topics;
    assert_eq!(topics["b"], topics["a"]);
    assert_eq!((topics["c"].partitions, topics["c"].replication_factor), (Some(2), Some(3)));
}

#[test]
fn a_billion_laughs_are_refused() {
    let mut text = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..12 {
        let items = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    let problems = problems_of_text(text);
    assert!(problems.contains("the document is too large once its aliases are expanded"), "{problems}");
}

#[test]
fn an_alias_inside_its_own_anchor_is_refused() {
    assert_eq!(
        problems_of_text("spec: &s\n  inner: *s\n"),
        "t.yaml:2:10: spec.inner: an alias stands inside what it names\n  why: it would contain itself without end\n  \
         help: write the value out"
    );
}

#[test]
fn endless_nesting_is_refused() {
    let problems = problems_of_text("[".repeat(100_000));
    assert!(problems.contains("nested") || problems.contains("not YAML"), "{problems}");
    let problems = problems_of_text(format!("{}{}", "[".repeat(80), "]".repeat(80)));
    assert!(problems.contains("the document is nested too deeply"), "{problems}");
}

#[test]
fn tags_and_composite_names_are_refused() {
    assert!(problems_of("spec: !thing { version: a }\n").contains("the tag !thing has no meaning here"));
    assert!(problems_of("? [a]\n: b\n").contains("a list or a mapping stands where a name is expected"));
}

#[test]
fn a_document_that_is_no_mapping_is_refused() {
    assert_eq!(
        problems_of_text("hello\n"),
        "t.yaml:1:1: expected a mapping, found the text \"hello\"\n  why: the field has another type\n  \
         help: write `name: value` lines here"
    );
}

proptest::proptest! {
    #[test]
    fn never_panics(text in "[ -~\\n\\t\u{e4}]{0,200}", bytes: Vec<u8>) {
        let _ = parse("t.yaml", text.as_bytes());
        let _ = parse("t.yaml", &bytes);
    }
}
