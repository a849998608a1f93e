//! Apache Kafka, one broker or several, each with its data in a temporary folder.
//!
//! Every broker has two doors: one for clients, with the security that a test asks for, and a plain one without any,
//! where brokers talk among themselves and tests set the stage.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::process::Server;
use super::tls::Certificate;
use super::{folder, port};
use crate::built;

/// May do everything, where SASL is on: name and password.
pub const ADMIN: (&str, &str) = ("admin", "admin-secret");
/// May do nothing until rights are granted, where SASL is on: name and password.
pub const GUEST: (&str, &str) = ("guest", "guest-secret");

const COMMON: &str = include_str!("broker.properties");
const SCRAM: [&str; 2] = ["SCRAM-SHA-256", "SCRAM-SHA-512"];
/// Little memory and a quick start; it need not become fast.
const SMALL: [&str; 3] = ["-Xms32m", "-Xmx256m", "-XX:TieredStopAtLevel=1"];
const FAST: [&str; 2] = ["-Xms1g", "-Xmx1g"];
const JAVA: [&str; 6] = [
    "-Xss512k",
    "-XX:MaxDirectMemorySize=256m",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-Dlog4j2.disable.jmx=true",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
];

/// What differs from one plain broker.
#[derive(Debug, Clone)]
pub struct KafkaOptions {
    /// From three on, topics have three replicas, of which two must have a record before it is acknowledged.
    pub brokers: u16,
    /// Clients log in, by PLAIN or SCRAM, as [`ADMIN`] or [`GUEST`], and need rights. Clients on a librdkafka older than
    /// 2.2, as Debian's `kcat`, fail at SCRAM: brokers have become strict about a nonce that they get wrong.
    pub sasl: bool,
    /// Clients connect by TLS.
    pub tls: bool,
    /// More memory, and code as fast as Java makes it: for benches.
    pub fast: bool,
    /// Settings as in `server.properties`, name and value; they win.
    pub settings: Vec<(String, String)>,
}

impl Default for KafkaOptions {
    fn default() -> Self {
        Self { brokers: 1, sasl: false, tls: false, fast: false, settings: Vec::new() }
    }
}

/// Running brokers.
#[derive(Debug)]
pub struct Kafka {
    brokers: Vec<Broker>,
    certificate: Option<Certificate>,
    installed: Installed,
    // Last, as it holds the certificate.
    folder: TempDir,
}

/// One of them. It is a controller too.
#[derive(Debug)]
pub struct Broker {
    server: Server,
    id: u16,
    client: u16,
    internal: u16,
}

impl Kafka {
    /// Starts the brokers and waits until each of them knows all.
    pub fn start(options: &KafkaOptions) -> Result<Self> {
        let installed = Installed::find()?;
        let shared = folder("kafka")?;
        let certificate = options.tls.then(|| Certificate::make(shared.path())).transpose()?;
        let ports = (1..=options.brokers)
            .map(|id| Ok((id, [port::free()?, port::free()?, port::free()?])))
            .collect::<Result<Vec<_>>>()?;
        let voters: Vec<_> =
            ports.iter().map(|(id, [.., controller])| format!("{id}@127.0.0.1:{controller}")).collect();
        let mut common = vec![("controller.quorum.voters".to_owned(), voters.join(","))];
        common.extend(replication(options.brokers));
        common.extend(security(options, certificate.as_ref())?);
        let prepare =
            |(id, ports): &(u16, [u16; 3])| Broker::prepare(&installed, *id, ports, options, &common);
        let brokers = ports.iter().map(prepare).collect::<Result<Vec<_>>>()?;
        if options.sasl {
            installed.format_with_users(&brokers)?;
        }
        for broker in &brokers {
            broker.server.launch()?;
        }
        for broker in &brokers {
            broker.server.wait_until("to serve", super::BOUND, || {
                Ok(broker.known().len() == usize::from(options.brokers))
            })?;
        }
        Ok(Self { brokers, certificate, installed, folder: shared })
    }

    /// Where clients connect: all brokers, separated by commas.
    pub fn address(&self) -> String {
        self.addresses(|broker| broker.client)
    }

    /// The door without security, for what a test does in the background.
    pub fn plain_address(&self) -> String {
        self.addresses(|broker| broker.internal)
    }

    fn addresses(&self, port: impl Fn(&Broker) -> u16) -> String {
        let all: Vec<_> = self.brokers.iter().map(|broker| format!("127.0.0.1:{}", port(broker))).collect();
        all.join(",")
    }

    /// The authority that a client with TLS must trust.
    pub fn authority(&self) -> Option<&Path> {
        self.certificate.as_ref().map(|certificate| certificate.authority.as_path())
    }

    pub fn brokers(&self) -> &[Broker] {
        &self.brokers
    }

    /// Grants or takes rights, in the words of Kafka's own tool: `--add --allow-principal User:guest --operation
    /// Read --topic lines`.
    pub fn acl(&self, words: &[&str]) -> Result<String> {
        self.tool("org.apache.kafka.tools.AclCommand", &[&["--force"], words].concat())
    }

    /// Runs a tool of Kafka's by the name of its class, through the plain door; returns what it prints.
    pub fn tool(&self, class: &str, words: &[&str]) -> Result<String> {
        let mut command = self.installed.java();
        command.args([class, "--bootstrap-server", &self.plain_address()]).args(words);
        output(&mut command)
    }

    /// The same through the door for clients, with settings as in `client.properties`.
    pub fn tool_as_client(&self, settings: &str, class: &str, words: &[&str]) -> Result<String> {
        let file = self.folder.path().join("client.properties");
        fs::write(&file, settings).context("write the settings of a client")?;
        let mut command = self.installed.java();
        command
            .args([class, "--bootstrap-server", &self.address(), "--command-config"])
            .arg(file)
            .args(words);
        output(&mut command)
    }

    /// `kcat` with these words through the plain door; returns what it prints.
    pub fn kcat(&self, words: &[&str]) -> Result<String> {
        output(Command::new("kcat").args(["-b", &self.plain_address()]).args(words))
    }
}

impl Broker {
    fn prepare(
        installed: &Installed,
        id: u16,
        &[client, internal, controller]: &[u16; 3],
        options: &KafkaOptions,
        common: &[(String, String)],
    ) -> Result<Self> {
        let folder = folder("kafka")?;
        let data = folder.path().join("data");
        fs::create_dir(&data).context("create the folder of a broker")?;
        let listeners = |controller: &str| {
            format!("CLIENT://127.0.0.1:{client},INTERNAL://127.0.0.1:{internal}{controller}")
        };
        let own = [
            ("node.id", id.to_string()),
            ("log.dirs", data.display().to_string()),
            ("listeners", listeners(&format!(",CONTROLLER://127.0.0.1:{controller}"))),
            ("advertised.listeners", listeners("")),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value));
        let mut text = COMMON.to_owned();
        for (name, value) in own.iter().chain(common).chain(&options.settings) {
            text += &format!("{name}={value}\n");
        }
        let file = folder.path().join("server.properties");
        fs::write(&file, text).context("write the configuration of a broker")?;
        let meta = format!("version=1\nnode.id={id}\ncluster.id={}\n", installed.cluster_id);
        fs::write(data.join("meta.properties"), meta).context("write the identity of a broker")?;
        fs::copy(installed.home.join("formatted/bootstrap.checkpoint"), data.join("bootstrap.checkpoint"))
            .context("copy the formatted folder of a broker")?;
        let mut arguments = installed.java_arguments(if options.fast { &FAST } else { &SMALL });
        arguments.extend(["kafka.Kafka".into(), file.display().to_string()]);
        let server = Server::new(format!("Kafka broker {id}"), "java".into(), arguments, folder);
        Ok(Self { server, id, client, internal })
    }

    /// The process: to kill, stop, freeze and thaw.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Its number in the cluster.
    pub fn id(&self) -> u16 {
        self.id
    }

    /// Where clients reach this one.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.client)
    }

    /// Starts it again after a kill or a stop, on the same ports and the same data, and waits until it serves.
    pub fn restart(&self) -> Result<()> {
        self.server.start(|| Ok(self.known().contains(&self.id.into())))
    }

    /// The brokers of which this one knows; none while it does not answer.
    fn known(&self) -> Vec<u64> {
        let address = format!("127.0.0.1:{}", self.internal);
        let answer = output(Command::new("kcat").args(["-L", "-J", "-m", "2", "-b", &address]));
        let answer: Option<Value> = answer.ok().and_then(|text| serde_json::from_str(&text).ok());
        let brokers = answer.as_ref().and_then(|answer| answer["brokers"].as_array());
        brokers.into_iter().flatten().filter_map(|broker| broker["id"].as_u64()).collect()
    }
}

fn replication(brokers: u16) -> Vec<(String, String)> {
    let replicas = brokers.min(3).to_string();
    let in_sync = if brokers >= 3 { "2" } else { "1" }.to_owned();
    let mut all: Vec<_> = [
        "default.replication.factor",
        "offsets.topic.replication.factor",
        "transaction.state.log.replication.factor",
        "share.coordinator.state.topic.replication.factor",
    ]
    .map(|name| (name.to_owned(), replicas.clone()))
    .into();
    let names =
        ["min.insync.replicas", "transaction.state.log.min.isr", "share.coordinator.state.topic.min.isr"];
    all.extend(names.map(|name| (name.to_owned(), in_sync.clone())));
    if brokers > 1 {
        all.push(("broker.session.timeout.ms".into(), "6000".into()));
        all.push(("broker.heartbeat.interval.ms".into(), "1000".into()));
    }
    all
}

fn security(options: &KafkaOptions, certificate: Option<&Certificate>) -> Result<Vec<(String, String)>> {
    let protocol = match (options.sasl, options.tls) {
        (false, false) => "PLAINTEXT",
        (false, true) => "SSL",
        (true, false) => "SASL_PLAINTEXT",
        (true, true) => "SASL_SSL",
    };
    let map = format!("CLIENT:{protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT");
    let mut all = vec![("listener.security.protocol.map".to_owned(), map)];
    let mut set = |name: &str, value: String| all.push((name.to_owned(), value));
    if let Some(files) = certificate {
        let (key, chain) = (fs::read_to_string(&files.key)?, fs::read_to_string(&files.certificate)?);
        let both = files.key.with_file_name("broker.pem");
        fs::write(&both, key + &chain).context("write the certificate of a broker")?;
        set("ssl.keystore.type", "PEM".into());
        set("ssl.keystore.location", both.display().to_string());
    }
    if options.sasl {
        let [(admin, admin_secret), (guest, guest_secret)] = [ADMIN, GUEST];
        let plain = format!(
            "org.apache.kafka.common.security.plain.PlainLoginModule required \
             user_{admin}=\"{admin_secret}\" user_{guest}=\"{guest_secret}\";"
        );
        set("listener.name.client.sasl.enabled.mechanisms", format!("PLAIN,{}", SCRAM.join(",")));
        set("listener.name.client.plain.sasl.jaas.config", plain);
        for mechanism in SCRAM {
            set(
                &format!("listener.name.client.{}.sasl.jaas.config", mechanism.to_lowercase()),
                "org.apache.kafka.common.security.scram.ScramLoginModule required;".into(),
            );
        }
        set("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer".into());
        set("super.users", format!("User:{admin};User:ANONYMOUS"));
    }
    Ok(all)
}

/// What `cargo xtask provision` made.
#[derive(Debug)]
struct Installed {
    home: PathBuf,
    class_path: String,
    cluster_id: String,
}

impl Installed {
    fn find() -> Result<Self> {
        let link = built::root().join("target/servers/kafka");
        let home = fs::canonicalize(&link)
            .with_context(|| format!("{} is missing: run `cargo xtask provision`", link.display()))?;
        let read = |name: &str| {
            let file = home.join(name);
            fs::read_to_string(&file).with_context(|| format!("read '{}'", file.display()))
        };
        Ok(Self { class_path: read("classpath")?, cluster_id: read("cluster-id")?, home })
    }

    fn java_arguments(&self, more: &[&str]) -> Vec<String> {
        let archive = format!("-XX:SharedArchiveFile={}", self.home.join("kafka.jsa").display());
        let mut all: Vec<_> = JAVA.iter().chain(more).map(|&word| word.to_owned()).collect();
        all.extend([archive, "-cp".into(), self.class_path.clone()]);
        all
    }

    fn java(&self) -> Command {
        let mut command = Command::new("java");
        command.args(self.java_arguments(&SMALL));
        command
    }

    /// SCRAM users are in what a broker is formatted with. It is the same for all brokers, but for their number.
    fn format_with_users(&self, brokers: &[Broker]) -> Result<()> {
        let users: Vec<_> = SCRAM
            .iter()
            .flat_map(|mechanism| [ADMIN, GUEST].map(|(name, password)| (mechanism, name, password)))
            .map(|(mechanism, name, password)| format!("{mechanism}=[name={name},password={password}]"))
            .collect();
        for broker in brokers {
            let folder = broker.server.folder();
            let data = folder.join("data");
            for name in ["meta.properties", "bootstrap.checkpoint"] {
                fs::remove_file(data.join(name)).context("format the folder of a broker anew")?;
            }
            let mut format = self.java();
            format.args(["kafka.tools.StorageTool", "format", "-t", &self.cluster_id, "-c"]);
            format.arg(folder.join("server.properties"));
            format.args(users.iter().flat_map(|user| ["--add-scram", user]));
            output(&mut format)?;
        }
        Ok(())
    }
}

/// What a program prints; an error with all of it where it fails.
fn output(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("run '{program}', which `cargo xtask provision` installs"))?;
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    ensure!(
        output.status.success(),
        "{program} failed ({})\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    Ok(text(&output.stdout))
}
