//! `--profile`: the records of the cases, many times over, and where in its code the function was meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use fxprof_processed_profile as fxprof;
use fxprof_processed_profile::{CpuDelta, FrameFlags, FrameInfo, Profile, SamplingInterval, Timestamp};
use invoker_engine::{Frame, Function, Profiler, Sample};
use serde_json::{Value, json};

use super::bench::{Load, by_settings, end};
use super::cases::Case;
use super::recorder::Manner;
use super::world::World;
use crate::error::{Error, Exit, counted};
use crate::print::Printer;

/// Samples that are enough, and how long they are waited for.
const SAMPLES: usize = 2_000;
const PATIENCE: Duration = Duration::from_secs(10);
/// A round that takes less is followed by a longer one.
const ROUND: Duration = Duration::from_millis(500);
/// Functions that are shown, and the least share of one.
const SHOWN: usize = 15;
const LEAST: f64 = 0.01;

const NAMELESS: &str = "the component carries no names: a Rust project gets them by `strip = \"none\"` and \
    `debug = \"line-tables-only\"` under [profile.release]";

/// Runs the cases under `profiler`, writes all samples to `file`, and prints the functions that took most.
pub(super) fn profile(
    function: &Function,
    cases: &[&Case],
    profiler: &Profiler,
    file: &Path,
    printer: &mut Printer,
) -> Result<(), Error> {
    let groups = by_settings(cases);
    for (at, cases) in (1..).zip(groups.values()) {
        let load = Load::of(function, cases)?;
        let (began, enough) = (Instant::now(), SAMPLES * at / groups.len());
        let mut times = 1;
        while profiler.count() < enough && began.elapsed() < PATIENCE / groups.len() as u32 {
            let round = Instant::now();
            let manner = Manner { time_only: true, ..Manner::default() };
            let mut world = World::new(function, &load.settings, None, None, manner)?;
            load.feed(&mut world, times)?;
            let host = world.start()?;
            world.drain(&host)?;
            end(host)?;
            if round.elapsed() < ROUND {
                times = (times * 4).min(load.most);
            }
        }
    }
    let samples = profiler.take();
    if samples.is_empty() {
        let what = "no sample of the function was taken";
        let why = format!("it was hardly ever running within {} s", PATIENCE.as_secs());
        return Err(Error::new(Exit::Case, what, why, "give the cases more records, or larger ones"));
    }
    write(&samples, file)?;
    let spent = by_function(&samples);
    printer.item(|| text(&samples, &spent, file), || as_json(&samples, &spent, file))
}

/// Samples in which a function was.
#[derive(Debug, Default)]
struct Spent {
    /// It was the innermost.
    own: usize,
    /// It was anywhere in the stack.
    total: usize,
    /// Where it was in most of its own samples, or of the others if it has none.
    places: BTreeMap<(String, u32), usize>,
}

impl Spent {
    fn place(&self) -> Option<String> {
        let ((file, line), _) = self.places.iter().max_by_key(|(_, samples)| **samples)?;
        Some(format!("{file}:{line}"))
    }
}

/// By function, that which took most first.
fn by_function(samples: &[Sample]) -> Vec<(String, Spent)> {
    let mut functions: BTreeMap<&str, Spent> = BTreeMap::new();
    for sample in samples {
        let mut seen = BTreeSet::new();
        for (depth, frame) in sample.stack.iter().enumerate() {
            let spent = functions.entry(&frame.function).or_default();
            let inner = depth == 0;
            spent.own += usize::from(inner);
            if seen.insert(&frame.function) {
                spent.total += 1;
                if let Some(place) = place(frame) {
                    // The lines of its own samples outweigh all others.
                    *spent.places.entry(place).or_default() += if inner { samples.len() } else { 1 };
                }
            }
        }
    }
    let mut functions: Vec<_> = functions.into_iter().map(|(name, spent)| (name.to_owned(), spent)).collect();
    functions.sort_by_key(|(_, spent)| std::cmp::Reverse((spent.own, spent.total)));
    functions
}

fn place(frame: &Frame) -> Option<(String, u32)> {
    Some((shortened(frame.file.as_ref()?).to_owned(), frame.line?))
}

/// A path without the folders that every machine has under another name: cargo's registry, the home of the standard
/// library.
fn shortened(path: &str) -> &str {
    let after = |mark: &str| Some(path.split_once(mark)?.1.split_once('/')?.1);
    after("/registry/src/").or_else(|| after("/rustc/")).unwrap_or(path)
}

fn text(samples: &[Sample], spent: &[(String, Spent)], file: &Path) -> String {
    let share = |part: usize| 100.0 * part as f64 / samples.len() as f64;
    let shown = |(name, spent): &(String, Spent)| {
        let place = spent.place().map(|place| format!("  {place}")).unwrap_or_default();
        format!("{:>5.0} % {:>5.0} %  {name}{place}", share(spent.own), share(spent.total))
    };
    let mut lines = vec![
        format!("profile: {} of the function, one a millisecond", counted(samples.len(), "sample")),
        "   self   total  function".to_owned(),
    ];
    lines.extend(chosen(samples, spent).map(shown));
    if spent.iter().all(|(name, _)| name.starts_with("function ")) {
        lines.push(NAMELESS.to_owned());
    }
    lines.push(format!("every stack: {}, to be opened in https://profiler.firefox.com", file.display()));
    lines.join("\n")
}

fn chosen<'a>(
    samples: &[Sample],
    spent: &'a [(String, Spent)],
) -> impl Iterator<Item = &'a (String, Spent)> + use<'a> {
    let least = (LEAST * samples.len() as f64).ceil() as usize;
    spent.iter().take_while(move |(_, spent)| spent.own >= least).take(SHOWN)
}

fn as_json(samples: &[Sample], spent: &[(String, Spent)], file: &Path) -> Value {
    let share = |part: usize| part as f64 / samples.len() as f64;
    let functions = chosen(samples, spent).map(|(name, spent)| {
        json!({
            "function": name,
            "selfShare": share(spent.own),
            "totalShare": share(spent.total),
            "place": spent.place(),
        })
    });
    json!({
        "samples": samples.len(),
        "functions": functions.collect::<Vec<_>>(),
        "file": file.display().to_string(),
    })
}

/// In the format of Firefox's profiler, which shows stacks of any program.
fn write(samples: &[Sample], file: &Path) -> Result<(), Error> {
    let interval = Duration::from_millis(1);
    let begin = std::time::SystemTime::now();
    let mut profile = Profile::new("invoker test", begin.into(), SamplingInterval::from(interval));
    let time = |at: Duration| Timestamp::from_nanos_since_reference(at.as_nanos() as u64);
    let process = profile.add_process("invoker test", std::process::id(), time(Duration::ZERO));
    let thread = profile.add_thread(process, 1, time(Duration::ZERO), true);
    profile.set_thread_name(thread, "function");
    let category = profile.add_category("Function", fxprof::CategoryColor::Green);
    for sample in samples {
        let mut labels = Vec::new();
        for frame in sample.stack.iter().rev() {
            let place = place(frame).map(|(file, line)| format!(" ({file}:{line})")).unwrap_or_default();
            labels.push(profile.intern_string(&format!("{}{place}", frame.function)));
        }
        let frames = labels.into_iter().map(|label| FrameInfo {
            frame: fxprof::Frame::Label(label),
            category_pair: category.into(),
            flags: FrameFlags::empty(),
        });
        let stack = profile.intern_stack_frames(thread, frames);
        profile.add_sample(thread, time(sample.at), stack, CpuDelta::from(interval), 1);
    }
    let text =
        serde_json::to_vec(&profile).map_err(|error| Error::internal("cannot write a profile", error))?;
    std::fs::write(file, text).map_err(|error| {
        let what = format!("cannot write the profile {:?}", file.display().to_string());
        Error::new(Exit::File, what, error, "name another file with --profile=FILE")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, line: u32) -> Frame {
        Frame { function: function.to_owned(), file: Some("src/lib.rs".to_owned()), line: Some(line) }
    }

    fn sample(stack: &[(&str, u32)]) -> Sample {
        let stack = stack.iter().map(|(function, line)| frame(function, *line)).collect();
        Sample { at: Duration::ZERO, stack }
    }

    #[test]
    fn a_function_counts_once_per_sample_and_is_placed_where_it_works() {
        let samples = [
            sample(&[("inner", 3), ("outer", 9)]),
            sample(&[("inner", 4), ("outer", 9)]),
            sample(&[("inner", 4), ("inner", 7), ("inner", 7), ("outer", 9)]),
            sample(&[("outer", 8), ("outer", 9)]),
        ];
        let spent = by_function(&samples);
        let shown: Vec<_> = spent
            .iter()
            .map(|(name, spent)| (name.as_str(), spent.own, spent.total, spent.place().unwrap()))
            .collect();
        assert_eq!(
            shown,
            [("inner", 3, 3, "src/lib.rs:4".to_owned()), ("outer", 1, 4, "src/lib.rs:8".to_owned())]
        );
    }

    #[test]
    fn a_path_is_shown_from_the_crate_on() {
        assert_eq!(
            shortened("/h/.cargo/registry/src/index-1f/serde-1.0.0/src/de.rs"),
            "serde-1.0.0/src/de.rs"
        );
        assert_eq!(shortened("/rustc/59807616/library/core/src/str.rs"), "library/core/src/str.rs");
        assert_eq!(shortened("src/lib.rs"), "src/lib.rs");
    }
}
