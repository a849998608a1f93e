//! From the start of `invoker run` to its first committed record, with a warm code cache.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use crate::report::{Report, Row, median};

const TOPOLOGY: &str = "
apiVersion: invoker.io/v1alpha1
kind: InvokerDeployment
metadata: { name: start }
spec:
  statefulEntities:
    - { name: split, function: SPLIT, inputTopic: lines, outputTopic: words }
    - { name: count, function: COUNT, inputTopic: words, outputTopic: counts }
";

/// One line is fed; the run ends when what it led to is committed and written out, so its whole life is an upper bound
/// of the time to the first committed record.
pub(crate) fn run(guests: &Path, invoker: &Path, rounds: usize) -> Result<Report> {
    let dir = tempfile::tempdir()?;
    let guest = |name: &str| -> Result<String> {
        let path = guests.join(format!("{name}.wasm"));
        Ok(path.canonicalize().with_context(|| format!("find {}", path.display()))?.display().to_string())
    };
    let topology =
        TOPOLOGY.replace("SPLIT", &guest("wordcount_split")?).replace("COUNT", &guest("wordcount_count")?);
    std::fs::write(dir.path().join("topology.yaml"), topology)?;
    std::fs::write(dir.path().join("lines.txt"), "one line\n")?;
    let invoker = invoker.canonicalize().with_context(|| format!("find {}", invoker.display()))?;
    let mut rows = Vec::new();
    for (name, data) in [("in memory", false), ("with --data", true)] {
        let mut times = Vec::new();
        for round in 0..=rounds {
            let mut command = Command::new(&invoker);
            command.current_dir(dir.path()).args(["run", "topology.yaml"]);
            command.args(["--input", "lines=lines.txt", "--output", "counts=-"]);
            if data {
                command.arg("--data").arg(format!("data{round}"));
            }
            let began = Instant::now();
            let output = command.stderr(Stdio::piped()).output().context("run invoker")?;
            let took = began.elapsed().as_secs_f64() * 1e3;
            ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            ensure!(!output.stdout.is_empty(), "the run wrote nothing");
            // The first run compiles.
            if round > 0 {
                times.push(took);
            }
        }
        let what = format!("whole run of one line, {name}, warm code cache");
        rows.push(Row::new(what, median(&mut times), "ms").at_most(100.0));
    }
    Ok(Report { name: "start", rows })
}
