//! Services that cannot be used: `run` and `host` say the same of each, what, why and what to do, and end with the code
//! of services. Where waiting can help, a host waits.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use invoker_tests::servers::{self, ADMIN, Kafka, KafkaOptions, Redis, RedisOptions};

use crate::hosting::{Host, at_kafka, at_redis, document};
use crate::workplace::Workplace;

const SERVICE: i32 = 10;
const SECRET: i32 = 3;

/// The topology and the document of the same word count, on the same services, with the same secrets.
fn write_both(place: &Workplace, kafka: &str, redis: &str) {
    place.write_topology(&format!("  createTopics: true\n  kafka: {kafka}\n  state: {{ redis: {redis} }}\n"));
    place.write("config/host.yaml", &document(place, 1, kafka, redis, "[0, 1, 2]"));
}

fn write_secret(place: &Workplace, name: &str, value: &str) {
    place.write(&format!("secrets/{name}"), value);
    place.write(&format!("config/secrets/{name}"), value);
}

const RUN: [&str; 5] = ["run", "topology.yaml", "--services", "--secrets", "secrets"];

/// Both end with this code and say this, in three lines, and nothing that is secret.
#[track_caller]
fn both_refuse(place: &Workplace, kafka: &str, redis: &str, code: i32, texts: &[&str]) {
    write_both(place, kafka, redis);
    for words in [&RUN[..], &["host", "--config", "config"]] {
        let ended = place.invoker(words);
        ended.failed(code, texts);
        for line in ["error: ", "why: ", "help: "] {
            let count = ended.err.lines().filter(|told| told.starts_with(line)).count();
            assert_eq!(count, 1, "{line:?} of {words:?}:\n{}", ended.err);
        }
        assert!(!ended.err.contains("wr0ng"), "a password is not for the log:\n{}", ended.err);
    }
}

/// A run gives up at once and a host waits; both say this.
#[track_caller]
fn a_run_refuses_and_a_host_waits(place: &Workplace, kafka: &str, redis: &str, texts: &[&str]) {
    write_both(place, kafka, redis);
    place.invoker(&RUN).failed(SERVICE, texts);
    let mut host = Host::start(place);
    texts.first().inspect(|what| host.says(&format!("waiting: {what}")));
    let log = host.log();
    assert!(texts.iter().all(|text| log.contains(&text.replace('"', "\\\"")) || log.contains(text)), "{log}");
    assert_eq!(host.end(), 0);
}

fn kafka() -> String {
    at_kafka(&servers::kafka().unwrap())
}

fn redis() -> String {
    at_redis(&servers::redis().unwrap())
}

#[test]
fn nobody_at_an_address() {
    let place = Workplace::new("nobody");
    let nobody = at_redis("redis://127.0.0.1:1");
    let texts = ["cannot use Redis at \"redis://127.0.0.1:1\"", "refused"];
    a_run_refuses_and_a_host_waits(&place, &kafka(), &nobody, &texts);
    let texts = ["cannot use Kafka at \"127.0.0.1:1\"", "refused"];
    a_run_refuses_and_a_host_waits(&place, &at_kafka("127.0.0.1:1"), &redis(), &texts);
}

#[test]
fn a_redis_that_evicts_or_follows_another() {
    let place = Workplace::new("evicts");
    let evicting = RedisOptions { eviction: Some("allkeys-lru".to_owned()), ..RedisOptions::default() };
    let evicting = Redis::start(&evicting).unwrap();
    let texts = ["cannot use Redis at", "\"allkeys-lru\"", "set maxmemory-policy noeviction"];
    both_refuse(&place, &kafka(), &at_redis(&evicting.url()), SERVICE, &texts);
    let primary = Redis::start(&RedisOptions::default()).unwrap();
    let replica = primary.replica(&RedisOptions::default()).unwrap();
    let texts = ["cannot use Redis at", "is a replica", "give the address of its primary"];
    both_refuse(&place, &kafka(), &at_redis(&replica.url()), SERVICE, &texts);
}

#[test]
fn a_login_that_redis_does_not_know_or_that_may_not_do_enough() {
    let place = Workplace::new("rights");
    let options = RedisOptions {
        password: Some("s3cret".to_owned()),
        users: vec!["reader on >pw ~{invoker:1:* -@all +info +get +hmget".to_owned()],
        ..RedisOptions::default()
    };
    let server = Redis::start(&options).unwrap();
    let secret = "{ secretRef: { name: redis } }";
    let url = |login: &str| {
        write_secret(&place, "redis/url", &format!("redis://{login}127.0.0.1:{}", server.port()))
    };
    let texts = ["cannot look up the secret of redis", "redis/url", "NAME/KEY"];
    both_refuse(&place, &kafka(), secret, SECRET, &texts);
    url(":wr0ng@");
    both_refuse(
        &place,
        &kafka(),
        secret,
        SERVICE,
        &["cannot use Redis at \"redis://127.0.0.1:", "refuses the user and password"],
    );
    url("");
    both_refuse(&place, &kafka(), secret, SERVICE, &["cannot use Redis at", "asks for a password"]);
    url("reader:pw@");
    let texts =
        ["cannot use Redis at", "does not let this user do what state needs", "docs/state-in-redis.md"];
    both_refuse(&place, &kafka(), secret, SERVICE, &texts);
}

/// Answers as a Redis of this version does, one that is not to be had here: it is asked for nothing but INFO.
fn redis_of_version(version: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let info =
        format!("# Server\r\nredis_version:{version}\r\nrole:master\r\nmaxmemory_policy:noeviction\r\n");
    let answer = format!("${}\r\n{info}\r\n", info.len());
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let reader = BufReader::new(client.try_clone().unwrap());
            for line in reader.lines().map_while(Result::ok) {
                if line == "INFO" {
                    client.write_all(answer.as_bytes()).unwrap();
                }
            }
        }
    });
    url
}

#[test]
fn a_redis_that_is_too_old() {
    let place = Workplace::new("old");
    let texts =
        ["cannot use Redis at", "has version 6.2.14", "state needs 7.0", "use a newer Redis, or Valkey"];
    both_refuse(&place, &kafka(), &at_redis(&redis_of_version("6.2.14")), SERVICE, &texts);
}

#[test]
fn a_login_that_kafka_does_not_know() {
    let place = Workplace::new("login");
    let server = Kafka::start(&KafkaOptions { sasl: true, ..KafkaOptions::default() }).unwrap();
    let kafka = format!(
        "{{ bootstrapServers: {:?}, sasl: {{ mechanism: PLAIN, secretRef: {{ name: login }} }} }}",
        server.address()
    );
    let texts = ["cannot look up the secret of kafka.sasl", "login/username", "NAME/KEY"];
    both_refuse(&place, &kafka, &redis(), SECRET, &texts);
    write_secret(&place, "login/username", ADMIN.0);
    write_secret(&place, "login/password", "wr0ng");
    both_refuse(
        &place,
        &kafka,
        &redis(),
        SERVICE,
        &["cannot use Kafka at", "uthentication", "user and password"],
    );
    let encrypted = kafka.replace("sasl:", "tls: {}, sasl:");
    let texts = ["cannot use Kafka at", "SSL handshake failed", "check that Kafka speaks TLS on this port"];
    both_refuse(&place, &encrypted, &redis(), SERVICE, &texts);
    let without = at_kafka(&server.address());
    a_run_refuses_and_a_host_waits(&place, &without, &redis(), &["cannot use Kafka at", "check the address"]);
    write_secret(&place, "login/password", ADMIN.1);
    write_both(&place, &kafka, &redis());
    place.invoker(&RUN).succeeded();
}

#[test]
fn properties_that_cannot_be_set() {
    let place = Workplace::new("properties");
    let address = servers::kafka().unwrap();
    let with = |property: &str| format!("{{ bootstrapServers: {address:?}, properties: {{ {property} }} }}");
    let texts = ["cannot use Kafka at", "\"isolation.level\"", "must not be read"];
    both_refuse(&place, &with("isolation.level: read_uncommitted"), &redis(), SERVICE, &texts);
    let texts = ["cannot use Kafka at", "compresion.type", "see librdkafka's list of properties"];
    both_refuse(&place, &with("compresion.type: lz4"), &redis(), SERVICE, &texts);
    let texts = ["cannot use Kafka at", "linger.ms", "see librdkafka's list of properties"];
    both_refuse(&place, &with("linger.ms: soon"), &redis(), SERVICE, &texts);
}

#[test]
fn a_changed_document_on_services_that_cannot_be_used_is_refused_and_what_runs_goes_on() {
    let place = Workplace::new("changed");
    write_both(&place, &kafka(), &redis());
    place.invoker(&RUN).succeeded();
    let mut host = Host::start(&place);
    host.says("running deployment=");
    let evicting = RedisOptions { eviction: Some("allkeys-lru".to_owned()), ..RedisOptions::default() };
    let evicting = Redis::start(&evicting).unwrap();
    place.write("config/host.yaml", &document(&place, 2, &kafka(), &at_redis(&evicting.url()), "[0, 1, 2]"));
    host.says("document refused: cannot use Redis at");
    place.write("config/host.yaml", &document(&place, 3, &kafka(), &redis(), "[0, 1]"));
    host.says("reassigned=[\"split\"] restarted=[] ended=[] kept=[\"count\"]");
    assert_eq!(host.end(), 0);
}
