//! Where a command looks in: a data directory, or services that an address or a topology names. Owns that choice, and
//! which names belong to the topology; looking itself changes nothing there.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use invoker_core::names;
use invoker_core::topology::InvokerDeployment;
use invoker_host::db::Database;
use invoker_host::log::Log;
use invoker_host::secrets::Secrets;
use invoker_host::services::Services;
use invoker_host::state::StateStore;

use crate::args::{LogArgs, StateAt, TopologyArgs};
use crate::data;
use crate::deployments;
use crate::error::{Error, Exit};
use crate::plan;
use crate::services::{kafka_at, prefix_of, redis_at};

/// A log to look into.
pub(crate) struct Records {
    pub(crate) log: Arc<dyn Log>,
    /// The log is one that others can reach.
    pub(crate) is_service: bool,
    /// Those of the topology that was given.
    pub(crate) topics: Option<BTreeSet<String>>,
    /// Topics that are known to hold dead letters, whatever their names.
    pub(crate) dead_letters: BTreeSet<String>,
}

/// State to look into.
pub(crate) struct Keyed {
    pub(crate) store: Arc<dyn StateStore>,
    /// Look at this deployment only.
    pub(crate) deployment: Option<String>,
}

/// Opens the log that is asked for.
pub(crate) fn records(args: &LogArgs) -> Result<Records, Error> {
    let resource = resource(&args.of)?;
    let (services, database) = match &args.data {
        Some(dir) => (Services::default(), data::existing(dir)?),
        None => {
            let named = resource.as_ref().and_then(|resource| resource.spec.kafka());
            let kafka = kafka_at(named, args.kafka.as_ref());
            if kafka.is_none() {
                return Err(nowhere(
                    &args.of,
                    "Kafka",
                    "neither `kafka` nor `ioAddress`",
                    "--kafka HOST:PORT",
                ));
            }
            let secrets = secrets(&args.of);
            (Services { kafka, secrets, looks: true, ..Services::default() }, Database::memory())
        }
    };
    let (log, is_service) = (services.log(&database)?, services.kafka.is_some());
    let mut dead_letters: BTreeSet<String> = deployments::load(&database)?
        .into_iter()
        .flat_map(|deployment| deployment.document.entities)
        .map(|entity| entity.dead_letter_topic)
        .collect();
    let topics = resource.map(|resource| {
        dead_letters = dead_letters_of(&resource).collect();
        let named = plan::topics_of(&resource).into_iter().map(str::to_owned);
        named.chain(dead_letters.iter().cloned()).collect()
    });
    Ok(Records { log, is_service, topics, dead_letters })
}

/// Opens the state that is asked for.
pub(crate) fn state(at: &StateAt) -> Result<Keyed, Error> {
    let resource = resource(&at.of)?;
    let (services, database) = match &at.data {
        Some(dir) => (Services::default(), data::existing(dir)?),
        None => {
            let named = resource.as_ref().and_then(|resource| resource.spec.redis().cloned());
            let redis = redis_at(named, at.redis.as_ref());
            if redis.is_none() {
                return Err(nowhere(&at.of, "Redis", "no `state`", "--redis URL"));
            }
            let prefix = at.service_prefix.clone().unwrap_or_else(|| prefix_of(resource.as_ref()));
            let secrets = secrets(&at.of);
            (Services { redis, prefix, secrets, looks: true, kafka: None }, Database::memory())
        }
    };
    let deployment = at.deployment.clone().or_else(|| resource.map(|resource| resource.id()));
    Ok(Keyed { store: services.state(&database)?, deployment })
}

fn resource(args: &TopologyArgs) -> Result<Option<InvokerDeployment>, Error> {
    args.topology.as_deref().map(plan::read_resource).transpose()
}

fn secrets(args: &TopologyArgs) -> Secrets {
    args.secrets.as_deref().map(Path::to_owned).map(Secrets::below).unwrap_or_default()
}

/// Where the entities of a topology put their dead letters.
fn dead_letters_of(resource: &InvokerDeployment) -> impl Iterator<Item = String> {
    let id = resource.id();
    resource.spec.stateful_entities.iter().map(move |entity| {
        let usual = || names::dead_letter_topic(&id, entity.id());
        entity.dead_letter_topic.clone().unwrap_or_else(usual)
    })
}

/// Nothing says where to look.
fn nowhere(args: &TopologyArgs, service: &str, lacks: &str, option: &str) -> Error {
    if args.topology.is_some() {
        let help = format!("name it there, or give {option}, or --data DIR of a run");
        let why = format!("its spec has {lacks}");
        return Error::new(Exit::Usage, format!("the topology names no {service}"), why, help);
    }
    let flag = option.split(' ').next().unwrap_or_default();
    let why = format!("neither --data, nor {flag}, nor --topology is given");
    let help = format!("give --data DIR of a run, {option}, or --topology FILE");
    Error::new(Exit::Usage, "it is not said where to look", why, help)
}
