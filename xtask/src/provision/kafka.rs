//! Apache Kafka for tests: its jars, and what makes a broker start in less than a second.
//!
//! Maven fetches the jars into the user's cache folder. A broker is then run once: Java archives the classes that
//! it loaded, and its formatted folder is kept, so that no test formats one. Tests find both through the link
//! `target/servers/kafka` in the checkout.

use std::fs;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::{Missing, Provided, announce, debian};
use crate::cache::Entry;
use crate::process;
use crate::project::Project;

/// The oldest Java that a broker runs on.
const OLDEST_JAVA: u32 = 17;
const POM: &str = include_str!("kafka.pom.xml");
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";
const WHY: &str = "tests against a real Kafka";

/// Raised whenever [`rehearse`] makes something else.
const RECIPE: &str = "1";
/// Whose folder is formatted. Any 16 bytes do; brokers of one cluster share them.
const CLUSTER_ID: &str = "aW52b2tlci10ZXN0cy0wMQ";
const START_BOUND: Duration = Duration::from_secs(60);

/// The folder with `classpath`, `kafka.jsa` and `formatted`.
pub(super) fn provide(project: &Project) -> Result<Provided<PathBuf>> {
    let java = java()?;
    let jars = jars(project)?;
    let properties = project.root().join("tests/src/servers/broker.properties");
    let properties =
        fs::read_to_string(&properties).with_context(|| format!("read '{}'", properties.display()))?;
    let class_path = class_path(&jars.path)?;
    let parts = [RECIPE, &class_path, &java.what, &properties];
    let start = project.cache().entry("kafka-start", &parts, |folder| {
        announce("start a Kafka broker once, to archive its classes (about ten seconds)");
        rehearse(folder, &class_path, &properties)
    });
    let start = start.context("prepare the start of a Kafka broker")?;
    link(&start.path, &project.servers().join("kafka"))?;
    let what = format!("{} on {}", version(&jars.path)?, java.what);
    Ok(Provided { thing: start.path, what, new: java.new || jars.made || start.made })
}

fn java() -> Result<Provided<()>> {
    let usable = || java_version().filter(|(_, major)| *major >= OLDEST_JAVA).map(|(line, _)| line);
    if let Some(what) = usable() {
        return Ok(Provided { thing: (), what, new: false });
    }
    debian::install(&["default-jre-headless"], WHY)?;
    let what = usable().ok_or_else(|| {
        let why = format!("{WHY}; this system's packages have an older one");
        Missing::new(format!("Java {OLDEST_JAVA} or newer"), why, &["(install a current Java)"])
    })?;
    Ok(Provided { thing: (), what, new: true })
}

/// The line that names the version, such as `openjdk 17.0.15 2025-04-15`, and the number of the release.
fn java_version() -> Option<(String, u32)> {
    let line = process::version("java")?;
    let major = line.split_whitespace().nth(1)?.split(['.', '-', '+']).next()?.parse().ok()?;
    Some((line, major))
}

fn jars(project: &Project) -> Result<Entry> {
    let entry = project.cache().entry("kafka", &[POM, COPY], |folder| {
        if process::version("mvn").is_none() {
            debian::install(&["maven"], "it fetches Kafka for tests")?;
        }
        announce("mvn dependency:copy-dependencies (Apache Kafka, 44 MB)");
        fs::write(folder.join("pom.xml"), POM)?;
        let mut maven = Command::new("mvn");
        maven
            .args(["-q", "-B", "-C", COPY, "-DoutputDirectory=lib", "-DincludeScope=runtime"])
            .current_dir(folder);
        process::quiet(&mut maven).map(drop)
    });
    entry.context("fetch Apache Kafka")
}

/// All jars, in an order that stays: an archive of classes holds for one class path only.
fn class_path(jars: &Path) -> Result<String> {
    let mut paths = Vec::new();
    for file in fs::read_dir(jars.join("lib")).context("list the jars of Kafka")? {
        paths.push(file?.path().display().to_string());
    }
    paths.sort();
    Ok(paths.join(":"))
}

fn version(jars: &Path) -> Result<String> {
    for file in fs::read_dir(jars.join("lib"))? {
        let name = file?.file_name().to_string_lossy().into_owned();
        if let Some(version) = name.strip_prefix("kafka-clients-").and_then(|name| name.strip_suffix(".jar"))
        {
            return Ok(format!("Apache Kafka {version}"));
        }
    }
    bail!("no Kafka is among the jars in '{}': delete that folder, then repeat", jars.display())
}

/// Formats a folder, runs a broker on it until it serves, and stops it in an orderly way, which is when Java
/// writes the archive.
fn rehearse(folder: &Path, class_path: &str, properties: &str) -> Result<()> {
    fs::write(folder.join("classpath"), class_path)?;
    fs::write(folder.join("cluster-id"), CLUSTER_ID)?;
    let scratch = folder.join("scratch");
    let data = scratch.join("data");
    fs::create_dir(&scratch)?;
    let [broker, controller] = free_ports()?;
    let listeners = format!("INTERNAL://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}");
    let own = format!(
        "\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\nlisteners={listeners}\n\
         listener.security.protocol.map=INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT\nlog.dirs={}\n",
        data.display()
    );
    let configuration = scratch.join("server.properties");
    fs::write(&configuration, properties.to_owned() + &own)?;
    let java = |arguments: &[&str]| {
        let mut command = Command::new("java");
        command.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp", class_path]);
        command.args(arguments);
        command
    };
    let file = configuration.to_str().context("use a cache folder whose name is text")?;
    process::quiet(&mut java(&["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", file]))?;
    let formatted = folder.join("formatted");
    fs::create_dir(&formatted)?;
    fs::copy(data.join("bootstrap.checkpoint"), formatted.join("bootstrap.checkpoint"))
        .context("keep what formatting wrote")?;
    let archive = folder.join("kafka.jsa");
    let archive_option = format!("-XX:ArchiveClassesAtExit={}", archive.display());
    let log = scratch.join("log");
    let mut command = java(&[&archive_option, "kafka.Kafka", file]);
    let output = fs::File::create(&log)?;
    command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
    let mut server = command.spawn().context("run java")?;
    let served = serve_once(&mut server, broker);
    stop(&mut server)?;
    let printed = || fs::read_to_string(&log).unwrap_or_default();
    served.with_context(printed)?;
    ensure!(archive.is_file(), "java wrote no archive of classes\n{}", printed());
    fs::remove_dir_all(&scratch).context("remove what was left of the run")
}

/// Waits until a broker answers, and asks it once, so that the classes for an answer are archived too.
fn serve_once(server: &mut Child, port: u16) -> Result<()> {
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        ensure!(server.try_wait()?.is_none(), "the broker ended before it served");
        ensure!(started.elapsed() < START_BOUND, "the broker did not serve within {START_BOUND:?}");
        thread::sleep(Duration::from_millis(50));
    }
    let address = format!("127.0.0.1:{port}");
    process::quiet(Command::new("kcat").args(["-L", "-m", "30", "-b", &address])).map(drop)
}

fn stop(server: &mut Child) -> Result<()> {
    process::quiet(Command::new("kill").arg(server.id().to_string()))?;
    server.wait().context("wait for the broker to end").map(drop)
}

fn free_ports() -> Result<[u16; 2]> {
    let listeners = [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    let [one, other] = &listeners;
    Ok([one.local_addr()?.port(), other.local_addr()?.port()])
}

/// Makes `link` point to `target`. By a rename, so that a test that runs meanwhile finds the old or the new one.
pub(super) fn link(target: &Path, link: &Path) -> Result<()> {
    if fs::read_link(link).is_ok_and(|old| old == target) {
        return Ok(());
    }
    let folder = link.parent().context("find the folder of a link")?;
    fs::create_dir_all(folder).with_context(|| format!("create '{}'", folder.display()))?;
    let unfinished = folder.join(format!(".kafka-{}", std::process::id()));
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => symlink(target, &unfinished).and_then(|()| fs::rename(&unfinished, link)),
    }
    .with_context(|| format!("link '{}'", link.display()))
}
