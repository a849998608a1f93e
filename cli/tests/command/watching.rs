//! `invoker run --watch`: what is saved takes the place of what runs.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::invocation::{Folder, guest};
use crate::projects::environment;

/// Longer than anything here takes; what does not come until then does not come.
const PATIENCE: Duration = Duration::from_secs(240);
/// So many lines without key go to one partition before the next gets some.
const RUN: u64 = 128;

/// A run that watches, and everything that it prints.
struct Watching {
    child: Child,
    input: Option<ChildStdin>,
    out: Receiver<String>,
    err: Receiver<String>,
    told: String,
}

impl Watching {
    fn start(folder: &Folder, place: &str) -> Self {
        let args = ["run", "topology.yaml", "--watch", "--input", "in=-", "--output", "out=-"];
        let mut command = folder.command(&args);
        environment(&mut command).current_dir(folder.path(place));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (lines(child.stdout.take().unwrap()), lines(child.stderr.take().unwrap()));
        let input = child.stdin.take();
        Self { child, input, out, err, told: String::new() }
    }

    fn send(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    #[track_caller]
    fn answer(&mut self) -> String {
        let answer = self.out.recv_timeout(PATIENCE);
        answer.unwrap_or_else(|_| panic!("no answer; it said {}{:?}", self.told, self.rest()))
    }

    /// Waits until it says this; returns the whole line.
    #[track_caller]
    fn wait_for(&mut self, text: &str) -> String {
        loop {
            let line = self.err.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("{text:?} is not in {}", self.told));
            self.told.push_str(&line);
            self.told.push('\n');
            if line.contains(text) {
                return line;
            }
        }
    }

    fn rest(&self) -> Vec<String> {
        self.err.try_iter().collect()
    }

    /// Ends the run as a user does; returns what it had not printed before.
    #[track_caller]
    fn end(mut self) -> (Vec<String>, String) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let status = self.child.wait().unwrap();
        self.told.extend(self.err.iter().map(|line| line + "\n"));
        assert!(status.success() && self.told.contains("drained after"), "{status}: {}", self.told);
        (self.out.iter().collect(), self.told)
    }
}

/// Lines as they come.
fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let lines = BufReader::new(from).lines().map_while(Result::ok);
        lines.map(|line| tell.send(line)).take_while(Result::is_ok).count()
    });
    told
}

/// One entity that runs `f.wasm`.
fn topology(settings: &str) -> String {
    format!(
        "apiVersion: invoker.io/v1alpha1\nkind: InvokerDeployment\nmetadata: {{ name: one }}\nspec:\n  \
         topics: {{ in: {{ partitions: 2 }}, out: {{ partitions: 1 }} }}\n  statefulEntities:\n    \
         - {{ name: only, function: ./f.wasm, inputTopic: in, outputTopic: out{settings} }}\n"
    )
}

/// Puts a component in the place of the last one, as builds do.
fn save(folder: &Folder, component: &Path) {
    std::fs::copy(component, folder.path("new.wasm")).unwrap();
    std::fs::rename(folder.path("new.wasm"), folder.path("f.wasm")).unwrap();
}

/// One partition of `out` keeps their order. `raw_map` makes the last ten letters large, `wordcount_split` leaves a line of one word as it is.
fn line(number: u64) -> String {
    format!("{number:010}xxxxxxxxxxyyyyyyyyyy")
}

#[test]
fn every_record_is_answered_once_by_the_old_code_or_then_by_the_new() {
    let folder = Folder::new();
    folder.write("topology.yaml", topology(""));
    save(&folder, &guest("raw_map"));
    let mut run = Watching::start(&folder, "");
    run.wait_for("watching ./f.wasm, topology.yaml");
    let (mut sent, mut answers) = (0, Vec::new());
    // So many are on their way at any time; `enough` are answered by the new code before it ends.
    let (ahead, enough) = (2000, 3000);
    let is_new = |answer: &String| answer.ends_with('y');
    let mut saved = false;
    while answers.iter().filter(|answer| is_new(answer)).count() < enough {
        while sent < answers.len() as u64 + ahead {
            run.send(&line(sent));
            sent += 1;
        }
        answers.push(run.answer());
        answers.extend(run.out.try_iter());
        if !saved && answers.len() > enough {
            save(&folder, &guest("wordcount_split"));
            saved = true;
        }
    }
    let swapped = run.wait_for("swapped only in");
    assert!(swapped.starts_with("loaded in ") && swapped.ends_with('s'), "{swapped}");
    drop(run.input.take());
    while (answers.len() as u64) < sent {
        answers.push(run.answer());
    }
    let (more, told) = run.end();
    assert_eq!((more.len(), told.matches("swapped").count()), (0, 1), "{told}");
    let mut partitions = [Vec::new(), Vec::new()];
    for answer in &answers {
        let number: u64 = answer[..10].parse().unwrap();
        assert_eq!(answer.to_lowercase(), line(number));
        partitions[(number / RUN % 2) as usize].push((number, is_new(answer)));
    }
    for (partition, answers) in (0..).zip(&partitions) {
        let expected: Vec<u64> = (0..sent).filter(|number| number / RUN % 2 == partition).collect();
        let numbers: Vec<u64> = answers.iter().map(|(number, _)| *number).collect();
        assert!(numbers == expected, "lost, doubled or out of order in partition {partition}: {numbers:?}");
        assert!(answers.is_sorted_by_key(|(_, is_new)| *is_new) && !answers[0].1, "old after new");
    }
}

#[test]
fn what_does_not_compile_is_told_and_what_runs_goes_on() {
    let folder = Folder::new();
    folder.invoker(&["new", "watched-code"]).succeeded();
    let source = "watched-code/src/lib.rs";
    let good = folder.read(source);
    let mut run = Watching::start(&folder, "watched-code");
    run.wait_for("watching .");
    let ask = |run: &mut Watching, letters: u32| {
        run.send("two words");
        assert_eq!(run.answer(), format!(r#"{{"words":2,"letters":{letters}}}"#));
    };
    ask(&mut run, 8);
    folder.write(source, good.replace("record.text()?", "record.txet()?"));
    run.wait_for("no method named `txet`");
    run.wait_for("does not build");
    run.wait_for("note: what ran before runs on");
    ask(&mut run, 8);
    folder.write(source, good.replace("letter.is_alphabetic()", "*letter == 'w'"));
    let swapped = run.wait_for("swapped watched-code in");
    assert!(swapped.contains("built watched-code in") && swapped.contains("loaded in"), "{swapped}");
    ask(&mut run, 2);
    // Saved as it is: nothing to swap.
    folder.write(source, folder.read(source) + "\n// A comment.\n");
    run.wait_for("what runs is the same as before");
    ask(&mut run, 2);
    let (more, told) = run.end();
    assert_eq!((more.len(), told.matches("swapped").count()), (0, 1), "{told}");
}

#[test]
fn a_changed_topology_is_taken_up_and_a_wrong_one_refused() {
    let folder = Folder::new();
    folder.write("topology.yaml", topology(""));
    save(&folder, &guest("raw_map"));
    let mut run = Watching::start(&folder, "");
    run.wait_for("watching");
    folder.write("topology.yaml", topology(", limitz: {}"));
    run.wait_for("unknown field");
    run.wait_for("note: what ran before runs on");
    folder.write("topology.yaml", topology("").replace("name: one", "name: other"));
    run.wait_for("the topology cannot be taken up while it runs");
    run.wait_for("help: end this run and start it again");
    folder.write("topology.yaml", topology("").replace("partitions: 2", "partitions: 3"));
    run.wait_for("exists with 2 partitions, not 3");
    run.wait_for("note: what ran before runs on");
    run.send(&line(1));
    assert!(run.answer().ends_with('Y'));
    // A second entity, and another limit of the first.
    let two = topology(", limits: { batchRecords: 1 }")
        + "    - { name: second, function: ./f.wasm, inputTopic: in, outputTopic: out, startPosition: latest }\n";
    folder.write("topology.yaml", two);
    run.wait_for("swapped only, started second in");
    run.send(&line(2));
    let answers = [run.answer(), run.answer()];
    assert!(answers.iter().all(|answer| answer.to_lowercase() == line(2)), "{answers:?}");
    folder.write("topology.yaml", topology(", limits: { batchRecords: 1 }"));
    run.wait_for("ended second in");
    let (more, _) = run.end();
    assert_eq!(more, [""; 0]);
}

#[test]
fn a_partition_that_stopped_goes_on_with_code_that_is_mended() {
    let folder = Folder::new();
    folder.write("topology.yaml", topology(", onFailure: stop"));
    // It wants keys, which lines have none of; `raw_map` does not.
    save(&folder, &guest("ledger"));
    let mut run = Watching::start(&folder, "");
    run.wait_for("watching");
    run.send(&line(1));
    run.wait_for("stop");
    save(&folder, &guest("raw_map"));
    run.wait_for("swapped only in");
    assert_eq!(run.answer().to_lowercase(), line(1));
    let (more, _) = run.end();
    assert_eq!(more, [""; 0]);
}
