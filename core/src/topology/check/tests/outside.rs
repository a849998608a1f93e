use super::*;

fn set(topics: &[&str]) -> BTreeSet<String> {
    topics.iter().map(|topic| (*topic).to_owned()).collect()
}

fn said_with(document: &Document, inputs: &[&str], outputs: &[&str], existing: &[&str]) -> String {
    let outside = Outside { inputs: set(inputs), outputs: set(outputs), existing: set(existing) };
    check(document, Some(&outside)).map_or_else(|problems| problems.to_string(), |()| "nothing".to_owned())
}

fn word_count() -> Document {
    entities(&[
        "name: split, inputTopic: lines, outputTopic: words",
        "name: count, inputTopic: words, outputTopic: counts",
    ])
}

#[test]
fn topics_with_a_writer_pass() {
    assert_eq!(said_with(&word_count(), &["lines"], &["counts"], &[]), "nothing");
    assert_eq!(said_with(&word_count(), &[], &["words"], &["lines"]), "nothing");
}

#[test]
fn a_topic_that_nothing_writes() {
    assert_eq!(
        said_with(&word_count(), &[], &[], &[]),
        "t.yaml:6:35: spec.statefulEntities[0].inputTopic: nothing ever writes the topic \"lines\"\n  \
             why: no entity writes it, no --input does, and it has no records yet\n  \
             help: give it records with --input lines=FILE"
    );
}

#[test]
fn a_misspelt_input_option() {
    assert_eq!(
        said_with(&word_count(), &["line"], &[], &[]),
        "--input line: no entity reads the topic \"line\"\n  \
             why: its records would go nowhere\n  \
             help: did you mean \"lines\"?\n\
             t.yaml:6:35: spec.statefulEntities[0].inputTopic: nothing ever writes the topic \"lines\"\n  \
             why: no entity writes it, no --input does, and it has no records yet\n  \
             help: did you mean \"line\"? if not, give it records with --input lines=FILE"
    );
}

#[test]
fn an_input_option_that_nothing_reads() {
    assert_eq!(
        said_with(&word_count(), &["lines", "users"], &[], &[]),
        "--input users: no entity reads the topic \"users\"\n  \
             why: its records would go nowhere\n  \
             help: remove the option, or name \"users\" in the topology"
    );
}

#[test]
fn a_misspelt_output_option() {
    assert_eq!(
        said_with(&word_count(), &["lines"], &["count"], &[]),
        "--output count: nothing writes the topic \"count\"\n  \
             why: nothing would ever come out\n  \
             help: did you mean \"counts\"?"
    );
}

#[test]
fn an_output_option_that_nothing_writes() {
    assert_eq!(
        said_with(&word_count(), &["lines"], &["other"], &[]),
        "--output other: nothing writes the topic \"other\"\n  \
             why: nothing would ever come out\n  \
             help: remove the option, or name \"other\" in the topology"
    );
}
