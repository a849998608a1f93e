//! How the services are named: Kafka and Redis once each, with an address that can be one, and secrets that are there
//! to be found. A host document is held to the same.

use super::Findings;
use crate::topology::service::{
    Kafka, Redis, SecretRef, addresses, is_kafka_address, is_redis_address, without_login,
};

/// Most replicas of a change that may be waited for.
const MAX_REPLICAS: u32 = 10;

/// Takes a problem: path, what, why, what to do.
pub(crate) type Tell<'a> = &'a mut dyn FnMut(&str, String, &str, &str);

pub(super) fn check(findings: &mut Findings<'_>) {
    let spec = &findings.resource().spec;
    let mut tell = |path: &str, what: String, why: &str, help: &str| findings.add(path, what, why, help);
    if spec.io_address.is_some() && spec.kafka.is_some() {
        let why = "both say how Kafka is reached, and only one of them can hold";
        let what = "given together with kafka".to_owned();
        tell("spec.ioAddress", what, why, "keep `kafka` and remove `ioAddress`");
    }
    if let Some(servers) = &spec.io_address {
        servers_are_addresses("spec.ioAddress", servers, &mut tell);
    }
    if let Some(kafka) = &spec.kafka {
        kafka_is_reachable("spec.kafka", kafka, &mut tell);
    }
    if let Some(state) = &spec.state {
        redis_is_reachable("spec.state.redis", &state.redis, &mut tell);
    }
}

/// What can be told of Kafka without asking it.
pub(crate) fn kafka_is_reachable(path: &str, kafka: &Kafka, tell: Tell<'_>) {
    servers_are_addresses(&format!("{path}.bootstrapServers"), &kafka.bootstrap_servers, tell);
    if let Some(secret) = kafka.tls.as_ref().and_then(|tls| tls.secret_ref.as_ref()) {
        secret_is_named(&format!("{path}.tls.secretRef"), secret, tell);
    }
    if let Some(sasl) = &kafka.sasl {
        secret_is_named(&format!("{path}.sasl.secretRef"), &sasl.secret_ref, tell);
    }
}

fn servers_are_addresses(path: &str, servers: &str, tell: Tell<'_>) {
    for server in addresses(servers) {
        if !is_kafka_address(server) {
            let why = "the servers of Kafka are host:port, with commas between them";
            tell(path, format!("{server:?} is not an address"), why, "write e.g. kafka:9092");
        }
    }
}

/// What can be told of Redis without asking it.
pub(crate) fn redis_is_reachable(path: &str, redis: &Redis, tell: Tell<'_>) {
    match (&redis.url, &redis.secret_ref) {
        (Some(_), Some(_)) => {
            let why = "both say how Redis is reached, and only one of them can hold";
            tell(path, "url and secretRef are both given".to_owned(), why, "keep one of them");
        }
        (None, None) => {
            let why = "without an address there is no place for state";
            let help = "write `url: redis://redis:6379`, or a `secretRef`";
            tell(path, "has no address".to_owned(), why, help);
        }
        (Some(url), None) => redis_addresses(path, url, redis, tell),
        (None, Some(secret)) => secret_is_named(&format!("{path}.secretRef"), secret, tell),
    }
    if redis.wait_replicas.is_some_and(|replicas| replicas > MAX_REPLICAS) {
        let why = "every change waits for so many, and no Redis has that many replicas to wait for";
        let what = format!("is more than {MAX_REPLICAS}");
        tell(
            &format!("{path}.waitReplicas"),
            what,
            why,
            "write the number that must not lose a change, e.g. 1",
        );
    }
    if let Some(secret) = redis.tls.as_ref().and_then(|tls| tls.secret_ref.as_ref()) {
        secret_is_named(&format!("{path}.tls.secretRef"), secret, tell);
    }
}

fn redis_addresses(path: &str, url: &str, redis: &Redis, tell: Tell<'_>) {
    let here = format!("{path}.url");
    for address in addresses(url) {
        if !is_redis_address(address) {
            let why = "the address of Redis begins with redis://, rediss:// (encrypted) or unix://";
            let what = format!("{:?} is not an address", without_login(address));
            tell(&here, what, why, "write e.g. redis://redis:6379");
        } else if redis.tls.is_some() && !address.starts_with("rediss://") {
            let why = "`tls` says whom to trust, and this address asks for no encryption";
            tell(
                &format!("{path}.tls"),
                "has no effect".to_owned(),
                why,
                "write rediss:// in the address, or remove `tls`",
            );
        }
    }
}

fn secret_is_named(path: &str, secret: &SecretRef, tell: Tell<'_>) {
    let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('/');
    for (field, part) in [("name", Some(&secret.name)), ("key", secret.key.as_ref())] {
        if part.is_some_and(|part| !plain(part)) {
            let why = "a secret is a folder of files: its name and its keys are names of such";
            let what = format!("{:?} is not a name", part.map_or("", String::as_str));
            tell(&format!("{path}.{field}"), what, why, "write the name of the secret, e.g. kafka-login");
        }
    }
}
