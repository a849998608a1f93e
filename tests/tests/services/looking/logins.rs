//! Services with logins and encryption, as the topology names them.

use std::fs;

use invoker_tests::servers::{ADMIN, Kafka, KafkaOptions, Redis, RedisOptions};

use super::texts;
use crate::workplace::{Workplace, counted};

#[test]
fn logins_and_certificates_are_those_of_the_topology() {
    let kafka = Kafka::start(&KafkaOptions { sasl: true, tls: true, ..KafkaOptions::default() }).unwrap();
    let redis = RedisOptions { password: Some("s3cret".to_owned()), tls: true, ..RedisOptions::default() };
    let redis = Redis::start(&redis).unwrap();
    let place = Workplace::new("login");
    place.write("secrets/kafka/ca.crt", &fs::read_to_string(kafka.authority().unwrap()).unwrap());
    place.write("secrets/login/username", ADMIN.0);
    place.write("secrets/login/password", ADMIN.1);
    place.write("secrets/redis/url", &redis.url());
    place.write("secrets/redis/ca.crt", &fs::read_to_string(redis.authority().unwrap()).unwrap());
    place.write_topology(&format!(
        "  createTopics: true\n  prefix: acme\n  kafka:\n    bootstrapServers: {:?}\n    tls: {{ secretRef: {{ name: kafka }} }}\n    \
         sasl: {{ secretRef: {{ name: login }} }}\n  \
         state: {{ redis: {{ secretRef: {{ name: redis }}, tls: {{ secretRef: {{ name: redis }} }} }} }}\n",
        kafka.address()
    ));
    place.write("in.txt", "a b a\n");
    let input = format!("{}=in.txt", place.topic("lines"));
    let of = ["--topology", "topology.yaml", "--secrets", "secrets"];
    place
        .invoker(&["run", "topology.yaml", "--services", "--secrets", "secrets", "--input", &input])
        .succeeded();

    let look = |words: &[&str]| place.look(&[words, &of].concat());
    let topics = look(&["topics"]).succeeded().objects();
    let mut expected: Vec<_> = ["lines", "words", "counts"].map(|name| place.topic(name)).into();
    expected.extend(["split", "count"].map(|entity| format!("default.{}.{entity}.dead-letter", place.name)));
    expected.sort();
    assert_eq!(texts(&topics, "topic"), expected);
    let lines = look(&["tail", &place.topic("lines")]).succeeded().objects();
    assert_eq!(texts(&lines, "value"), ["a b a"]);
    let total = look(&["state", "export", "count"]).succeeded().objects();
    assert_eq!(total.len(), counted("a b a").len());
    let a = place.invoker(&[&["state", "get", "count", "total", "a"], &of[..]].concat()).succeeded();
    assert!(a.out.ends_with("  a  2\n"), "{a:?}");
    assert_eq!(look(&["dlq", "replay"]).succeeded().out, "{\"kept\":0,\"replayed\":0}\n");

    place
        .invoker(&["topics", "--topology", "topology.yaml"])
        .failed(3, &["cannot look up the secret of kafka.tls", "NAME/KEY"]);
    place.write("secrets/login/password", "wr0ng");
    let ended = place.invoker(&[&["tail", &place.topic("lines")], &of[..]].concat());
    ended.failed(10, &["cannot use Kafka at", "uthentication", "user and password"]);
    assert!(!ended.err.contains("wr0ng"), "{}", ended.err);
}
