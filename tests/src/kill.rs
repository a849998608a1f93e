//! Exactly once on disk: `invoker run --data` is killed at random moments and started again, while its input grows.
//! At the end the output file, the output topic, the state and the dead letters must equal a reference that is
//! computed here, apart from the platform.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::built;

/// What is run and how often it is killed.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub kills: u32,
    pub seed: u64,
    /// Longest time a run is let alone, milliseconds.
    pub longest_ms: u64,
    /// Most lines added to the input before each run.
    pub lines: u32,
}

/// What was seen; everything was equal.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    pub lines: u64,
    pub words: u64,
    pub keys: usize,
    pub dead_letters: usize,
    /// Kills that met a run at work; the others came after it had ended.
    pub killed_at_work: u32,
}

/// What the reference says.
#[derive(Default)]
struct Reference {
    lines: u64,
    counts: BTreeMap<String, u64>,
    dead: BTreeMap<String, u64>,
}

const TOPOLOGY: &str = r#"
apiVersion: invoker.io/v1alpha1
kind: InvokerDeployment
metadata: { name: kill }
spec:
  topics:
    lines: { partitions: 3 }
    words: { partitions: 4 }
    counts: { partitions: 4 }
  statefulEntities:
    - name: split
      function: SPLIT
      inputTopic: lines
      outputTopic: words
      parallelism: 2
    - name: ledger
      function: LEDGER
      inputTopic: words
      outputTopic: counts
      parallelism: 2
      retry: { attempts: 3, backoff: 1ms }
"#;

impl Scenario {
    /// Runs it in `dir`, which is left as it is for whoever wants to look.
    pub fn run(&self, dir: &Path) -> Result<Outcome> {
        let mut rng = SmallRng::seed_from_u64(self.seed);
        let topology = TOPOLOGY
            .replace("SPLIT", &built::guest("wordcount_split")?.display().to_string())
            .replace("LEDGER", &built::guest("ledger")?.display().to_string());
        std::fs::write(dir.join("topology.yaml"), topology).context("write the topology")?;
        let mut input = OpenOptions::new().create(true).append(true).open(dir.join("lines.txt"))?;
        let mut reference = Reference::default();
        let mut killed_at_work = 0;
        for _ in 0..self.kills {
            let lines = rng.random_range(0..=self.lines);
            reference.add_lines(&mut input, &mut rng, lines)?;
            let mut run = start(dir)?;
            std::thread::sleep(Duration::from_millis(rng.random_range(0..=self.longest_ms)));
            match run.try_wait().context("ask whether the run has ended")? {
                None => killed_at_work += 1,
                Some(status) => ensure!(status.success(), "a run failed by itself: {status}\n{}", tail(dir)),
            }
            drop(run.kill());
            run.wait().context("wait for the killed run")?;
        }
        let status = start(dir)?.wait().context("wait for the last run")?;
        ensure!(status.success(), "the last run failed: {status}\n{}", tail(dir));
        reference.check(dir)?;
        Ok(Outcome {
            lines: reference.lines,
            words: reference.counts.values().sum(),
            keys: reference.counts.len(),
            dead_letters: reference.dead.values().sum::<u64>() as usize,
            killed_at_work,
        })
    }
}

impl Reference {
    /// Adds random lines to the input, and what they must lead to.
    fn add_lines(&mut self, input: &mut File, rng: &mut SmallRng, lines: u32) -> Result<()> {
        let mut text = String::new();
        for _ in 0..lines {
            self.lines += 1;
            for _ in 0..rng.random_range(1..8) {
                let word = match rng.random_range(0..4000) {
                    0 => format!("panic{}", rng.random_range(0..9)),
                    1..4 => format!("reject{}", rng.random_range(0..9)),
                    4..7 => format!("flaky{}", rng.random_range(0..9)),
                    // Some words come often, most do not.
                    _ => format!("w{}", rng.random_range(0..2000) * rng.random_range(0..2000) / 1000),
                };
                let fails = word.starts_with("panic") || word.starts_with("reject");
                *if fails { &mut self.dead } else { &mut self.counts }.entry(word.clone()).or_default() += 1;
                write!(text, "{word} ")?;
            }
            text.push('\n');
        }
        input.write_all(text.as_bytes()).context("write the input")
    }

    fn check(&self, dir: &Path) -> Result<()> {
        let file = std::fs::read_to_string(dir.join("counts.jsonl")).context("read the output file")?;
        self.check_counts("the output file", &file)?;
        let topic = ask(dir, &["tail", "counts", "--output-format", "json"])?;
        self.check_counts("the output topic", &topic)?;
        self.check_state(&ask(dir, &["state", "scan", "ledger", "count", "--output-format", "json"])?)?;
        self.check_dead(&ask(dir, &["dlq", "list", "--output-format", "json"])?)
    }

    /// Each key goes through 1, 2, … n, in order: nothing missing, nothing twice.
    fn check_counts(&self, place: &str, lines: &str) -> Result<()> {
        let mut last: BTreeMap<String, u64> = BTreeMap::new();
        for line in lines.lines() {
            let record: Value = serde_json::from_str(line).with_context(|| format!("{place}: {line:?}"))?;
            let key = text(&record, "key")?;
            let count: u64 = text(&record, "value")?.parse()?;
            let before = last.insert(key.clone(), count).unwrap_or(0);
            ensure!(count == before + 1, "{place}: {key:?} goes from {before} to {count}");
        }
        same(place, &self.counts, &last)
    }

    fn check_state(&self, lines: &str) -> Result<()> {
        let mut state = BTreeMap::new();
        for line in lines.lines() {
            let item: Value = serde_json::from_str(line)?;
            state.insert(text(&item, "key")?, text(&item, "value")?.parse()?);
        }
        same("the state", &self.counts, &state)
    }

    fn check_dead(&self, lines: &str) -> Result<()> {
        let mut dead: BTreeMap<String, u64> = BTreeMap::new();
        for line in lines.lines() {
            let letter: Value = serde_json::from_str(line)?;
            let record = letter.get("record").with_context(|| format!("no record in {letter}"))?;
            *dead.entry(text(record, "key")?).or_default() += 1;
        }
        same("the dead letters", &self.dead, &dead)
    }
}

fn text(object: &Value, field: &str) -> Result<String> {
    object
        .get(field)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .with_context(|| format!("no {field:?} in {object}"))
}

fn same(place: &str, wanted: &BTreeMap<String, u64>, found: &BTreeMap<String, u64>) -> Result<()> {
    for (key, count) in wanted {
        let there = found.get(key).copied().unwrap_or(0);
        ensure!(there == *count, "{place}: {key:?} stands at {there}, not {count}");
    }
    match found.keys().find(|key| !wanted.contains_key(*key)) {
        Some(extra) => bail!("{place}: {extra:?} should not be there"),
        None => Ok(()),
    }
}

fn start(dir: &Path) -> Result<Child> {
    let log = File::create(log_file(dir)).context("make the log file")?;
    Command::new(built::invoker()?)
        .current_dir(dir)
        .args(["run", "topology.yaml", "--input", "lines=lines.txt", "--output", "counts=counts.jsonl"])
        .args(["--data", "data"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .context("start invoker run")
}

fn ask(dir: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(built::invoker()?)
        .current_dir(dir)
        .args(arguments)
        .args(["--data", "data"])
        .output()
        .with_context(|| format!("run invoker {arguments:?}"))?;
    ensure!(
        output.status.success(),
        "invoker {arguments:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).context("read what invoker printed")
}

fn log_file(dir: &Path) -> PathBuf {
    dir.join("run.log")
}

/// The end of what the last run said.
fn tail(dir: &Path) -> String {
    let log = std::fs::read_to_string(log_file(dir)).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
}
