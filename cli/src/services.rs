//! Which services a command stands on: what is embedded, what an option names, what the topology names. Owns that
//! choice and what is wrong with it; how they are reached is the business of `host`.

use std::path::Path;

use invoker_core::topology::{Ground, InvokerDeployment, Kafka, Redis, without_login};
use invoker_host::secrets::Secrets;
use invoker_host::services::Services;

use crate::args::ServiceArgs;
use crate::error::{Error, Exit};

/// The services of a run.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) services: Services,
    /// What of the topology has a meaning on them.
    pub(crate) ground: Ground,
}

impl Chosen {
    /// What `args` ask for. An address given there takes the place of the topology's; logins, certificates and
    /// properties of the topology are used only where its services are asked for.
    pub(crate) fn new(
        args: &ServiceArgs,
        resource: &InvokerDeployment,
        secrets: Option<&Path>,
    ) -> Result<Self, Error> {
        let spec = &resource.spec;
        let (mut kafka, mut redis) = (None, None);
        if args.services {
            (kafka, redis) = (spec.kafka(), spec.redis().cloned());
            if kafka.is_none() && redis.is_none() {
                let why = "it has neither `kafka`, nor `ioAddress`, nor `state`";
                let help = "name them in its spec, or give --kafka and --redis";
                return Err(Error::new(Exit::Usage, "the topology names no services", why, help));
            }
        }
        let ground = Ground {
            on_kafka: kafka.is_some() || args.kafka.is_some(),
            spec_kafka: kafka.is_some(),
            spec_state: redis.is_some(),
        };
        let services = Services {
            kafka: kafka_at(kafka, args.kafka.as_ref()),
            redis: redis_at(redis, args.redis.as_ref()),
            prefix: prefix_of(Some(resource)),
            secrets: secrets.map(Secrets::below).unwrap_or_default(),
            looks: false,
        };
        Ok(Self { services, ground })
    }

    /// Refuses services that would outlive what belongs to them.
    pub(crate) fn check_data(&self, data: Option<&Path>) -> Result<(), Error> {
        let (what, why, help) = match (&self.services.kafka, &self.services.redis, data) {
            (Some(_), None, None) => (
                "Kafka without Redis needs --data",
                "state in memory ends with this run, while the positions that belong to it stay in Kafka",
                "give --data DIR to keep state there, or --redis URL",
            ),
            (None, Some(_), None) => (
                "Redis without Kafka needs --data",
                "records and positions in memory end with this run, while the state that belongs to them stays in Redis",
                "give --data DIR to keep them there, or --kafka HOST:PORT",
            ),
            (Some(_), Some(_), Some(_)) => (
                "--data has no effect",
                "records are in Kafka and state is in Redis, so nothing is left to be kept",
                "leave --data out",
            ),
            _ => return Ok(()),
        };
        Err(Error::new(Exit::Usage, what, why, help))
    }

    /// Where records and state are, for people.
    pub(crate) fn places(&self, data: Option<&Path>) -> String {
        let dir = match data {
            Some(dir) => format!("in {}", dir.display()),
            None => "in memory".to_owned(),
        };
        let kafka = self.kafka().map(|address| format!("in Kafka at {address}"));
        let redis = self.services.redis.as_ref().map(|_| format!("in Redis at {}", self.redis()));
        match (kafka, redis) {
            (None, None) => format!("data {dir}"),
            (kafka, redis) => {
                let (log, state) =
                    (kafka.unwrap_or_else(|| dir.clone()), redis.unwrap_or_else(|| dir.clone()));
                format!("records {log}, state {state}")
            }
        }
    }

    fn kafka(&self) -> Option<&str> {
        self.services.kafka.as_ref().map(|kafka| kafka.bootstrap_servers.as_str())
    }

    /// The address, or the secret that holds it.
    fn redis(&self) -> String {
        let redis = self.services.redis.clone().unwrap_or_default();
        match (redis.url, redis.secret_ref) {
            (Some(url), _) => without_login(&url),
            (None, secret) => {
                format!("the address in secret {:?}", secret.map_or_else(String::new, |s| s.name))
            }
        }
    }
}

/// Kafka at an address that takes the place of the one it has.
pub(crate) fn kafka_at(mut kafka: Option<Kafka>, address: Option<&String>) -> Option<Kafka> {
    if let Some(address) = address {
        kafka.get_or_insert_with(Kafka::default).bootstrap_servers.clone_from(address);
    }
    kafka
}

/// Redis at an address that takes the place of the one it has.
pub(crate) fn redis_at(mut redis: Option<Redis>, address: Option<&String>) -> Option<Redis> {
    if let Some(url) = address {
        let redis = redis.get_or_insert_with(Redis::default);
        (redis.url, redis.secret_ref) = (Some(url.clone()), None);
    }
    redis
}

/// What all names in services begin with.
pub(crate) fn prefix_of(resource: Option<&InvokerDeployment>) -> String {
    resource.and_then(|resource| resource.spec.prefix.clone()).unwrap_or_else(|| "invoker".to_owned())
}

#[cfg(test)]
mod tests {
    use invoker_core::topology::parse;

    use super::*;

    const HEAD: &str = "apiVersion: invoker.io/v1alpha1\nkind: InvokerDeployment\nmetadata: { name: w }\nspec:\n  \
                        statefulEntities: [{ name: a, function: ./a, inputTopic: x }]\n";
    const SERVICES: &str = "  kafka: { bootstrapServers: \"k:1\", tls: {} }\n  \
                            state: { redis: { secretRef: { name: r }, waitReplicas: 1 } }\n";

    fn choose(args: &ServiceArgs, spec: &str) -> Result<Chosen, Error> {
        let document = parse("t.yaml", format!("{HEAD}{spec}").as_bytes()).unwrap();
        Chosen::new(args, document.resource(), None)
    }

    fn args(kafka: Option<&str>, redis: Option<&str>, services: bool) -> ServiceArgs {
        ServiceArgs { kafka: kafka.map(str::to_owned), redis: redis.map(str::to_owned), services }
    }

    #[test]
    fn a_topology_alone_runs_on_what_is_embedded() {
        let chosen = choose(&args(None, None, false), SERVICES).unwrap();
        assert_eq!((chosen.services.kafka, chosen.services.redis), (None, None));
        assert_eq!(chosen.ground, Ground::default());
    }

    #[test]
    fn an_address_of_an_option_brings_nothing_of_the_topology_with_it() {
        let chosen = choose(&args(Some("o:2"), Some("redis://u:p@o"), false), SERVICES).unwrap();
        assert_eq!(chosen.services.kafka, Some(Kafka::at("o:2")));
        assert_eq!(chosen.services.redis, Some(Redis::at("redis://u:p@o")));
        assert!(chosen.ground.on_kafka && !chosen.ground.spec_kafka);
        assert_eq!(chosen.places(None), "records in Kafka at o:2, state in Redis at redis://o");
    }

    #[test]
    fn an_address_of_an_option_takes_the_place_of_the_topologys() {
        let chosen = choose(&args(Some("o:2"), Some("redis://o"), true), SERVICES).unwrap();
        let (kafka, redis) = (chosen.services.kafka.unwrap(), chosen.services.redis.unwrap());
        assert_eq!((kafka.bootstrap_servers.as_str(), kafka.tls.is_some()), ("o:2", true));
        assert_eq!(
            (redis.url.as_deref(), redis.secret_ref, redis.wait_replicas),
            (Some("redis://o"), None, Some(1))
        );
    }

    #[test]
    fn services_of_a_topology_without_any_are_refused() {
        let error = choose(&args(None, None, true), "").unwrap_err().to_string();
        assert!(error.starts_with("error: the topology names no services"), "{error}");
    }

    #[test]
    fn what_outlives_the_rest_needs_a_data_directory() {
        let dir = Some(Path::new("data"));
        let kafka = choose(&args(Some("k:1"), None, false), "").unwrap();
        assert!(kafka.check_data(None).is_err() && kafka.check_data(dir).is_ok());
        let redis = choose(&args(None, Some("redis://r"), false), "").unwrap();
        assert!(redis.check_data(None).is_err() && redis.check_data(dir).is_ok());
        let both = choose(&args(Some("k:1"), Some("redis://r"), false), "").unwrap();
        assert!(both.check_data(None).is_ok() && both.check_data(dir).is_err());
        let neither = choose(&args(None, None, false), "").unwrap();
        assert!(neither.check_data(None).is_ok() && neither.check_data(dir).is_ok());
    }
}
