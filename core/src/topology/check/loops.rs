//! Loops: a topology is a graph without cycles, or its records would go round for ever.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use super::{Findings, dead_letters, inputs, outputs};
use crate::topology::entity::StatefulEntity;

/// Entity `to` reads at `field` what entity `from` writes into `topic`.
struct Edge {
    to: usize,
    field: String,
    topic: String,
}

pub(super) fn check(findings: &mut Findings<'_>) {
    let names: Vec<&str> = findings.entities().map(|(_, entity)| entity.name.as_str()).collect();
    let edges = edges(findings);
    for start in 0..names.len() {
        if let Some(cycle) = shortest_cycle(&edges, start) {
            report(findings, &names, start, &cycle);
        }
    }
}

fn edges(findings: &Findings<'_>) -> Vec<Vec<Edge>> {
    let deployment = findings.resource().id();
    let mut readers: BTreeMap<String, Vec<(usize, String)>> = BTreeMap::new();
    for (index, (path, entity)) in findings.entities().enumerate() {
        for (field, topic) in inputs(&path, entity) {
            readers.entry(topic.to_owned()).or_default().push((index, field));
        }
    }
    let of_entity = |(path, entity): (String, &StatefulEntity)| {
        let mut topics: Vec<String> =
            outputs(&path, entity).into_iter().map(|(_, topic)| topic.to_owned()).collect();
        topics.extend(dead_letters(&deployment, entity));
        topics.sort();
        topics.dedup();
        let read = topics.into_iter().flat_map(|topic| {
            let readers = readers.get(&topic).cloned().unwrap_or_default();
            readers.into_iter().map(move |(to, field)| Edge { to, field, topic: topic.clone() })
        });
        read.collect()
    };
    findings.entities().map(of_entity).collect()
}

/// The shortest way from `start` back to itself through later entities only, so that each loop is found at its first
/// entity.
fn shortest_cycle(edges: &[Vec<Edge>], start: usize) -> Option<Vec<&Edge>> {
    let mut came_by: BTreeMap<usize, (usize, &Edge)> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for edge in edges.get(at)?.iter().filter(|edge| edge.to >= start) {
            if edge.to == start {
                let mut cycle = vec![edge];
                let mut back = at;
                while back != start {
                    let (before, edge) = came_by.get(&back)?;
                    cycle.push(edge);
                    back = *before;
                }
                cycle.reverse();
                return Some(cycle);
            }
            if let Entry::Vacant(unseen) = came_by.entry(edge.to) {
                unseen.insert((at, edge));
                queue.push_back(edge.to);
            }
        }
    }
    None
}

fn report(findings: &mut Findings<'_>, names: &[&str], start: usize, cycle: &[&Edge]) {
    let Some(last) = cycle.last() else { return };
    let name = |index: usize| names.get(index).copied().unwrap_or_default();
    let help = "let it read or write another topic";
    if cycle.len() == 1 {
        let what = format!("{:?} reads the topic {:?}, which it writes", name(start), last.topic);
        findings.add(&last.field, what, "its records would come back to it without end", help);
        return;
    }
    let mut way = format!("{:?}", name(start));
    for edge in cycle {
        way.push_str(&format!(" → {} → {:?}", edge.topic, name(edge.to)));
    }
    findings.add(&last.field, format!("a loop: {way}"), "its records would go round without end", help);
}
