//! `invoker test`: runs a function against cases in the real engine and host.
//!
//! A case is run twice: batched as in production, and one record per call on a fresh instance each. Both must come out
//! alike, as nobody promises a function how its records are cut into calls.

mod align;
mod bench;
mod cases;
mod compare;
mod flow;
mod outcome;
mod profile;
mod recorder;
mod stored;
mod update;
mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use invoker_engine::{Function, LogLine, Profiler};
use serde_json::{Value, json};

use self::cases::{Case, CaseFile};
use self::compare::Difference;
use self::outcome::Outcome;
use self::recorder::Manner;
use crate::environment::Environment;
use crate::error::{Error, Exit, counted};
use crate::functions;
use crate::print::Printer;

/// Log lines of a case that are shown.
const LINES: usize = 20;

const HELP: &str = "\
Examples:
  invoker test
  invoker test --filter \"no key\" --update
  invoker test target/wasm32-wasip2/release/split.wasm --cases cases.yaml --bench

A file of cases is a list:
  - name: words are counted
    input:
      - { key: a, value: the quick fox }      # also: input, timestamp, headers, keyBase64, valueBase64
      - { value: { any: json } }              # what is no text stands for its JSON
    output:
      - { key: a, value: 3 }                  # also: output, timestamp, partition, headers
    rejects:
      - { record: 1, code: bad-text }         # also: message, a part of it
    state:
      total: { a: 3 }                         # afterwards, by state and key
A case may have `settings` and `now`, too.";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct TestArgs {
    /// A function project, or a .wasm file
    #[arg(default_value = ".")]
    pub function: PathBuf,
    /// A file of cases; by default cases.yaml, cases.json and all of the folder cases/ in the project
    #[arg(long, value_name = "FILE")]
    pub cases: Option<PathBuf>,
    /// Only cases whose name holds this
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Write what comes out into the file of cases
    #[arg(long)]
    pub update: bool,
    /// Measure the function with the records of the cases
    #[arg(long)]
    pub bench: bool,
    /// Run the records of the cases many times, show where the function spends its time, and write every stack to a
    /// file for Firefox's profiler
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true, default_missing_value = "profile.json")]
    #[arg(conflicts_with_all = ["bench", "update"])]
    pub profile: Option<PathBuf>,
}

/// Runs the cases of a project.
pub(crate) fn test(args: &TestArgs, environment: &Environment, printer: &mut Printer) -> Result<(), Error> {
    let path = std::path::absolute(&args.function).unwrap_or_else(|_| args.function.clone());
    let component = functions::locate(&path.to_string_lossy(), Path::new(""), environment)?;
    let folder = if args.function == Path::new(".") {
        PathBuf::new()
    } else if args.function.is_dir() {
        args.function.clone()
    } else {
        folder_of(&args.function)
    };
    let files = cases::files(&folder, args.cases.as_deref())?;
    let files = files.iter().map(|path| CaseFile::read(path)).collect::<Result<Vec<_>, _>>()?;
    let profiler = args.profile.as_ref().map(|_| Profiler::new());
    let engine = functions::engine_with(environment, profiler.clone())?;
    let function = functions::load(&engine, &component)?;
    if let Some(note) = functions::stale(&folder, &component) {
        printer.note(&note)?;
    }
    let chosen = |case: &Case| args.filter.as_ref().is_none_or(|filter| case.name.contains(filter));
    let all = || files.iter().flat_map(|file| &file.cases.value);
    let cases: Vec<&Case> = all().filter(|case| chosen(case)).collect();
    if cases.is_empty() {
        let names: Vec<_> = all().map(|case| format!("{:?}", case.name)).collect();
        let what = format!("no case has {:?} in its name", args.filter.as_deref().unwrap_or_default());
        return Err(Error::new(
            Exit::Usage,
            what,
            format!("there are {}", names.join(", ")),
            "change --filter",
        ));
    }
    if args.bench {
        return bench::bench(&function, &cases, printer);
    }
    if let (Some(file), Some(profiler)) = (&args.profile, &profiler) {
        return profile::profile(&function, &cases, profiler, file, printer);
    }
    let mut tally = Tally::default();
    for file in &files {
        let outcomes = run_file(file, &function, &chosen, args.update, &mut tally, printer)?;
        if !outcomes.is_empty() {
            write(file, &outcomes)?;
        }
    }
    tally.end(printer)
}

fn folder_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// How many cases came out how.
#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    updated: usize,
}

impl Tally {
    fn end(&self, printer: &mut Printer) -> Result<(), Error> {
        let all = counted(self.passed + self.failed + self.updated, "case");
        printer.item(
            || match self.updated {
                0 => format!("{all}: {} passed, {} failed", self.passed, self.failed),
                n => format!("{all}: {} passed, {} failed, {n} updated", self.passed, self.failed),
            },
            || json!({"passed": self.passed, "failed": self.failed, "updated": self.updated}),
        )?;
        if self.failed == 0 {
            return Ok(());
        }
        let what = format!("{} came out otherwise", counted(self.failed, "case"));
        let help =
            "mend the function or the cases; `invoker test --update` writes what came out into the file";
        Err(Error::new(Exit::Case, what, "", help))
    }
}

/// Runs the chosen cases of a file; with `update` returns what to write for those that came out otherwise.
fn run_file(
    file: &CaseFile,
    function: &Function,
    chosen: &impl Fn(&Case) -> bool,
    update: bool,
    tally: &mut Tally,
    printer: &mut Printer,
) -> Result<BTreeMap<usize, Case>, Error> {
    let mut outcomes = BTreeMap::new();
    for (at, case) in file.cases.value.iter().enumerate().filter(|(_, case)| chosen(case)) {
        let verdict = verdict(function, case).map_err(|mut error| {
            if let Some(problem) = error.problems.first_mut() {
                problem.what = format!("case {:?} ({}): {}", case.name, file.place(at), problem.what);
            }
            error
        })?;
        if verdict.passed() {
            tally.passed += 1;
        } else if update && verdict.dependence.is_none() {
            tally.updated += 1;
            outcomes.insert(at, expectations(case, &verdict.outcome, function));
        } else {
            tally.failed += 1;
        }
        let updated = outcomes.contains_key(&at);
        printer
            .item(|| verdict.text(case, &file.place(at), updated), || verdict.json(case, &file.place(at)))?;
    }
    Ok(outcomes)
}

/// What a case would say if it were written after what came out.
fn expectations(case: &Case, outcome: &Outcome, function: &Function) -> Case {
    let description = function.description();
    let mut written = compare::expected_of(outcome, description);
    let observed = outcome.sent.iter().map(|sent| compare::observed(sent, description));
    written.output = observed.map(|sent| compare::like(&case.output, sent)).collect();
    written.state.retain(|_, keys| !keys.is_empty());
    written
}

fn write(file: &CaseFile, outcomes: &BTreeMap<usize, Case>) -> Result<(), Error> {
    let text = update::updated(file, outcomes)?;
    std::fs::write(&file.path, text).map_err(|error| {
        let what = format!("cannot write cases {:?}", file.path.display().to_string());
        Error::new(Exit::File, what, error, "check the file and the disk it is on")
    })
}

/// What came of a case.
struct Verdict {
    outcome: Outcome,
    differences: Vec<Difference>,
    /// What comes out otherwise one by one, and why that may be.
    dependence: Option<(&'static str, Vec<Difference>)>,
}

fn verdict(function: &Function, case: &Case) -> Result<Verdict, Error> {
    let description = function.description();
    // One clock for all runs: they may differ in nothing else.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as i64);
    let manner = |fresh| Manner { fresh, now: Some(now), time_only: false };
    let outcome = outcome::run(function, case, None, manner(false))?;
    let differences = compare::compare(case, &outcome, description);
    let alone = outcome::run(function, case, Some(1), manner(true))?;
    let otherwise = compare::between(&outcome, &alone, description);
    let dependence = if otherwise.is_empty() {
        None
    } else {
        let kept = outcome::run(function, case, Some(1), manner(false))?;
        let remembers = compare::between(&outcome, &kept, description).is_empty();
        Some((if remembers { REMEMBERS } else { BATCH }, otherwise))
    };
    Ok(Verdict { outcome, differences, dependence })
}

const REMEMBERS: &str = "it remembers something from call to call that is not state, and instances come and go: keep it in a state";
const BATCH: &str =
    "it depends on which records share a call, which nobody promises: let each record stand for itself";

impl Verdict {
    fn passed(&self) -> bool {
        self.differences.is_empty() && self.dependence.is_none()
    }

    fn text(&self, case: &Case, place: &str, updated: bool) -> String {
        if self.passed() {
            return format!("ok    {}", case.name);
        }
        if updated {
            return format!("new   {} ({place})", case.name);
        }
        let mut lines = vec![format!("FAIL  {} ({place})", case.name)];
        for difference in &self.differences {
            lines.push(format!("  {}: - is expected, + came out", difference.part));
            lines.extend(difference.lines.iter().map(|line| format!("    {line}")));
        }
        if let Some((why, differences)) = &self.dependence {
            lines.push("  one record per call, it comes out otherwise".to_owned());
            lines.push(format!("  why: {why}"));
            for difference in differences {
                lines.push(format!("  {}: - all at once, + one by one", difference.part));
                lines.extend(difference.lines.iter().map(|line| format!("    {line}")));
            }
        }
        let from = self.outcome.lines.len().saturating_sub(LINES);
        for line in self.outcome.lines.get(from..).unwrap_or_default() {
            lines.push(format!("  log: {}", shown(line)));
        }
        lines.join("\n")
    }

    fn json(&self, case: &Case, place: &str) -> Value {
        let differences = |differences: &[Difference]| -> Vec<Value> {
            differences.iter().map(|d| json!({"part": d.part, "lines": d.lines})).collect()
        };
        json!({
            "case": case.name,
            "at": place,
            "passed": self.passed(),
            "differences": differences(&self.differences),
            "oneByOne": self.dependence.as_ref().map(|(why, found)| json!({"why": why, "differences": differences(found)})),
            "log": self.outcome.lines.iter().map(shown).collect::<Vec<_>>(),
        })
    }
}

fn shown(line: &LogLine) -> String {
    let record = line.record.map(|record| format!(" (record {record} of its call)")).unwrap_or_default();
    format!("{} {}{record}", format!("{:?}", line.level).to_lowercase(), line.message)
}
