//! From text to a host document, and what is wrong with one: every problem at once, each with its line.

use std::collections::BTreeSet;

use super::{EntityDocument, HostDocument, Limits, OnFailure};
use crate::names::dead_letter_topic;
use crate::topology::check::names::misfit;
use crate::topology::check::services::{kafka_is_reachable, redis_is_reachable};
use crate::topology::{self, Assignment, Placed, Problem, Problems, path_of_item};

/// Reads a host document in YAML or JSON. `source` is what problems name as the file.
///
/// ```
/// use invoker_core::document;
///
/// let text = "{ generation: 1, deployment: d, host: h, data: data, entities: [{ id: a, function: ./a.wasm,
///   inputs: [{ topic: lines }], partitions: [0, 4], partitionCount: 4 }] }";
/// let problems = document::read("host.yaml", text.as_bytes()).unwrap_err();
/// assert!(problems.to_string().starts_with("host.yaml:2:47: entities[0].partitions[1]: there is no partition 4"));
/// ```
pub fn read(source: &str, text: &[u8]) -> Result<HostDocument, Problems> {
    let placed = topology::read::<HostDocument>(source, text)?;
    let mut check = Check { source, placed: &placed, problems: Vec::new() };
    check.document(&placed.value);
    Problems::none_of(check.problems)?;
    let mut document = placed.value;
    for entity in &mut document.entities {
        if entity.dead_letter_topic.is_empty() {
            entity.dead_letter_topic = dead_letter_topic(&document.deployment, &entity.id);
        }
    }
    Ok(document)
}

struct Check<'a> {
    source: &'a str,
    placed: &'a Placed<HostDocument>,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn add(&mut self, path: &str, what: impl Into<String>, why: impl Into<String>, help: impl Into<String>) {
        let (source, at) = (self.source.to_owned(), self.placed.nearest_place(path));
        let (what, why, help) = (what.into(), why.into(), help.into());
        self.problems.push(Problem { source, at, path: path.to_owned(), what, why, help });
    }

    fn document(&mut self, document: &HostDocument) {
        if document.generation == 0 {
            let why = "generations count from 1, so that the first change has a higher one";
            self.add("generation", "0 is no generation", why, "write 1 or more");
        }
        for (path, name) in
            [("deployment", &document.deployment), ("prefix", &document.prefix), ("host", &document.host)]
        {
            self.identity(path, name);
        }
        let mut tell = |path: &str, what: String, why: &str, help: &str| self.add(path, what, why, help);
        if let Some(kafka) = &document.kafka {
            kafka_is_reachable("kafka", kafka, &mut tell);
        }
        if let Some(redis) = &document.redis {
            redis_is_reachable("redis", redis, &mut tell);
        }
        self.data(document);
        let mut ids = BTreeSet::new();
        for (index, entity) in document.entities.iter().enumerate() {
            let path = path_of_item("entities", index);
            self.identity(&format!("{path}.id"), &entity.id);
            if !ids.insert(&entity.id) {
                let why = "positions and state are kept under it";
                let what = format!("the id {:?} is given twice", entity.id);
                self.add(&format!("{path}.id"), what, why, "give one of them another id");
            }
            self.entity(&path, entity);
            if document.kafka.is_some() && document.redis.is_none() {
                self.state_of_one_host(&path, entity);
            }
        }
    }

    /// Who owns a partition is noted beside its state. State in a folder is seen by one host alone, so that no other can
    /// fence it, or go on where it ended: what it runs of an entity in Kafka, it runs whole.
    fn state_of_one_host(&mut self, path: &str, entity: &EntityDocument) {
        let why = "who owns a partition is noted beside the state, and `data` is seen by this host alone";
        if entity.assignment == Assignment::Group {
            let help = "name `redis`, or write `partitions` with all of them instead of `assignment`";
            self.add(&format!("{path}.assignment"), "a group needs Redis", why, help);
            return;
        }
        let owned: BTreeSet<u32> = entity.partitions.iter().copied().collect();
        if !owned.is_empty() && (0..entity.partition_count).any(|partition| !owned.contains(&partition)) {
            let what = format!("{} of {} partitions need Redis", owned.len(), entity.partition_count);
            let help = "name `redis`, or give this host all partitions";
            self.add(&format!("{path}.partitions"), what, why, help);
        }
    }

    fn data(&mut self, document: &HostDocument) {
        let embedded = match (&document.kafka, &document.redis) {
            (Some(_), Some(_)) => return,
            (None, None) => "kafka and redis are",
            (None, Some(_)) => "kafka is",
            (Some(_), None) => "redis is",
        };
        if document.data.as_ref().is_none_or(|data| data.trim().is_empty()) {
            let why = format!("{embedded} not given, and what is embedded must outlive the process");
            self.add("data", "there is no folder for data", why, "name the services, or write `data: data`");
        }
    }

    fn identity(&mut self, path: &str, name: &str) {
        if let Some((what, why, help)) = misfit(name) {
            self.add(path, what, why, help);
        }
    }

    fn entity(&mut self, path: &str, entity: &EntityDocument) {
        let at = |field: &str| format!("{path}.{field}");
        if entity.function.trim().is_empty() {
            self.add(
                &at("function"),
                "is empty",
                "an entity runs a function",
                "write a path such as ./split.wasm",
            );
        }
        if entity.inputs.is_empty() {
            let why = "an entity without input never runs";
            self.add(&at("inputs"), "has no topic", why, "write `- topic: …`");
        }
        let inputs = entity.inputs.iter().enumerate();
        let inputs = inputs.map(|(index, input)| (format!("{path}.inputs[{index}].topic"), &input.topic));
        let outputs = entity.outputs.iter().enumerate();
        let outputs =
            outputs.filter_map(|(i, topic)| Some((format!("{path}.outputs[{i}]"), topic.as_ref()?)));
        for (path, _) in inputs.chain(outputs).filter(|(_, topic)| topic.is_empty()) {
            self.add(&path, "is empty", "a topic has a name", "write the name of a topic");
        }
        self.partitions(path, entity);
        self.within(&at("lanes"), entity.lanes.into(), 1, 1000);
        self.within(&at("commitIntervalMs"), entity.commit_interval_ms, 1, 60_000);
        if let Some(time) = entity.stall_after_ms {
            self.within(&at("stallAfterMs"), time, 1_000, 86_400_000);
        }
        self.limits(&at("limits"), &entity.limits);
        let no_topic = entity.dead_letter_topic.contains(char::is_whitespace);
        if entity.on_failure == OnFailure::DeadLetter && no_topic {
            let what = format!("{:?} is no name of a topic", entity.dead_letter_topic);
            let why = "names of topics have no blanks";
            self.add(&at("deadLetterTopic"), what, why, "write the name of a topic");
        }
    }

    fn partitions(&mut self, path: &str, entity: &EntityDocument) {
        let count = entity.partition_count;
        if count == 0 {
            let why = "an entity has as many partitions as its inputs, and a topic has at least one";
            self.add(&format!("{path}.partitionCount"), "0 is out of range", why, "write 1 or more");
        }
        self.assignment(&format!("{path}.partitions"), entity);
        let mut seen = BTreeSet::new();
        for (index, &partition) in entity.partitions.iter().enumerate() {
            let here = path_of_item(&format!("{path}.partitions"), index);
            if count > 0 && partition >= count {
                let what = format!("there is no partition {partition}");
                let why = format!("the entity has {count}, the first of which is 0");
                self.add(&here, what, why, format!("write 0 to {}", count - 1));
            }
            if !seen.insert(partition) {
                let what = format!("partition {partition} is given twice");
                self.add(&here, what, "one lane owns a partition", "remove one of them");
            }
        }
    }

    /// Either the document says which partitions, or the group does.
    fn assignment(&mut self, path: &str, entity: &EntityDocument) {
        let given = self.placed.place(path).is_some();
        match entity.assignment {
            Assignment::Group if !entity.partitions.is_empty() => {
                let why = "in a consumer group Kafka decides who reads what";
                self.add(
                    path,
                    "given together with assignment: group",
                    why,
                    "remove `partitions` or `assignment`",
                );
            }
            Assignment::Owned if !given => {
                let why = "nobody but this document says which partitions the host owns";
                let help = "write `partitions: [0]` or the like, or `assignment: group`";
                self.add(path, "missing", why, help);
            }
            Assignment::Group | Assignment::Owned => {}
        }
    }

    fn limits(&mut self, path: &str, limits: &Limits) {
        let fields = [
            ("batchRecords", u64::from(limits.batch_records)),
            ("batchBytes", limits.batch_bytes as u64),
            ("recordDeadlineMs", limits.record_deadline_ms),
            ("batchDeadlineMs", limits.batch_deadline_ms),
            ("memoryBytes", limits.memory_bytes as u64),
            ("outputBytes", limits.output_bytes as u64),
        ];
        for (field, value) in fields {
            self.within(&format!("{path}.{field}"), value, 1, u64::MAX);
        }
    }

    fn within(&mut self, path: &str, value: u64, low: u64, high: u64) {
        if value < low {
            let why = format!("it is at least {low}");
            self.add(path, format!("{value} is out of range"), why, format!("write {low} or more"));
        } else if value > high {
            let why = format!("it is at most {high}");
            self.add(path, format!("{value} is out of range"), why, format!("write {high} or less"));
        }
    }
}

#[cfg(test)]
mod tests;
