//! A Kafka that lets its user do less than is needed: each right that is missing is named, and with all of them it runs.

use invoker_tests::servers::{self, GUEST, Kafka, KafkaOptions};

use crate::hosting::{Host, at_redis, document};
use crate::workplace::{Ended, Workplace, consume, counted, last_counts, produce, wait};

const SERVICE: i32 = 10;
const STOPPED: i32 = 7;

/// The word count as the user who was granted nothing yet, on a Kafka that asks for rights.
struct Guest {
    place: Workplace,
    server: Kafka,
}

impl Guest {
    fn new(name: &str) -> Self {
        let server = Kafka::start(&KafkaOptions { sasl: true, ..KafkaOptions::default() }).unwrap();
        let place = Workplace::new(name);
        let kafka = format!(
            "{{ bootstrapServers: {:?}, sasl: {{ mechanism: PLAIN, secretRef: {{ name: login }} }} }}",
            server.address()
        );
        let redis = at_redis(&servers::redis().unwrap());
        for folder in ["secrets", "config/secrets"] {
            place.write(&format!("{folder}/login/username"), GUEST.0);
            place.write(&format!("{folder}/login/password"), GUEST.1);
        }
        place.write_topology(&format!("  kafka: {kafka}\n  state: {{ redis: {redis} }}\n"));
        place.write("config/host.yaml", &document(&place, 1, &kafka, &redis, "[0, 1, 2]"));
        let dead = ["split", "count"].map(|entity| format!("default.{}.{entity}.dead-letter", place.name));
        for topic in ["lines", "words", "counts"].map(|topic| place.topic(topic)).iter().chain(&dead) {
            let words = ["--create", "--topic", topic, "--partitions", "3"];
            server.tool("org.apache.kafka.tools.TopicCommand", &words).unwrap();
        }
        place.write("in.txt", "a b a\n");
        Self { place, server }
    }

    /// Operations on everything of a kind: `--topic`, `--group`, `--transactional-id`.
    fn grant(&self, operations: &[&str], kind: &str) {
        let mut words = vec!["--add", "--allow-principal", "User:guest", kind, "*"];
        operations.iter().for_each(|operation| words.extend(["--operation", operation]));
        self.server.acl(&words).unwrap();
    }

    fn run(&self) -> Ended {
        let input = format!("{}=in.txt", self.place.topic("lines"));
        let words = ["run", "topology.yaml", "--services", "--secrets", "secrets", "--input", &input];
        self.place.invoker(&words)
    }

    /// Runs until Kafka has heard of what was granted: the complaint is another than before.
    /// Either the input of the run meets it, or a lane, or both.
    #[track_caller]
    fn complains(&self, texts: &[&str]) {
        let mut ended = self.run();
        wait("the rights to be known", || {
            let heard = texts.iter().all(|text| ended.err.contains(text));
            if !heard {
                ended = self.run();
            }
            heard
        });
        let code = if ended.code == STOPPED { STOPPED } else { SERVICE };
        ended.failed(code, texts);
    }
}

#[test]
fn each_right_that_is_missing_is_named() {
    let guest = Guest::new("granted");
    guest.complains(&["topic", "uthorization failed", "Describe"]);
    guest.grant(&["Describe"], "--topic");
    guest.complains(&["uthorization failed", "Write and Describe on transactional ids"]);
    guest.grant(&["Describe", "Write"], "--transactional-id");
    guest.complains(&["uthorization failed", "Read and Describe on groups"]);
    guest.grant(&["Describe", "Read"], "--group");
    guest.complains(&["read failed: topic", "uthorization failed", "Read and Describe on inputs"]);
    guest.grant(&["Read"], "--topic");
    guest.complains(&["cannot write to topic", "uthorization failed", "Write and Describe on outputs"]);
    guest.grant(&["Write"], "--topic");
    wait("the last right to be known", || guest.run().code == 0);
}

#[test]
fn a_host_without_a_right_says_which_and_goes_on_when_it_is_granted() {
    let guest = Guest::new("host");
    let host = Host::start(&guest.place);
    let log = || std::fs::read_to_string(guest.place.path("host.log")).unwrap();
    assert_eq!(host.ends(), SERVICE, "{}", log());
    assert!(log().contains("uthorization failed") && log().contains("Describe"), "{}", log());
    guest.grant(&["Describe", "Write"], "--topic");
    guest.grant(&["Describe", "Write"], "--transactional-id");
    guest.grant(&["Describe", "Read"], "--group");
    let mut host = Host::start(&guest.place);
    host.says("lane stopped");
    host.says("Read and Describe on inputs");
    guest.grant(&["Read"], "--topic");
    host.says("lanes that had stopped are started again");
    let plain = guest.server.plain_address();
    produce(&plain, &guest.place.topic("lines"), 1, "a b a\n");
    let counts = || last_counts(&consume(&plain, &guest.place.topic("counts")));
    wait("the lanes to do their work", || counts() == counted("a b a"));
    assert_eq!(host.end(), 0);
}
