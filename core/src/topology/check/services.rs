//! How the services are named: Kafka and Redis once each, with an address that can be one.

use super::Findings;
use crate::topology::service::Redis;

pub(super) fn check(findings: &mut Findings<'_>) {
    let spec = &findings.resource().spec;
    if spec.io_address.is_some() && spec.kafka.is_some() {
        let why = "both say how Kafka is reached, and only one of them can hold";
        findings.add(
            "spec.ioAddress",
            "given together with kafka",
            why,
            "keep `kafka` and remove `ioAddress`",
        );
    }
    if let Some(servers) = &spec.io_address {
        servers_are_addresses(findings, "spec.ioAddress", servers);
    }
    if let Some(kafka) = &spec.kafka {
        servers_are_addresses(findings, "spec.kafka.bootstrapServers", &kafka.bootstrap_servers);
    }
    if let Some(state) = &spec.state {
        redis_is_named_once(findings, &state.redis);
    }
}

fn servers_are_addresses(findings: &mut Findings<'_>, path: &str, servers: &str) {
    for server in servers.split(',').map(str::trim) {
        let port = server.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
        if port.is_none_or(|port| port.parse::<u16>().is_err()) {
            let why = "the servers of Kafka are host:port, with commas between them";
            findings.add(path, format!("{server:?} is not an address"), why, "write e.g. kafka:9092");
        }
    }
}

fn redis_is_named_once(findings: &mut Findings<'_>, redis: &Redis) {
    let path = "spec.state.redis";
    match (&redis.url, &redis.secret_ref) {
        (Some(_), Some(_)) => {
            let why = "both say how Redis is reached, and only one of them can hold";
            findings.add(path, "url and secretRef are both given", why, "keep one of them");
        }
        (None, None) => {
            let why = "without an address there is no place for state";
            findings.add(path, "has no address", why, "write `url: redis://redis:6379`, or a `secretRef`");
        }
        (Some(url), None) => {
            let known = ["redis://", "rediss://", "unix://"];
            if !known.iter().any(|scheme| url.starts_with(scheme)) {
                let why = "the address of Redis begins with redis://, rediss:// (encrypted) or unix://";
                let help = "write e.g. redis://redis:6379";
                findings.add(&format!("{path}.url"), format!("{url:?} is not an address"), why, help);
            }
        }
        (None, Some(_)) => {}
    }
}
