//! From a topology to what a host runs: plans it onto this machine. Owns the order of the checks; the rules are those of
//! `core`.

mod file;
mod secrets;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use invoker_core::document::HostDocument;
use invoker_core::names;
use invoker_core::plan::{self, Local, NewTopic};
use invoker_core::topology::{self, Document, Functions, Ground, InvokerDeployment, Outside, Problems};
use invoker_engine::Function;
use invoker_host::StartError;
use invoker_host::log::{Log, TopicPartition, TopicSpec};
use invoker_host::program::Program;
use invoker_host::secrets::Secrets;
use invoker_oci::Found;

use crate::data::log_failed;
use crate::deployments::Deployment;
use crate::environment::Environment;
use crate::error::{Error, Exit, Problem, chain};
use crate::functions::{Loader, told};
use crate::services::Chosen;

pub(crate) use self::file::{FILE, Topology, folder_of};

/// A topology that was read and checked, with its functions.
#[derive(Debug)]
pub(crate) struct Loaded {
    document: Document,
    /// By name of the entity.
    functions: BTreeMap<String, Function>,
    /// What names of functions led to.
    pulled: Vec<Found>,
}

/// What is to be run.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) document: HostDocument,
    /// By id of the entity.
    pub(crate) functions: BTreeMap<String, Function>,
    /// Partitions of every topic of the topology.
    pub(crate) topics: BTreeMap<String, u32>,
    create: Vec<NewTopic>,
    notes: Vec<String>,
}

impl Loaded {
    /// Reads a topology, or that of a folder, and the functions that it names.
    pub(crate) fn read(path: &Path, environment: &Environment) -> Result<Self, Error> {
        Topology::read(path)?.load(&mut Loader::new(environment)?)
    }

    /// The topics that entities read or write.
    pub(crate) fn topics(&self) -> BTreeSet<&str> {
        topics_of(self.resource())
    }

    /// Refuses a topic of an option that no entity has anything to do with.
    pub(crate) fn check_topic(&self, topic: &str, option: &str) -> Result<(), Error> {
        let dead_letters = self.document.resource().spec.stateful_entities.iter();
        let id = self.document.resource().id();
        let mut dead_letters = dead_letters.map(|entity| names::dead_letter_topic(&id, entity.id()));
        let known = self.topics();
        if known.contains(topic) || dead_letters.any(|name| name == topic) {
            return Ok(());
        }
        let all: Vec<&str> = known.iter().copied().collect();
        let help = match topology::nearest(topic, known.iter().copied()) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => format!("give {option} one of those"),
        };
        let what = format!("the topology has no topic {topic:?}");
        Err(Error::new(Exit::Usage, what, format!("it has {}", all.join(", ")), help))
    }

    /// Plans the topology onto this machine and the topics of `log`, of which `inputs` are written and `outputs` read
    /// from outside.
    pub(crate) fn plan_run(
        self,
        log: &dyn Log,
        on: &Chosen,
        inputs: BTreeSet<String>,
        outputs: BTreeSet<String>,
    ) -> Result<Plan, Error> {
        let (partitions, existing) = existing(log, &self.all_topics())?;
        let outside = Outside { inputs, outputs, existing };
        // In Kafka anybody may write or read a topic.
        let outside = (!on.ground.on_kafka).then_some(&outside);
        topology::check(&self.document, outside).map_err(|problems| invalid(&problems))?;
        self.plan(partitions, on)
    }

    /// The topology itself.
    pub(crate) fn resource(&self) -> &InvokerDeployment {
        self.document.resource()
    }

    /// The topics that entities read or write, dead letters too.
    fn all_topics(&self) -> BTreeSet<String> {
        let id = self.document.resource().id();
        let entities = &self.document.resource().spec.stateful_entities;
        let dead_letters = entities.iter().map(|entity| names::dead_letter_topic(&id, entity.id()));
        self.topics().into_iter().map(str::to_owned).chain(dead_letters).collect()
    }

    /// Plans the topology onto this machine; `existing` are the topics that are there, with their partitions.
    pub(crate) fn plan(self, existing: BTreeMap<String, u32>, on: &Chosen) -> Result<Plan, Error> {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        let local = Local {
            cores,
            existing: existing.clone(),
            kafka: on.services.kafka.clone(),
            redis: on.services.redis.clone(),
            free_topics: !on.ground.on_kafka,
            ..Local::default()
        };
        let described =
            |(name, function): (&String, &Function)| (name.clone(), Ok(Arc::clone(function.description())));
        let described: Functions = self.functions.iter().map(described).collect();
        let planned =
            plan::plan(&self.document, &described, &local).map_err(|problems| invalid(&problems))?;
        let mut topics = existing;
        topics.extend(planned.create.iter().map(|topic| (topic.name.clone(), topic.partitions)));
        let entities = self.document.resource().spec.stateful_entities.iter();
        let by_id = entities.filter_map(|e| Some((e.id().to_owned(), self.functions.get(&e.name)?.clone())));
        Ok(Plan {
            functions: by_id.collect(),
            topics,
            create: planned.create,
            notes: self.pulled.iter().map(told).chain(notes(&self.document, on.ground)).collect(),
            document: planned.document,
        })
    }
}

impl Plan {
    /// Makes the topics that are missing.
    pub(crate) fn create_topics(&self, log: &dyn Log) -> Result<(), Error> {
        for topic in &self.create {
            let mut config = topic.config.clone();
            let mut number = |name: &str| {
                let number = config.get(name).and_then(|text| text.parse().ok());
                number.inspect(|_: &u64| drop(config.remove(name)))
            };
            let (retention_ms, retention_bytes) = (number("retention.ms"), number("retention.bytes"));
            let spec = TopicSpec {
                name: topic.name.clone(),
                partitions: topic.partitions,
                retention_ms,
                retention_bytes,
                replication_factor: topic.replication_factor,
                config,
            };
            log.topics()
                .create(&spec)
                .map_err(|error| log_failed(&format!("cannot make topic {:?}", topic.name), &error))?;
        }
        Ok(())
    }

    /// The groups of the entities, each with a topic that it reads.
    pub(crate) fn readers(&self) -> impl Iterator<Item = (String, &String)> {
        let (prefix, deployment) = (&self.document.prefix, &self.document.deployment);
        self.document.entities.iter().flat_map(move |entity| {
            let group = names::group(prefix, deployment, &entity.id);
            entity.inputs.iter().map(move |input| (group.clone(), &input.topic))
        })
    }

    /// What the names begin with that a run keeps its files' positions under.
    pub(crate) fn names(&self) -> String {
        names::of_run(&self.document.prefix, &self.document.deployment)
    }

    /// What the user should know of the topology.
    pub(crate) fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The functions as a host takes them.
    pub(crate) fn programs(&self) -> BTreeMap<String, Arc<dyn Program>> {
        let program = |(id, function): (&String, &Function)| {
            (id.clone(), Arc::new(function.clone()) as Arc<dyn Program>)
        };
        self.functions.iter().map(program).collect()
    }

    /// The document with its secrets, for the host alone.
    pub(crate) fn revealed(&self, secrets: &Secrets) -> Result<HostDocument, Error> {
        let mut document = self.document.clone();
        for entity in &mut document.entities {
            if let Some(function) = self.functions.get(&entity.id) {
                entity.settings = secrets::reveal(&entity.id, &entity.settings, function, secrets)?;
            }
        }
        Ok(document)
    }

    /// What tools will want to know of this run.
    pub(crate) fn deployment(&self) -> Deployment {
        let states =
            |(id, function): (&String, &Function)| (id.clone(), function.description().states.clone());
        Deployment { document: self.document.clone(), states: self.functions.iter().map(states).collect() }
    }

    /// Why the host did not start.
    pub(crate) fn start_failed(error: &StartError) -> Error {
        match error {
            StartError::Log(error) => log_failed("cannot start the entities", error),
            StartError::Thread(_) => Error::internal("cannot start the entities", chain(error)),
            _ => Error::new(Exit::Topology, "cannot start the entities", chain(error), "mend the topology"),
        }
    }
}

/// Reads a topology, or that of a folder, without the functions that it names.
pub(crate) fn read_resource(path: &Path) -> Result<InvokerDeployment, Error> {
    Ok(Topology::read(path)?.resource().clone())
}

/// The topics that a topology names.
pub(crate) fn topics_of(resource: &InvokerDeployment) -> BTreeSet<&str> {
    let entities = &resource.spec.stateful_entities;
    let named = entities.iter().flat_map(|entity| entity.input_topics().chain(entity.output_topics()));
    let dead_letters = entities.iter().filter_map(|entity| entity.dead_letter_topic.as_deref());
    named.chain(dead_letters).chain(resource.spec.topics.keys().map(String::as_str)).collect()
}

/// Partitions of those of these topics that exist, and which of them hold records.
fn existing(
    log: &dyn Log,
    topics: &BTreeSet<String>,
) -> Result<(BTreeMap<String, u32>, BTreeSet<String>), Error> {
    let (mut partitions, mut filled) = (BTreeMap::new(), BTreeSet::new());
    let source = log.source().map_err(|error| log_failed("cannot read the log", &error))?;
    for name in topics {
        let failed = |error| log_failed(&format!("cannot look at topic {name:?}"), &error);
        let Some(topic) = log.topics().describe(name).map_err(failed)? else { continue };
        for partition in 0..topic.partitions {
            let place = TopicPartition { topic: name.clone(), partition };
            if source.bounds(&place).map_err(failed)?.1 > 0 {
                filled.insert(name.clone());
                break;
            }
        }
        partitions.insert(name.clone(), topic.partitions);
    }
    Ok((partitions, filled))
}

fn notes(document: &Document, ground: Ground) -> Vec<String> {
    let ignored = topology::without_local_meaning(document.resource(), ground);
    let unused = topology::unused_services(document.resource(), ground);
    let mut notes = Vec::new();
    match ignored.as_slice() {
        [] => {}
        [one] => notes.push(format!("{one} means nothing on one machine and is ignored")),
        several => {
            notes.push(format!("{} mean nothing on one machine and are ignored", several.join(", ")));
        }
    }
    if !unused.is_empty() {
        let (names, verb) = (unused.join(", "), if unused.len() == 1 { "is" } else { "are" });
        notes.push(format!("{names} {verb} not used: --services runs on what the topology names"));
    }
    notes
}

/// Problems of a topology in the words of the command.
pub(crate) fn invalid(problems: &Problems) -> Error {
    Error { exit: Exit::Topology, problems: problems.0.iter().map(Problem::from).collect() }
}
