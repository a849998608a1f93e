//! Services that cannot be used: each says what, why and what to do, and ends with the code of services.

use invoker_tests::servers::{self, ADMIN, Kafka, KafkaOptions, Redis, RedisOptions};

use crate::workplace::Workplace;

const SERVICE: i32 = 10;

#[test]
fn a_redis_that_cannot_hold_state_is_refused() {
    let kafka = servers::kafka().unwrap();
    let place = Workplace::new("redis");
    place.write_topology("  createTopics: true\n");
    let run = |redis: &str| place.invoker(&["run", "topology.yaml", "--kafka", &kafka, "--redis", redis]);
    run("redis://127.0.0.1:1")
        .failed(SERVICE, &["cannot use Redis at \"redis://127.0.0.1:1\"", "refused", "help: "]);
    let evicting = RedisOptions { eviction: Some("allkeys-lru".to_owned()), ..RedisOptions::default() };
    let evicting = Redis::start(&evicting).unwrap();
    run(&evicting.url()).failed(SERVICE, &["cannot use Redis at", "allkeys-lru"]);
    let locked = RedisOptions { password: Some("s3cret".to_owned()), ..RedisOptions::default() };
    let locked = Redis::start(&locked).unwrap();
    let ended = run(&locked.url().replace("s3cret", "wr0ng"));
    ended.failed(SERVICE, &["cannot use Redis at \"redis://127.0.0.1:"]);
    assert!(!ended.err.contains("wr0ng"), "a password is not for the log:\n{}", ended.err);
}

#[test]
fn a_kafka_that_cannot_be_used_is_refused() {
    let redis = servers::redis().unwrap();
    let place = Workplace::new("kafka");
    let kafka = Kafka::start(&KafkaOptions { sasl: true, ..KafkaOptions::default() }).unwrap();
    let topology = |more: &str| {
        place.write_topology(&format!(
            "  createTopics: true\n  kafka:\n    bootstrapServers: {:?}\n{more}  state: {{ redis: {{ url: {redis:?} }} }}\n",
            kafka.address()
        ));
        place.invoker(&["run", "topology.yaml", "--services", "--secrets", "secrets"])
    };
    let login = "    sasl: { mechanism: PLAIN, secretRef: { name: login } }\n";
    topology(login).failed(3, &["cannot look up the secret of kafka.sasl", "login/username", "NAME/KEY"]);
    place.write("secrets/login/username", ADMIN.0);
    place.write("secrets/login/password", "wr0ng");
    let ended = topology(login);
    ended.failed(SERVICE, &["cannot use Kafka at", "help: "]);
    assert!(!ended.err.contains("wr0ng"), "a password is not for the log:\n{}", ended.err);
    place.write("secrets/login/password", ADMIN.1);
    topology(&format!("{login}    properties: {{ isolation.level: read_uncommitted }}\n"))
        .failed(SERVICE, &["isolation.level", "must not be read"]);
    topology(&format!("{login}    properties: {{ compresion.type: lz4 }}\n"))
        .failed(SERVICE, &["compresion.type"]);
    let ended = topology(login);
    assert_eq!(ended.code, 0, "{}", ended.err);
}
