//! From a topology to what one host runs: a pure function of the topology, what its functions declare, the topics that
//! exist and the machine. Owns the defaults that depend on more than one field.

mod limits;

use std::collections::BTreeMap;

use crate::document::{Delivery, EntityDocument, HostDocument, InputDocument, OnFailure, StartPosition};
use crate::function::Description;
use crate::message::counted;
use crate::topology::check::{
    Findings, dead_letters, inputs as input_paths, outputs as output_paths, partitions,
};
use crate::topology::{
    Assignment, Document, Functions, Kafka, Problems, Redis, StatefulEntity, check, check_functions,
};
use limits::{limits, retry};

/// Partitions of a topic about which nothing is said.
pub const DEFAULT_PARTITIONS: u32 = 4;
/// Longest time between two commits under load, unless the topology says otherwise, milliseconds.
pub const DEFAULT_COMMIT_INTERVAL_MS: u64 = 100;

/// What the planner knows of the machine and its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Cores to spread lanes over.
    pub cores: u32,
    /// Partitions of the topics that exist.
    pub existing: BTreeMap<String, u32>,
    /// Name of this host.
    pub host: String,
    /// Generation of the document.
    pub generation: u64,
    /// The services to run on; `None` = what is embedded.
    pub kafka: Option<Kafka>,
    pub redis: Option<Redis>,
    /// Whether the log makes topics for anybody, or only where the topology says `createTopics`.
    pub free_topics: bool,
}

impl Default for Local {
    fn default() -> Self {
        Self {
            cores: 1,
            existing: BTreeMap::new(),
            host: "local".to_owned(),
            generation: 1,
            kafka: None,
            redis: None,
            free_topics: true,
        }
    }
}

/// What is to be done to run a topology on one host.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Topics to create, by name.
    pub create: Vec<NewTopic>,
    pub document: HostDocument,
}

/// A topic to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    pub name: String,
    pub partitions: u32,
    /// `None` = the broker's default.
    pub replication_factor: Option<u16>,
    pub config: BTreeMap<String, String>,
}

/// Plans the whole topology onto one host. Checks it first, and once more with the partitions that topics really have.
/// Every entity needs its function: one that `functions` does not know is left out of the plan.
pub fn plan(document: &Document, functions: &Functions, local: &Local) -> Result<Plan, Problems> {
    check(document, None)?;
    check_functions(document, functions)?;
    let planner = Planner { document, local };
    planner.check_topics()?;
    planner.check_groups()?;
    let spec = &document.resource().spec;
    let known = |entity: &&StatefulEntity| functions.get(&entity.name).is_some_and(Result::is_ok);
    let entities = spec.stateful_entities.iter().filter(known).filter_map(|entity| {
        let description = functions.get(&entity.name)?.as_ref().ok()?;
        Some(planner.entity(entity, description))
    });
    let entities: Vec<EntityDocument> = entities.collect();
    let create = planner.new_topics(&entities);
    planner.may_create(&create)?;
    let document = HostDocument {
        generation: local.generation,
        deployment: document.resource().id(),
        prefix: spec.prefix.clone().unwrap_or_else(|| "invoker".to_owned()),
        host: local.host.clone(),
        kafka: local.kafka.clone(),
        redis: local.redis.clone(),
        registry: spec.registry.clone(),
        require_signature: spec.require_signature.clone(),
        data: None,
        entities,
    };
    Ok(Plan { create, document })
}

struct Planner<'a> {
    document: &'a Document,
    local: &'a Local,
}

impl Planner<'_> {
    /// Partitions of a topic: what it has, else what is declared, else the default.
    fn partitions(&self, topic: &str) -> u32 {
        let declared = || self.document.resource().spec.topics.get(topic)?.partitions;
        self.local.existing.get(topic).copied().or_else(declared).unwrap_or(DEFAULT_PARTITIONS)
    }

    fn check_topics(&self) -> Result<(), Problems> {
        let mut findings = Findings { document: self.document, problems: Vec::new() };
        for (name, topic) in &self.document.resource().spec.topics {
            let (Some(&found), Some(wanted)) = (self.local.existing.get(name), topic.partitions) else {
                continue;
            };
            if found != wanted {
                let path = crate::topology::path_of_field("spec.topics", name) + ".partitions";
                let why = "the number of partitions decides where keys and their state are, and cannot be changed here";
                let help = format!("write {found}, or use a topic of another name");
                findings.add(
                    &path,
                    format!("the topic {name:?} exists with {found} partitions, not {wanted}"),
                    why,
                    help,
                );
            }
        }
        if findings.problems.is_empty() {
            partitions::check(&mut findings, &|topic| Some(self.partitions(topic)));
        }
        Problems::none_of(findings.problems)
    }

    /// Who owns a partition is noted beside the state: the hosts of a group of Kafka need one that all of them see.
    fn check_groups(&self) -> Result<(), Problems> {
        let mut findings = Findings { document: self.document, problems: Vec::new() };
        if self.local.kafka.is_some() && self.local.redis.is_none() {
            let groups = findings.entities().filter(|(_, it)| it.assignment == Some(Assignment::Group));
            for path in groups.map(|(path, _)| path + ".assignment").collect::<Vec<_>>() {
                let why = "who owns a partition is noted beside the state, which no other host would see";
                let help =
                    "keep the state in Redis (--redis, or `state` in the spec), or remove `assignment`";
                findings.add(&path, "a group in Kafka needs Redis", why, help);
            }
        }
        Problems::none_of(findings.problems)
    }

    fn entity(&self, entity: &StatefulEntity, description: &Description) -> EntityDocument {
        let inputs = inputs(entity, description);
        let count = inputs.first().map_or(DEFAULT_PARTITIONS, |input| self.partitions(&input.topic));
        let outputs = outputs(entity, description);
        let has_results = !description.states.is_empty() || outputs.iter().any(Option::is_some);
        let default_delivery = if has_results { Delivery::ExactlyOnce } else { Delivery::AtLeastOnce };
        let by_hand = (!entity.pods.is_empty()).then_some(entity.pods.len() as u32);
        let lanes = entity.parallelism.or(by_hand).unwrap_or(self.local.cores).clamp(1, count.max(1));
        let deployment = self.document.resource().id();
        let assignment = entity.assignment.unwrap_or_default();
        EntityDocument {
            id: entity.id().to_owned(),
            function: entity.function.clone(),
            inputs,
            outputs,
            assignment,
            partitions: if assignment == Assignment::Owned { (0..count).collect() } else { Vec::new() },
            partition_count: count,
            lanes,
            delivery: entity.delivery.unwrap_or(default_delivery),
            settings: entity.config.clone(),
            retry: retry(entity.retry.as_ref()),
            on_failure: entity.on_failure.unwrap_or_default(),
            dead_letter_topic: dead_letters(&deployment, entity)
                .or_else(|| entity.dead_letter_topic.clone())
                .unwrap_or_else(|| crate::names::dead_letter_topic(&deployment, entity.id())),
            on_state_loss: entity.on_state_loss.unwrap_or_default(),
            on_partition_change: entity.on_partition_change.unwrap_or_default(),
            on_offset_out_of_range: entity.on_offset_out_of_range.unwrap_or_default(),
            limits: limits(entity.limits.as_ref(), description),
            commit_interval_ms: entity
                .commit_interval
                .map_or(DEFAULT_COMMIT_INTERVAL_MS, |interval| interval.0),
            stall_after_ms: entity.stall_after.map(|time| time.0),
        }
    }

    /// Every topic that the entities name and that does not exist. A dead-letter topic gets the partitions of its
    /// entity, so that a dead letter keeps the number of its partition.
    fn new_topics(&self, entities: &[EntityDocument]) -> Vec<NewTopic> {
        let mut wanted: BTreeMap<&str, u32> = BTreeMap::new();
        for entity in entities.iter().filter(|entity| entity.on_failure == OnFailure::DeadLetter) {
            let declared = self.document.resource().spec.topics.get(&entity.dead_letter_topic);
            let partitions = declared.and_then(|topic| topic.partitions).unwrap_or(entity.partition_count);
            let most = wanted.entry(&entity.dead_letter_topic).or_insert(partitions);
            *most = partitions.max(*most);
        }
        for entity in entities {
            let inputs = entity.inputs.iter().map(|input| input.topic.as_str());
            for topic in inputs.chain(entity.outputs.iter().flatten().map(String::as_str)) {
                wanted.insert(topic, self.partitions(topic));
            }
        }
        for topic in self.document.resource().spec.topics.keys() {
            wanted.entry(topic).or_insert_with(|| self.partitions(topic));
        }
        let missing = wanted.into_iter().filter(|(name, _)| !self.local.existing.contains_key(*name));
        missing.map(|(name, partitions)| self.new_topic(name, partitions)).collect()
    }

    /// Where topics are not free, one that is missing is told at the field that names it.
    fn may_create(&self, missing: &[NewTopic]) -> Result<(), Problems> {
        let spec = &self.document.resource().spec;
        if self.local.free_topics || spec.create_topics == Some(true) {
            return Ok(());
        }
        let mut findings = Findings { document: self.document, problems: Vec::new() };
        for topic in missing {
            let path = self.path_naming(&findings, &topic.name);
            let what = format!("the topic {:?} does not exist", topic.name);
            let why = "topics are made only with `createTopics: true`, so that a typo makes none";
            let help = format!(
                "make it with {}, or write `createTopics: true` in the spec",
                counted(topic.partitions as usize, "partition")
            );
            findings.add(&path, what, why, help);
        }
        Problems::none_of(findings.problems)
    }

    /// The field that names a topic: of an entity where one does, else of the list of topics.
    fn path_naming(&self, findings: &Findings<'_>, topic: &str) -> String {
        let deployment = self.document.resource().id();
        let named = findings.entities().find_map(|(path, entity)| {
            let mut ports = input_paths(&path, entity).into_iter().chain(output_paths(&path, entity));
            let port = ports.find(|(_, name)| *name == topic).map(|(path, _)| path);
            port.or_else(|| {
                (dead_letters(&deployment, entity).as_deref() == Some(topic))
                    .then(|| format!("{path}.deadLetterTopic"))
            })
        });
        named.unwrap_or_else(|| crate::topology::path_of_field("spec.topics", topic))
    }

    fn new_topic(&self, name: &str, partitions: u32) -> NewTopic {
        let declared = self.document.resource().spec.topics.get(name);
        NewTopic {
            name: name.to_owned(),
            partitions,
            replication_factor: declared.and_then(|topic| topic.replication_factor),
            config: declared.map(|topic| topic.config.clone()).unwrap_or_default(),
        }
    }
}

/// In the order in which the function declares them.
fn inputs(entity: &StatefulEntity, description: &Description) -> Vec<InputDocument> {
    let start = |own: Option<&crate::topology::Start>| {
        own.or(entity.start_position.as_ref()).map_or(StartPosition::default(), |start| start.0.clone())
    };
    if let Some(topic) = &entity.input_topic {
        return vec![InputDocument { topic: topic.clone(), start: start(None) }];
    }
    let place =
        |name: &Option<String>| description.inputs.iter().position(|port| Some(&port.name) == name.as_ref());
    let mut inputs: Vec<_> = entity.inputs.iter().collect();
    inputs.sort_by_key(|input| place(&input.name));
    inputs
        .into_iter()
        .map(|input| InputDocument { topic: input.topic.clone(), start: start(input.start.as_ref()) })
        .collect()
}

/// A topic per declared output: `outputTopic` is that of the first.
fn outputs(entity: &StatefulEntity, description: &Description) -> Vec<Option<String>> {
    let declared = description.outputs.iter().enumerate();
    declared
        .map(|(index, port)| match (&entity.output_topic, index) {
            (Some(topic), 0) => Some(topic.clone()),
            _ => entity.outputs.get(&port.name).cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
