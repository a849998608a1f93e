//! A folder with a word count of a deployment of its own, so that tests can share services.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use invoker_tests::built;
use invoker_tests::servers::Kafka;
use serde_json::Value;
use tempfile::TempDir;

/// Longest that anything may take that is waited for.
const BOUND: Duration = Duration::from_secs(90);

pub(crate) struct Workplace {
    pub(crate) folder: TempDir,
    pub(crate) name: String,
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Workplace {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("{name}-{:08x}", rand::random::<u32>());
        Self { folder: tempfile::tempdir().unwrap(), name }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // A whole file or none, as a cluster puts it there.
        let new = path.with_extension("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, path).unwrap();
    }

    /// Name of a topic of this test alone.
    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}.{name}", self.name)
    }

    /// Makes the topics of the word count, of three partitions each.
    pub(crate) fn make_topics(&self, kafka: &Kafka) {
        for topic in ["lines", "words", "counts"] {
            let words = ["--create", "--topic", &self.topic(topic), "--partitions", "3"];
            kafka.tool("org.apache.kafka.tools.TopicCommand", &words).unwrap();
        }
    }

    /// The word count, with more fields of its spec.
    pub(crate) fn write_topology(&self, more: &str) {
        let (split, count) =
            (built::guest("wordcount_split").unwrap(), built::guest("wordcount_count").unwrap());
        let mut text = format!(
            "apiVersion: invoker.io/v1alpha1\nkind: InvokerDeployment\nmetadata: {{ name: {} }}\nspec:\n{more}",
            self.name
        );
        let topics = ["lines", "words", "counts"].map(|name| self.topic(name));
        text.push_str("  topics:\n");
        for topic in &topics {
            let _ = writeln!(text, "    {topic:?}: {{ partitions: 3, replicationFactor: 1 }}");
        }
        let [lines, words, counts] = topics;
        let _ = write!(
            text,
            "  statefulEntities:\n  \
             - {{ name: split, function: {}, inputTopic: {lines}, outputTopic: {words} }}\n  \
             - {{ name: count, function: {}, inputTopic: {words}, outputTopic: {counts} }}\n",
            split.display(),
            count.display(),
        );
        self.write("topology.yaml", &text);
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(built::invoker().unwrap());
        command.args(words).current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("INVOKER_CACHE", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"));
        command
    }

    pub(crate) fn invoker(&self, words: &[&str]) -> Ended {
        ended(&self.command(words).output().unwrap())
    }
}

pub(crate) fn ended(Output { status, stdout, stderr }: &Output) -> Ended {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

impl Ended {
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.err);
        self
    }

    /// The objects that were printed.
    pub(crate) fn objects(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[track_caller]
    pub(crate) fn failed(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, code, "{}", self.err);
        for text in texts {
            assert!(self.err.contains(text), "{text:?} is not in:\n{}", self.err);
        }
        assert!(!self.err.contains("stack backtrace") && !self.err.contains("panicked"), "{}", self.err);
    }
}

/// How often each word stands in a text.
pub(crate) fn counted(text: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    text.split_whitespace().for_each(|word| *counts.entry(word.to_owned()).or_default() += 1);
    counts
}

/// Every count of each word in order, from `word count` lines: each must be one more than the one before.
pub(crate) fn last_counts(lines: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for line in lines.lines() {
        let (word, count) = line.split_once(['\t', ' ']).unwrap();
        let last: &mut u64 = counts.entry(word.to_owned()).or_default();
        *last += 1;
        assert_eq!(count.parse(), Ok(*last), "{line}: lost or repeated");
    }
    counts
}

/// What a topic holds, committed records only: `key value` lines, in order within each key.
pub(crate) fn consume(kafka: &str, topic: &str) -> String {
    let words = ["-C", "-b", kafka, "-t", topic, "-o", "beginning", "-e", "-q", "-f", "%k %s\\n"];
    let output = Command::new("kcat").args(words).args(["-X", "isolation.level=read_committed"]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{topic}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Writes lines to a partition.
pub(crate) fn produce(kafka: &str, topic: &str, partition: u32, lines: &str) {
    let partition = partition.to_string();
    let mut kcat = Command::new("kcat")
        .args(["-P", "-b", kafka, "-t", topic, "-p", &partition, "-X", "acks=all"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    kcat.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    assert!(kcat.wait().unwrap().success());
}

pub(crate) fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < BOUND, "waited {BOUND:?} in vain for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
