//! Names that fit where they end up (Kubernetes, Kafka, Redis), and that mean one thing each.

use std::collections::BTreeMap;

use super::{Findings, dead_letters, inputs, outputs};
use crate::topology::yaml::path_of_field;

/// Longest name of a topic.
const MAX_TOPIC: usize = 249;
/// Longest identity of a deployment or an entity: both and more stand in one topic name.
const MAX_ID: usize = 100;

pub(super) fn check(findings: &mut Findings<'_>) {
    deployment(findings);
    entities(findings);
    pods(findings);
    topics(findings);
}

fn deployment(findings: &mut Findings<'_>) {
    let resource = findings.resource();
    dns_subdomain(findings, "metadata.name", &resource.metadata.name);
    if let Some(namespace) = &resource.metadata.namespace {
        dns_label(findings, "metadata.namespace", namespace);
    }
    for (path, part) in [("spec.id", &resource.spec.id), ("spec.prefix", &resource.spec.prefix)] {
        if let Some(part) = part {
            identity(findings, path, part);
        }
    }
    if resource.spec.stateful_entities.is_empty() {
        let why = "a topology without a stage does nothing";
        findings.add(
            "spec.statefulEntities",
            "has no entity",
            why,
            "add `- name: …` with a function and its topics",
        );
    }
}

fn entities(findings: &mut Findings<'_>) {
    let (mut names, mut ids) = (BTreeMap::new(), BTreeMap::new());
    for (path, entity) in findings.entities() {
        let here = format!("{path}.name");
        dns_label(findings, &here, &entity.name);
        let doubled = twice(findings, &mut names, &here, &entity.name, "name");
        let here = if entity.id.is_some() { format!("{path}.id") } else { here };
        if let Some(id) = &entity.id {
            identity(findings, &here, id);
        }
        if !doubled {
            twice(findings, &mut ids, &here, entity.id(), "id");
        }
        if entity.function.trim().is_empty() {
            let help = "write a path such as ./split.wasm, or namespace/name:tag";
            findings.add(&format!("{path}.function"), "is empty", "an entity runs a function", help);
        }
    }
}

/// Whether `name` was there before; then it is told.
fn twice<'a>(
    findings: &mut Findings<'_>,
    seen: &mut BTreeMap<&'a str, String>,
    path: &str,
    name: &'a str,
    kind: &str,
) -> bool {
    let Some(first) = seen.get(name) else {
        seen.insert(name, path.to_owned());
        return false;
    };
    let why = format!("{first}{} has it too", findings.in_line(first));
    let help = if kind == "id" { "give it an `id` of its own" } else { "give one of them another name" };
    findings.add(path, format!("the {kind} {name:?} is given twice"), why, help);
    true
}

fn pods(findings: &mut Findings<'_>) {
    for (path, entity) in findings.entities() {
        let mut names = BTreeMap::new();
        for (index, pod) in entity.pods.iter().enumerate() {
            let here = format!("{path}.pods[{index}].name");
            dns_label(findings, &here, &pod.name);
            twice(findings, &mut names, &here, &pod.name, "name");
        }
    }
}

fn topics(findings: &mut Findings<'_>) {
    let resource = findings.resource();
    for name in resource.spec.topics.keys() {
        topic(findings, &path_of_field("spec.topics", name), name);
    }
    let deployment = resource.id();
    for (path, entity) in findings.entities() {
        for (here, name) in inputs(&path, entity).into_iter().chain(outputs(&path, entity)) {
            topic(findings, &here, name);
        }
        match (&entity.dead_letter_topic, dead_letters(&deployment, entity)) {
            (Some(name), _) => topic(findings, &format!("{path}.deadLetterTopic"), name),
            (None, Some(name)) if name.len() > MAX_TOPIC => {
                let what = format!("the dead-letter topic {name:?} has {} characters", name.len());
                let why = format!("a topic of Kafka may have {MAX_TOPIC}");
                findings.add(&path, what, why, "give a `deadLetterTopic`, or a shorter `id`");
            }
            _ => {}
        }
    }
}

fn topic(findings: &mut Findings<'_>, path: &str, name: &str) {
    let why = format!("Kafka allows letters, digits, `.`, `_` and `-`, at most {MAX_TOPIC} of them");
    if name.is_empty()
        || matches!(name, "." | "..")
        || name.len() > MAX_TOPIC
        || !name.chars().all(fits_in_kafka)
    {
        findings.add(
            path,
            format!("{name:?} is not a name for a topic"),
            why,
            suggestion(name, fits_in_kafka),
        );
    }
}

fn identity(findings: &mut Findings<'_>, path: &str, name: &str) {
    if let Some((what, why, help)) = misfit(name) {
        findings.add(path, what, why, help);
    }
}

/// What, why and what to do, where a name cannot be part of names in Kafka.
pub(crate) fn misfit(name: &str) -> Option<(String, String, String)> {
    let fits = !name.is_empty() && name.len() <= MAX_ID && name.chars().all(fits_in_kafka);
    (!fits).then(|| {
        let why =
            format!("it is part of names in Kafka: letters, digits, `.`, `_` and `-`, at most {MAX_ID}");
        (format!("{name:?} does not fit"), why, suggestion(name, fits_in_kafka))
    })
}

fn fits_in_kafka(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

fn dns_label(findings: &mut Findings<'_>, path: &str, name: &str) {
    if !is_dns_label(name) {
        let why =
            "it names objects of Kubernetes: lower-case letters, digits and `-` between them, at most 63";
        findings.add(path, format!("{name:?} is not a name"), why, dns_suggestion(name));
    }
}

fn dns_subdomain(findings: &mut Findings<'_>, path: &str, name: &str) {
    if name.len() > 253 || !name.split('.').all(is_dns_label) {
        let why = "it names an object of Kubernetes: lower-case letters, digits, `-` and `.` between them, at most 253";
        findings.add(path, format!("{name:?} is not a name"), why, dns_suggestion(name));
    }
}

fn is_dns_label(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&name.len())
        && name.chars().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

fn dns_suggestion(name: &str) -> String {
    let lower = name.to_lowercase();
    let replaced: String =
        lower.chars().map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' }).collect();
    let meant = replaced.trim_matches('-');
    if is_dns_label(meant) { format!("write e.g. {meant:?}") } else { "choose another name".to_owned() }
}

fn suggestion(name: &str, fits: impl Fn(char) -> bool) -> String {
    let replaced: String = name.trim().chars().map(|c| if fits(c) { c } else { '-' }).collect();
    if replaced.chars().any(|c| c.is_ascii_alphanumeric()) && replaced.len() <= MAX_ID && replaced != name {
        format!("write e.g. {replaced:?}")
    } else {
        "choose another name".to_owned()
    }
}
