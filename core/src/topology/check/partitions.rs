//! Partitions: as many in every input of an entity, each owned by exactly one pod, and pods made in one way only.

use std::collections::BTreeMap;

use super::{Findings, inputs};
use crate::topology::entity::{Assignment, StatefulEntity};
use crate::topology::problem::listed;
use crate::topology::units::PartitionRange;

/// Most partitions of a topic.
pub(super) const MAX_PARTITIONS: u32 = 10_000;

/// `count` = the partitions of a topic, where that is known.
pub(crate) fn check(findings: &mut Findings<'_>, count: &dyn Fn(&str) -> Option<u32>) {
    for (path, entity) in findings.entities() {
        let inputs = inputs(&path, entity);
        let mut known = inputs.iter().filter_map(|(field, topic)| Some((field, *topic, count(topic)?)));
        let first = known.next();
        if let Some((_, first_topic, expected)) = first {
            for (field, topic, found) in known.filter(|(_, _, found)| *found != expected) {
                let what = format!("{topic:?} has {found} partitions, and {first_topic:?} has {expected}");
                let why = "an entity reads partition n of every input together, and keeps the state of its keys there";
                let help =
                    "give the topics as many partitions, or let an entity of its own write one of them anew";
                findings.add(field, what, why, help);
            }
        }
        one_way_to_make_pods(findings, &path, entity);
        parallelism_within_autoscale(findings, &path, entity);
        let expected = first.map(|(_, topic, count)| (topic, count));
        every_partition_has_one_pod(findings, &path, entity, expected);
    }
}

fn one_way_to_make_pods(findings: &mut Findings<'_>, path: &str, entity: &StatefulEntity) {
    if entity.pods.is_empty() {
        return;
    }
    let by_hand = "pods made by hand own their partitions, so nothing else can say how many there are";
    let group = "in a consumer group Kafka decides who reads what";
    let others = [
        ("autoscale", entity.autoscale.is_some(), by_hand),
        ("parallelism", entity.parallelism.is_some(), by_hand),
        ("assignment", entity.assignment == Some(Assignment::Group), group),
    ];
    for (field, _, why) in others.into_iter().filter(|(_, given, _)| *given) {
        let help = format!("remove `{field}` or `pods`");
        findings.add(&format!("{path}.{field}"), "given together with pods", why, help);
    }
}

fn parallelism_within_autoscale(findings: &mut Findings<'_>, path: &str, entity: &StatefulEntity) {
    let (Some(autoscale), Some(parallelism)) = (&entity.autoscale, entity.parallelism) else { return };
    let (low, high) = (autoscale.min_pods.unwrap_or(1), autoscale.max_pods);
    if low <= high && !(low..=high).contains(&parallelism) {
        let what = format!("{parallelism} is not from {low} to {high}");
        let why = "autoscale makes no fewer and no more pods than that";
        findings.add(
            &format!("{path}.parallelism"),
            what,
            why,
            "remove `parallelism`, or bring the two together",
        );
    }
}

fn every_partition_has_one_pod(
    findings: &mut Findings<'_>,
    path: &str,
    entity: &StatefulEntity,
    expected: Option<(&str, u32)>,
) {
    let mut owners: BTreeMap<u32, String> = BTreeMap::new();
    for (index, pod) in entity.pods.iter().enumerate() {
        if pod.partitions.is_empty() {
            let field = format!("{path}.pods[{index}].partitions");
            findings.add(
                &field,
                "is empty",
                "a pod without partitions does nothing",
                "name partitions, or remove the pod",
            );
        }
        for (item, range) in pod.partitions.iter().enumerate() {
            let field = format!("{path}.pods[{index}].partitions[{item}]");
            let high = expected.map_or(MAX_PARTITIONS, |(_, count)| count);
            if range.last >= high {
                let why = match expected {
                    Some((topic, count)) => format!("the topic {topic:?} has {count}, counted from 0"),
                    None => format!("a topic may have {MAX_PARTITIONS}, counted from 0"),
                };
                let help = "write partitions that exist";
                findings.add(&field, format!("there is no partition {}", range.last), why, help);
            }
            own(findings, &mut owners, &field, *range, high, &pod.name);
        }
    }
    let count =
        expected.map_or_else(|| owners.keys().next_back().map_or(0, |last| last + 1), |(_, count)| count);
    let left_out: Vec<u32> = (0..count).filter(|partition| !owners.contains_key(partition)).collect();
    if !entity.pods.is_empty() && !left_out.is_empty() {
        let what = format!("no pod has {}", named(&left_out));
        let why = "every partition needs exactly one pod, or its records are never read";
        findings.add(&format!("{path}.pods"), what, why, "add what is left out to one of the pods");
    }
}

fn own(
    findings: &mut Findings<'_>,
    owners: &mut BTreeMap<u32, String>,
    field: &str,
    range: PartitionRange,
    high: u32,
    pod: &str,
) {
    let (mut doubled, mut others) = (Vec::new(), Vec::new());
    for partition in range.partitions().take_while(|partition| *partition < high) {
        match owners.get(&partition) {
            Some(other) => {
                doubled.push(partition);
                others.push(other.clone());
            }
            None => {
                owners.insert(partition, pod.to_owned());
            }
        }
    }
    if !doubled.is_empty() {
        others.dedup();
        let what = format!("{} given twice", named(&doubled));
        let why = format!(
            "{} has it already, and a partition has one pod",
            listed(others.iter().map(String::as_str))
        );
        findings.add(field, what, why, "remove it from one of them");
    }
}

/// `partition 3`, `partitions 3-5 and 7`.
fn named(partitions: &[u32]) -> String {
    let mut ranges: Vec<PartitionRange> = Vec::new();
    for &partition in partitions {
        match ranges.last_mut() {
            Some(range) if range.last + 1 == partition => range.last = partition,
            _ => ranges.push(PartitionRange { first: partition, last: partition }),
        }
    }
    let texts: Vec<String> = ranges.iter().map(ToString::to_string).collect();
    match (partitions, texts.split_last()) {
        ([one], _) => format!("partition {one}"),
        (_, Some((last, [_, ..]))) => {
            let before = texts.get(..texts.len() - 1).unwrap_or_default();
            format!("partitions {} and {last}", before.join(", "))
        }
        _ => format!("partitions {}", texts.join(", ")),
    }
}
