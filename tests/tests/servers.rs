//! The servers of the tests are what they claim to be: fault tests stand on them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use invoker_tests::servers::{
    self, ADMIN, Broker, GUEST, Kafka, KafkaOptions, Redis, RedisCluster, RedisOptions,
};

fn create_topic(kafka: &Kafka, name: &str) -> Result<()> {
    let words = ["--create", "--topic", name, "--partitions", "1"];
    kafka.tool("org.apache.kafka.tools.TopicCommand", &words).map(drop)
}

/// Produces one record, acknowledged by all replicas in sync.
fn produce(address: &str, topic: &str, value: &str) -> Result<()> {
    let mut kcat = Command::new("kcat")
        .args(["-P", "-b", address, "-t", topic, "-p", "0", "-X", "acks=all"])
        .stdin(Stdio::piped())
        .spawn()?;
    kcat.stdin.take().context("write to kcat")?.write_all(value.as_bytes())?;
    ensure!(kcat.wait()?.success(), "kcat could not produce");
    Ok(())
}

fn consume(kafka: &Kafka, topic: &str) -> Result<String> {
    kafka.kcat(&["-C", "-t", topic, "-p", "0", "-o", "beginning", "-e", "-q"])
}

/// Whether a client with these settings gets an answer about `topic`, and what it is.
fn ask(address: &str, topic: &str, settings: &[String]) -> Result<(bool, String)> {
    let mut kcat = Command::new("kcat");
    kcat.args(["-L", "-m", "5", "-b", address, "-t", topic]);
    kcat.args(settings.iter().flat_map(|setting| ["-X", setting]));
    let output = kcat.output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[test]
fn a_broker_that_was_killed_has_what_it_acknowledged() -> Result<()> {
    let kafka = Kafka::start(&KafkaOptions::default())?;
    create_topic(&kafka, "lines")?;
    produce(&kafka.address(), "lines", "one\n")?;
    let broker = kafka.brokers().first().context("one broker")?;
    broker.server().kill()?;
    ensure!(kafka.kcat(&["-L", "-m", "1"]).is_err(), "a dead broker answers");
    broker.restart()?;
    assert_eq!(consume(&kafka, "lines")?, "one\n");
    Ok(())
}

#[test]
fn a_frozen_broker_answers_nothing_until_it_is_thawed() -> Result<()> {
    let kafka = Kafka::start(&KafkaOptions::default())?;
    let broker = kafka.brokers().first().context("one broker")?;
    broker.server().freeze()?;
    ensure!(kafka.kcat(&["-L", "-m", "1"]).is_err(), "a frozen broker answers");
    broker.server().thaw()?;
    kafka.kcat(&["-L", "-m", "30"]).map(drop)
}

#[test]
fn three_brokers_acknowledge_with_any_one_of_them_dead() -> Result<()> {
    let kafka = Kafka::start(&KafkaOptions { brokers: 3, ..KafkaOptions::default() })?;
    create_topic(&kafka, "lines")?;
    for broker in kafka.brokers() {
        broker.server().kill()?;
        produce(&kafka.address(), "lines", &format!("without {}\n", broker.id()))?;
        broker.restart()?;
        in_sync(&kafka, broker)?;
    }
    assert_eq!(consume(&kafka, "lines")?, "without 1\nwithout 2\nwithout 3\n");
    Ok(())
}

/// Waits until a broker that came back has caught up: to kill the next one earlier would be to kill two.
fn in_sync(kafka: &Kafka, broker: &Broker) -> Result<()> {
    let began = Instant::now();
    let id = broker.id().to_string();
    loop {
        let answer = kafka.kcat(&["-L", "-t", "lines"])?;
        let isrs = answer.lines().find_map(|line| line.split_once("isrs: "));
        if isrs.is_some_and(|(_, isrs)| isrs.split(',').any(|other| other.trim() == id)) {
            return Ok(());
        }
        ensure!(began.elapsed() < Duration::from_secs(60), "broker {id} does not catch up: {answer}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_secured_broker_wants_its_authority_a_password_and_rights() -> Result<()> {
    let kafka = Kafka::start(&KafkaOptions { sasl: true, tls: true, ..KafkaOptions::default() })?;
    create_topic(&kafka, "lines")?;
    let authority = kafka.authority().context("an authority")?.display().to_string();
    let address = kafka.address();
    let login = |mechanism: &str, (name, password): (&str, &str)| {
        ["security.protocol=SASL_SSL".to_owned(), format!("ssl.ca.location={authority}")]
            .into_iter()
            .chain([format!("sasl.mechanism={mechanism}")])
            .chain([format!("sasl.username={name}"), format!("sasl.password={password}")])
            .collect::<Vec<_>>()
    };
    ensure!(!ask(&address, "lines", &[])?.0, "no TLS, and yet an answer");
    ensure!(
        !ask(&address, "lines", &login("PLAIN", (ADMIN.0, "wrong")))?.0,
        "a wrong password, and yet an answer"
    );
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        let (_, said) = ask(&address, "lines", &login(mechanism, ADMIN))?;
        ensure!(said.contains("\"lines\" with 1 partitions"), "{mechanism}: {said}");
    }
    let (_, said) = ask(&address, "lines", &login("PLAIN", GUEST))?;
    ensure!(said.contains("authorization failed"), "no right, and yet: {said}");
    let user = format!("User:{}", GUEST.0);
    kafka.acl(&["--add", "--allow-principal", &user, "--operation", "Describe", "--topic", "lines"])?;
    let (_, said) = ask(&address, "lines", &login("SCRAM-SHA-256", GUEST))?;
    ensure!(said.contains("\"lines\" with 1 partitions"), "a right, and yet: {said}");
    Ok(())
}

#[test]
fn a_redis_that_was_stopped_has_its_data_and_one_with_its_old_files_has_the_old_data() -> Result<()> {
    let redis = Redis::start(&RedisOptions::default())?;
    redis.cli(&["SET", "key", "old"])?;
    redis.server().stop()?;
    redis.restart()?;
    assert_eq!(redis.cli(&["GET", "key"])?, "old");
    let copy = redis.copy_data()?;
    redis.cli(&["SET", "key", "new"])?;
    redis.server().kill()?;
    redis.put_back(copy.path())?;
    redis.restart()?;
    assert_eq!(redis.cli(&["GET", "key"])?, "old");
    Ok(())
}

#[test]
fn a_replica_has_what_was_written_before_it_came() -> Result<()> {
    let redis = Redis::start(&RedisOptions { password: Some("secret".into()), ..RedisOptions::default() })?;
    redis.cli(&["SET", "key", "value"])?;
    let replica = redis.replica(&RedisOptions::default())?;
    assert_eq!(replica.cli(&["GET", "key"])?, "value");
    let error = replica.cli(&["SET", "key", "other"]).expect_err("a replica takes no writes");
    assert!(error.to_string().contains("READONLY"), "{error}");
    Ok(())
}

#[test]
fn a_secured_redis_wants_its_authority_and_a_password_and_has_its_settings() -> Result<()> {
    let redis = Redis::start(&RedisOptions {
        password: Some("secret".into()),
        users: vec!["reader on >reading ~app:* +@read +ping".into()],
        eviction: Some("allkeys-lru".into()),
        tls: true,
        settings: vec![("databases".into(), "3".into())],
    })?;
    ensure!(redis.url().starts_with("rediss://:secret@"), "{}", redis.url());
    assert_eq!(redis.cli(&["CONFIG", "GET", "maxmemory-policy"])?, "maxmemory-policy\nallkeys-lru");
    assert_eq!(redis.cli(&["CONFIG", "GET", "databases"])?, "databases\n3");
    assert_eq!(redis.cli(&["AUTH", "reader", "reading"])?, "OK");
    assert!(redis.cli(&["AUTH", "reader", "secret"]).is_err());
    let plain = Command::new("redis-cli").args(["-p", &redis.port().to_string(), "PING"]).output()?;
    assert!(!String::from_utf8_lossy(&plain.stdout).contains("PONG"), "an answer without TLS");
    Ok(())
}

#[test]
fn a_cluster_spreads_keys_over_three_nodes() -> Result<()> {
    let cluster = RedisCluster::start(&RedisOptions::default())?;
    let first = cluster.nodes().first().context("a node")?;
    for key in 0..100 {
        let key = key.to_string();
        assert_eq!(first.cli(&["-c", "SET", &key, &key])?, "OK");
    }
    let sizes = cluster.nodes().iter().map(|node| Ok(node.cli(&["DBSIZE"])?.parse()?));
    let sizes: Vec<u32> = sizes.collect::<Result<_>>()?;
    assert!(sizes.iter().all(|size| *size > 0) && sizes.iter().sum::<u32>() == 100, "{sizes:?}");
    Ok(())
}

#[test]
fn a_binary_shares_one_of_each() -> Result<()> {
    for address in [servers::kafka, servers::redis, servers::redis_cluster] {
        assert_eq!(address()?, address()?);
    }
    Ok(())
}

#[test]
fn servers_end_with_the_process_that_started_them() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut owner = Command::new(env!("CARGO_BIN_EXE_servers"))
        .arg("redis")
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    BufReader::new(owner.stdout.take().context("read what it says")?).read_line(&mut line)?;
    let port = line.trim().rsplit(':').next().context("a port")?.to_owned();
    ensure!(ping(&port)?, "no Redis behind '{line}'");
    owner.kill()?;
    owner.wait()?;
    let began = Instant::now();
    while ping(&port)? || !is_empty(folder.path())? {
        ensure!(began.elapsed() < Duration::from_secs(30), "an orphan is left on port {port}");
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

fn ping(port: &str) -> Result<bool> {
    let output = Command::new("redis-cli").args(["-p", port, "PING"]).output()?;
    Ok(output.stdout.starts_with(b"PONG"))
}

fn is_empty(folder: &Path) -> Result<bool> {
    Ok(std::fs::read_dir(folder)?.next().is_none())
}
