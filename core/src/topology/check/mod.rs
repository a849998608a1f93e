//! What is wrong with a topology that can be read. In two steps: `check` sees the document alone (and, where the
//! caller knows, what stands outside of it), `check_functions` sees what its functions declare. All problems are
//! found at once.

mod bounds;
mod functions;
mod loops;
pub(crate) mod names;
pub(crate) mod partitions;
pub(crate) mod services;
mod topics;

use std::collections::BTreeSet;

pub use functions::{Functions, Unavailable, check_functions};

use super::entity::StatefulEntity;
use super::parse::Document;
use super::problem::{Problem, Problems};
use super::resource::InvokerDeployment;
use super::yaml::{path_of_field, path_of_item};
use crate::document::OnFailure;
use crate::names::dead_letter_topic;

/// What reads and writes the topics besides the entities.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// Topics that the caller writes (`--input`). Each must be read by an entity.
    pub inputs: BTreeSet<String>,
    /// Topics that the caller reads (`--output`). Each must be written by something.
    pub outputs: BTreeSet<String>,
    /// Topics that have records already.
    pub existing: BTreeSet<String>,
}

/// Checks what the document alone shows. With `outside` = `None` anything may write a topic (a cluster); otherwise
/// only the entities and what is named there.
pub fn check(document: &Document, outside: Option<&Outside>) -> Result<(), Problems> {
    let mut findings = Findings { document, problems: Vec::new() };
    services::check(&mut findings);
    names::check(&mut findings);
    topics::check(&mut findings, outside);
    loops::check(&mut findings);
    let declared = |topic: &str| document.resource().spec.topics.get(topic)?.partitions;
    partitions::check(&mut findings, &declared);
    bounds::check(&mut findings);
    Problems::none_of(findings.problems)
}

/// The problems found so far.
pub(crate) struct Findings<'a> {
    pub(crate) document: &'a Document,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Findings<'a> {
    pub(crate) fn add(
        &mut self,
        path: &str,
        what: impl Into<String>,
        why: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(self.document.problem(path, what, why, help));
    }

    pub(crate) fn resource(&self) -> &'a InvokerDeployment {
        self.document.resource()
    }

    /// Every entity with its path.
    pub(crate) fn entities(&self) -> impl Iterator<Item = (String, &'a StatefulEntity)> + use<'a> {
        let entities = &self.document.resource().spec.stateful_entities;
        entities
            .iter()
            .enumerate()
            .map(|(index, entity)| (path_of_item("spec.statefulEntities", index), entity))
    }

    /// ` in line 7`, or nothing where there are no lines.
    pub(crate) fn in_line(&self, path: &str) -> String {
        self.document.place(path).map(|at| format!(" in line {}", at.line)).unwrap_or_default()
    }
}

/// The topics that an entity reads, with the paths of the fields that say so.
pub(crate) fn inputs<'a>(path: &str, entity: &'a StatefulEntity) -> Vec<(String, &'a str)> {
    let one = entity.input_topic.iter().map(|topic| (format!("{path}.inputTopic"), topic.as_str()));
    let several = entity.inputs.iter().enumerate();
    one.chain(several.map(|(index, input)| (format!("{path}.inputs[{index}].topic"), input.topic.as_str())))
        .collect()
}

/// The topics that an entity writes, without its dead letters, with the paths of the fields that say so.
pub(crate) fn outputs<'a>(path: &str, entity: &'a StatefulEntity) -> Vec<(String, &'a str)> {
    let one = entity.output_topic.iter().map(|topic| (format!("{path}.outputTopic"), topic.as_str()));
    let several = entity.outputs.iter();
    one.chain(several.map(|(name, topic)| (path_of_field(&format!("{path}.outputs"), name), topic.as_str())))
        .collect()
}

/// Where an entity's dead letters go; `None` where it makes none.
pub(crate) fn dead_letters(deployment: &str, entity: &StatefulEntity) -> Option<String> {
    let makes_some = entity.on_failure.unwrap_or_default() == OnFailure::DeadLetter;
    makes_some.then(|| match &entity.dead_letter_topic {
        Some(topic) => topic.clone(),
        None => dead_letter_topic(deployment, entity.id()),
    })
}

#[cfg(test)]
mod tests;
