//! Ends of the edges: who reads and who writes each topic.
//!
//! Topics are declared by use, so a name that stands once is not wrong by itself: anything may write it. It is taken
//! for a typo where only one entity reads it, nothing says more about it, and it looks like a topic that is known.
//! Where the caller knows everything that writes (`invoker run`), a topic without a writer is an error.

use std::collections::BTreeSet;

use super::{Findings, Outside, dead_letters, inputs, outputs};
use crate::topology::problem::{Problem, nearest};
use crate::topology::yaml::path_of_field;

pub(super) fn check(findings: &mut Findings<'_>, outside: Option<&Outside>) {
    ends_of_entities(findings);
    let known = Known::of(findings);
    declared_topics(findings, &known);
    for (path, entity) in findings.entities() {
        for (here, topic) in inputs(&path, entity) {
            match outside {
                None => looks_like_another(findings, &known, &here, topic),
                Some(outside) => has_a_writer(findings, &known, outside, &here, topic),
            }
        }
    }
    if let Some(outside) = outside {
        options_name_topics(findings, &known, outside);
    }
}

/// Topics by who uses them.
struct Known {
    /// One entry per entity and input.
    read: Vec<String>,
    written: BTreeSet<String>,
    declared: BTreeSet<String>,
}

impl Known {
    fn of(findings: &Findings<'_>) -> Self {
        let (mut read, mut written) = (Vec::new(), BTreeSet::new());
        let deployment = findings.resource().id();
        for (path, entity) in findings.entities() {
            read.extend(inputs(&path, entity).into_iter().map(|(_, topic)| topic.to_owned()));
            written.extend(outputs(&path, entity).into_iter().map(|(_, topic)| topic.to_owned()));
            written.extend(dead_letters(&deployment, entity));
        }
        Self { read, written, declared: findings.resource().spec.topics.keys().cloned().collect() }
    }

    /// Topics in use that `topic` may have been meant to be.
    fn others<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = &'a str> {
        let declared = self.declared.iter().filter(|topic| self.read.contains(topic));
        let used = self.written.iter().chain(declared).map(String::as_str);
        used.filter(move |other| numberless(other) != numberless(topic))
    }
}

/// `words-1` and `words-2` are rather two topics than one misspelt.
fn numberless(topic: &str) -> String {
    topic.chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn ends_of_entities(findings: &mut Findings<'_>) {
    for (path, entity) in findings.entities() {
        match (&entity.input_topic, entity.inputs.is_empty()) {
            (Some(_), false) => {
                let why = "both say what the entity reads, and only one of them can hold";
                let help = "keep `inputs` and remove `inputTopic`";
                findings.add(&format!("{path}.inputTopic"), "given together with inputs", why, help);
            }
            (None, true) => {
                findings.add(
                    &path,
                    "has no input",
                    "an entity runs when a record comes in",
                    "add `inputTopic: …`",
                );
            }
            _ => {}
        }
        if entity.output_topic.is_some() && !entity.outputs.is_empty() {
            let why = "both say where the outputs go, and only one of them can hold";
            let help = "keep `outputs` and remove `outputTopic`";
            findings.add(&format!("{path}.outputTopic"), "given together with outputs", why, help);
        }
        let mut seen = BTreeSet::new();
        for (here, topic) in inputs(&path, entity) {
            if !seen.insert(topic) {
                let why = "its records would come twice";
                findings.add(
                    &here,
                    format!("the topic {topic:?} is read twice"),
                    why,
                    "remove one of the inputs",
                );
            }
        }
    }
}

fn declared_topics(findings: &mut Findings<'_>, known: &Known) {
    for topic in &known.declared {
        if known.written.contains(topic) || known.read.contains(topic) {
            continue;
        }
        let used = known.read.iter().chain(&known.written).map(String::as_str);
        let candidates =
            used.filter(|other| !known.declared.contains(*other) && numberless(other) != numberless(topic));
        if let Some(meant) = nearest(topic, candidates) {
            let why = "what is said about it would not hold for any topic in use";
            let path = path_of_field("spec.topics", topic);
            findings.add(
                &path,
                format!("no entity reads or writes {topic:?}"),
                why,
                format!("did you mean {meant:?}?"),
            );
        }
    }
}

fn looks_like_another(findings: &mut Findings<'_>, known: &Known, path: &str, topic: &str) {
    let readers = known.read.iter().filter(|other| *other == topic).count();
    if readers > 1 || known.written.contains(topic) || known.declared.contains(topic) {
        return;
    }
    if let Some(meant) = nearest(topic, known.others(topic)) {
        let why = format!("no entity writes it, and it looks like {meant:?}");
        let help = format!("did you mean {meant:?}? if not, name it under spec.topics");
        findings.add(path, format!("unknown topic {topic:?}"), why, help);
    }
}

fn has_a_writer(findings: &mut Findings<'_>, known: &Known, outside: &Outside, path: &str, topic: &str) {
    if known.written.contains(topic) || outside.inputs.contains(topic) || outside.existing.contains(topic) {
        return;
    }
    let outer = outside.inputs.iter().map(String::as_str);
    let help = match nearest(topic, known.written.iter().map(String::as_str).chain(outer)) {
        Some(meant) => format!("did you mean {meant:?}? if not, give it records with --input {topic}=FILE"),
        None => format!("give it records with --input {topic}=FILE"),
    };
    let why = "no entity writes it, no --input does, and it has no records yet";
    findings.add(path, format!("nothing ever writes the topic {topic:?}"), why, help);
}

fn options_name_topics(findings: &mut Findings<'_>, known: &Known, outside: &Outside) {
    for topic in outside.inputs.iter().filter(|topic| !known.read.contains(topic)) {
        let meant = nearest(topic, known.read.iter().map(String::as_str));
        let what = format!("no entity reads the topic {topic:?}");
        let problem = of_option("--input", topic, what, "its records would go nowhere", meant);
        findings.problems.push(problem);
    }
    let written = |topic: &&String| {
        known.written.contains(*topic) || outside.inputs.contains(*topic) || outside.existing.contains(*topic)
    };
    for topic in outside.outputs.iter().filter(|topic| !written(topic)) {
        let meant = nearest(topic, known.written.iter().map(String::as_str));
        let what = format!("nothing writes the topic {topic:?}");
        findings.problems.push(of_option("--output", topic, what, "nothing would ever come out", meant));
    }
}

/// A problem of the command line: it has no place in the file.
fn of_option(option: &str, topic: &str, what: String, why: &str, meant: Option<&str>) -> Problem {
    let help = match meant {
        Some(meant) => format!("did you mean {meant:?}?"),
        None => format!("remove the option, or name {topic:?} in the topology"),
    };
    let path = format!("{option} {topic}");
    Problem { source: String::new(), at: None, path, what, why: why.to_owned(), help }
}
