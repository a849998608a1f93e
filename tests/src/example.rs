//! Runs an example of the project as its README says, in a folder of its own, and reads what came out.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::built;

/// An example: its topology, with the functions that the suite built.
#[derive(Debug)]
pub struct Example {
    source: PathBuf,
    dir: TempDir,
}

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub struct Took {
    pub time: Duration,
    /// The most memory at once, bytes; `None` where the system does not tell.
    pub memory: Option<u64>,
}

impl Example {
    /// The example in this folder; `functions` are the folders of its functions, and what was built of them.
    pub fn new(name: &str, functions: &[(&str, &str)]) -> Result<Self> {
        let source = built::root().join("examples").join(name);
        let mut topology =
            std::fs::read_to_string(source.join("topology.yaml")).context("read a topology")?;
        for (folder, guest) in functions {
            let line = format!("function: {folder}\n");
            ensure!(topology.contains(&line), "the topology of {name} does not name {folder}");
            topology = topology.replace(&line, &format!("function: {}\n", built::guest(guest)?.display()));
        }
        let example = Self { source, dir: tempfile::tempdir().context("make a folder")? };
        std::fs::write(example.path("topology.yaml"), topology).context("write the topology")?;
        Ok(example)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Has the example's generator write a file.
    pub fn generate(&self, into: &str, variables: &[(&str, &str)]) -> Result<()> {
        let mut awk = Command::new("awk");
        for (name, value) in variables {
            awk.args(["-v", &format!("{name}={value}")]);
        }
        awk.arg("-f").arg(self.source.join("generate.awk")).stdout(File::create(self.path(into))?);
        let status = awk.status().context("run awk")?;
        ensure!(status.success(), "the generator failed: {status}");
        Ok(())
    }

    /// Runs `invoker` in the folder; its standard output.
    pub fn invoker(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments)?.output().context("run invoker")?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "invoker {arguments:?}: {}\n{told}", output.status);
        String::from_utf8(output.stdout).context("read what invoker printed")
    }

    /// The same for a run whose time and memory matter.
    pub fn measured(&self, arguments: &[&str]) -> Result<Took> {
        let log = self.path("run.log");
        let started = Instant::now();
        let mut child = self
            .command(arguments)?
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()
            .context("start invoker")?;
        let place = format!("/proc/{}/status", child.id());
        let mut memory = None;
        let status = loop {
            // The kernel keeps the peak, so looking seldom loses little.
            memory = memory.max(peak(&std::fs::read_to_string(&place).unwrap_or_default()));
            if let Some(status) = child.try_wait()? {
                break status;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let took = Took { time: started.elapsed(), memory };
        let told = std::fs::read_to_string(&log).unwrap_or_default();
        ensure!(status.success(), "invoker {arguments:?}: {status}\n{told}");
        Ok(took)
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(built::invoker()?);
        command.current_dir(self.dir.path()).args(arguments).stdin(Stdio::null());
        Ok(command)
    }

    /// Types the commands of its README, and looks for what the README says they print; how many blocks were typed.
    pub fn follow_readme(&self) -> Result<usize> {
        let readme = std::fs::read_to_string(self.source.join("README.md")).context("read the README")?;
        std::fs::copy(self.source.join("generate.awk"), self.path("generate.awk"))
            .context("copy the generator")?;
        let bin = built::invoker()?.parent().map(PathBuf::from).unwrap_or_default();
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&paths)))?;
        let (mut typed, mut printed) = (0, String::new());
        let mut lines = readme.lines();
        while let Some(kind) = lines.by_ref().find_map(|line| line.strip_prefix("```")) {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            if kind == "sh" {
                let mut shell = Command::new("sh");
                shell.args(["-e", "-c", &block.join("\n")]).current_dir(self.dir.path()).env("PATH", &paths);
                let output = shell.stdin(Stdio::null()).output().context("run sh")?;
                let told = String::from_utf8_lossy(&output.stderr);
                ensure!(output.status.success(), "{block:?}: {}\n{told}", output.status);
                printed = String::from_utf8(output.stdout).context("read what was printed")?;
                typed += 1;
            } else {
                ensure!(!block.is_empty(), "what is printed is left out");
                for line in block {
                    ensure!(printed.lines().any(|found| found == line), "{line:?} is not in:\n{printed}");
                }
            }
        }
        Ok(typed)
    }

    /// The records of a file of JSON lines: key, and value read as JSON.
    pub fn records(&self, file: &str) -> Result<Vec<(String, Value)>> {
        let text = std::fs::read_to_string(self.path(file)).with_context(|| format!("read {file}"))?;
        text.lines().map(|line| record(line).with_context(|| format!("{file}: {line:?}"))).collect()
    }
}

/// A line of JSON: in what is generated the value stands as it is, in what comes out as text.
fn record(line: &str) -> Result<(String, Value)> {
    let mut whole: Value = serde_json::from_str(line)?;
    let key = whole.get("key").and_then(Value::as_str).context("it has no key")?.to_owned();
    let mut value = whole.get_mut("value").map(Value::take).context("it has no value")?;
    if let Value::String(text) = &value {
        value = serde_json::from_str(text)?;
    }
    if let (Value::Object(fields), Some(time)) = (&mut value, whole.get("timestamp")) {
        fields.entry("timestamp").or_insert(time.clone());
    }
    Ok((key, value))
}

/// The peak of resident memory from the text of `/proc/PID/status`.
fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
