//! Hosts that share the partitions of an entity without state through Kafka's consumer group: `in` → `map` → `out`, all
//! with the same document but for their names. The function changes nothing in short records, so `out` must hold what
//! `in` holds, partition by partition and in order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use invoker_tests::built;
use invoker_tests::servers::{self, Kafka, KafkaOptions};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::feed::{Feed, entry, write_all};
use crate::host::Host;
use crate::pipeline::Pipeline;
use crate::tail::Tail;
use crate::truth::{by_partition, same, total};
use crate::wait::wait;

const SHARED: &str = "assignment: group";

/// Hosts of one group, each with its name.
struct Group {
    pipeline: Pipeline,
    hosts: BTreeMap<&'static str, Host>,
}

impl Group {
    fn new(name: &str, kafka: &str) -> Self {
        let pipeline = Pipeline::new(name, kafka, &servers::redis().unwrap(), 6);
        Self { pipeline, hosts: BTreeMap::new() }
    }

    fn document(&self, host: &str, assignment: &str, function: &str) -> String {
        let Pipeline { name, kafka, redis, .. } = &self.pipeline;
        format!(
            "deployment: {name}\nhost: {host}\nkafka: {{ bootstrapServers: {kafka:?}, properties: {{ \
             session.timeout.ms: \"6000\" }} }}\nredis: {{ url: {redis:?} }}\nentities:\n- id: first\n  function: {}\n  \
             inputs: [{{ topic: {} }}]\n  outputs: [{}]\n  {assignment}\n  partitionCount: 6\n  lanes: 2\n",
            built::guest(function).unwrap().display(),
            self.pipeline.topic("in"),
            self.pipeline.topic("out"),
        )
    }

    fn start(&mut self, name: &'static str) {
        let mut host = self.pipeline.host();
        host.configure(&self.document(name, SHARED, "raw_map_sdk"));
        host.start();
        self.hosts.insert(name, host);
    }

    fn host(&mut self, name: &str) -> &mut Host {
        self.hosts.get_mut(name).unwrap()
    }

    fn group(&self) -> String {
        format!("invoker.{}.first", self.pipeline.name)
    }

    fn feed(&self) -> Feed {
        let topic = self.pipeline.topic("in");
        Feed::start(&self.pipeline.kafka, &topic, 4_000, |number| format!("v{number}"))
    }

    fn output(&self) -> Tail {
        Tail::of(&self.pipeline, "out")
    }

    /// Waits until Kafka says that these hosts have so many partitions each, and that they are its only members.
    #[track_caller]
    fn settles(&self, wanted: &[(&str, usize)]) {
        let wanted = wanted.iter().map(|&(host, count)| (format!("invoker.{host}"), count)).collect();
        wait("the group to settle", || {
            let (state, found) = members(&self.pipeline.kafka, &self.group());
            (state != "Stable" || found != wanted).then(|| format!("{state}: {found:?}"))
        });
    }

    /// Waits until all input so far is processed, ends the hosts in order, and compares.
    #[track_caller]
    fn finish(mut self) {
        let wanted = by_partition(&self.pipeline.kafka, &self.pipeline.topic("in"));
        self.output().reaches(total(&wanted));
        self.hosts.values_mut().for_each(Host::end);
        same("out", &wanted, &by_partition(&self.pipeline.kafka, &self.pipeline.topic("out")));
    }
}

/// The state of a group, and how many partitions each of its members has, by the name of its client.
fn members(kafka: &str, group: &str) -> (String, BTreeMap<String, usize>) {
    let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", kafka).create().unwrap();
    let Ok(list) = client.fetch_group_list(Some(group), Duration::from_secs(5)) else {
        return Default::default();
    };
    let Some(found) = list.groups().first() else { return Default::default() };
    let members =
        found.members().iter().map(|member| (member.client_id().to_owned(), partitions(member.assignment())));
    (found.state().to_owned(), members.collect())
}

/// Partitions in an assignment of Kafka's consumers: a version of two bytes, a number of topics, for each its name and a
/// list of numbers.
fn partitions(assignment: Option<&[u8]>) -> usize {
    let mut rest = assignment.unwrap_or_default();
    let mut take = |count: usize| {
        let (taken, left) = rest.split_at_checked(count).unwrap_or_default();
        rest = left;
        taken.iter().fold(0, |number, &byte| number << 8 | usize::from(byte))
    };
    take(2);
    let topics = take(4);
    (0..topics)
        .map(|_| {
            let name = take(2);
            take(name);
            let count = take(4);
            take(count * 4);
            count
        })
        .sum()
}

#[test]
fn what_a_killed_host_had_goes_to_the_others_of_its_group() {
    let mut group = Group::new("group-killed", &servers::kafka().unwrap());
    let (feed, output) = (group.feed(), group.output());
    group.start("a");
    group.start("b");
    group.settles(&[("a", 3), ("b", 3)]);
    output.grows_by(4_000);
    group.host("a").kill();
    group.hosts.remove("a");
    let killed = Instant::now();
    group.settles(&[("b", 6)]);
    println!("kill -9 to the group's decision, with a session of 6 s: {:?}", killed.elapsed());
    output.grows_by(4_000);
    feed.finish();
    group.finish();
}

#[test]
fn hosts_that_join_and_leave_move_partitions_in_order() {
    let mut group = Group::new("group-joined", &servers::kafka().unwrap());
    let (feed, output) = (group.feed(), group.output());
    group.start("a");
    group.start("b");
    group.settles(&[("a", 3), ("b", 3)]);
    output.grows_by(2_000);
    let began = Instant::now();
    group.start("c");
    group.settles(&[("a", 2), ("b", 2), ("c", 2)]);
    let joined = began.elapsed();
    output.grows_by(2_000);
    let began = Instant::now();
    group.host("b").end();
    let left = group.hosts.remove("b").unwrap();
    let ended = began.elapsed();
    group.settles(&[("a", 3), ("c", 3)]);
    println!("start to its share {joined:?}; end {ended:?}, and to the others' {:?}", began.elapsed());
    output.grows_by(2_000);
    feed.finish();
    let logs: Vec<_> = group.hosts.values().chain([&left]).map(Host::log).collect();
    group.finish();
    for log in logs {
        assert!(!log.contains("WARN") && !log.contains("ERROR"), "every move was orderly, and yet\n{log}");
    }
}

#[test]
fn a_host_that_slept_longer_than_its_session_commits_nothing_when_it_wakes() {
    let mut group = Group::new("group-frozen", &servers::kafka().unwrap());
    let (feed, output) = (group.feed(), group.output());
    group.start("a");
    group.start("b");
    group.settles(&[("a", 3), ("b", 3)]);
    output.grows_by(2_000);
    group.host("a").freeze();
    group.settles(&[("b", 6)]);
    output.grows_by(4_000);
    group.host("a").thaw();
    let a = group.host("a");
    wait("its commit to be refused", || {
        let log = a.log();
        let refused =
            ["lane recovers", "another host has taken the partition"].iter().any(|text| log.contains(text));
        (!refused).then_some(log)
    });
    group.settles(&[("a", 3), ("b", 3)]);
    output.grows_by(4_000);
    feed.finish();
    group.finish();
}

/// The suite does it six times; `INVOKER_KILLS` sets another number.
#[test]
fn hosts_of_a_group_killed_and_frozen_at_random_lose_nothing_and_repeat_nothing() {
    const NAMES: [&str; 3] = ["a", "b", "c"];
    let faults = std::env::var("INVOKER_KILLS").map_or(6, |text| text.parse().unwrap());
    let mut rng =
        SmallRng::seed_from_u64(std::env::var("INVOKER_SEED").map_or(1, |text| text.parse().unwrap()));
    let mut group = Group::new("group-chaos", &servers::kafka().unwrap());
    let (feed, output) = (group.feed(), group.output());
    NAMES.into_iter().for_each(|name| group.start(name));
    for _ in 0..faults {
        output.grows_by(rng.random_range(1..4_000));
        let host = group.host(NAMES[rng.random_range(0..NAMES.len())]);
        match rng.random_range(0..4) {
            0 => {
                host.end();
                host.start();
            }
            1 => {
                host.freeze();
                std::thread::sleep(Duration::from_millis(rng.random_range(0..9_000)));
                host.thaw();
            }
            _ => {
                host.kill();
                std::thread::sleep(Duration::from_millis(rng.random_range(0..2_000)));
                host.start();
            }
        }
    }
    group.settles(&[("a", 2), ("b", 2), ("c", 2)]);
    feed.finish();
    group.finish();
}

#[test]
fn kafkas_own_tools_show_the_members_and_a_topic_may_grow() {
    let kafka = Kafka::start(&KafkaOptions::default()).unwrap();
    let mut group = Group::new("group-tools", &kafka.address());
    let output = group.output();
    let records: String = (0..3_000).map(|number| entry(number, "v")).collect();
    write_all(&kafka.address(), &group.pipeline.topic("in"), &records);
    group.start("a");
    output.reaches(3_000);
    let words = ["--describe", "--group", &group.group()];
    let described = kafka.tool("org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", &words).unwrap();
    let lines: Vec<_> = described.lines().filter(|line| line.contains("invoker.a")).collect();
    assert_eq!(lines.len(), 6, "{described}");
    for topic in ["out", "in"] {
        let words = ["--alter", "--topic", &group.pipeline.topic(topic), "--partitions", "8"];
        kafka.tool("org.apache.kafka.tools.TopicCommand", &words).unwrap();
    }
    group.settles(&[("a", 8)]);
    write_all(&kafka.address(), &group.pipeline.topic("in"), &records);
    group.finish();
}

#[test]
fn a_function_with_state_is_not_for_a_group() {
    let group = Group::new("group-state", &servers::kafka().unwrap());
    let mut host = group.pipeline.host();
    host.configure(&group.document("a", SHARED, "journal"));
    host.start();
    assert_eq!(host.ends_by_itself(), Some(3));
    let said = "entity \"first\" has assignment: group, and its function keeps the state \"count\"";
    assert!(host.log().contains(said), "{}", host.log());
}
