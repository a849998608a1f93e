//! `cargo xtask demo`: word count over real text, as a user would run it, and a check of every count.
//!
//! The text is what every machine that just built this has: sources and documentation of the crates that the
//! `invoker` command is made of. It flows through two functions in six partitions, from a file to a file,
//! with nothing but the binary running; then the same words are counted in plain Rust.

mod text;
mod watch;
mod words;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;

use self::text::Text;
use self::watch::Watched;
use crate::project::Project;
use crate::provision::wasm;
use crate::{guests, process};

const TOPOLOGY: &str = "examples/wordcount/topology.yaml";
const TOP: usize = 10;

/// Options of the demo.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How many lines of text to count at most
    #[arg(long, value_name = "LINES", default_value_t = 1_000_000)]
    lines: usize,
}

pub(crate) fn run(project: &Project, options: &Options) -> Result<()> {
    let folder = project.root().join("target/demo");
    std::fs::create_dir_all(&folder)?;
    let invoker = build(project)?;
    let text = text::write(project, &folder.join("lines.txt"), options.lines)?;
    println!(
        "demo: counting the words of {} lines ({} MB) from {} crates",
        grouped(text.lines),
        text.bytes / 1_000_000,
        text.crates
    );
    let counts = folder.join("counts.txt");
    let watched = count(project, &invoker, &text, &counts)?;
    let found = words::read_counts(&counts)?;
    print_top(&found);
    print_rate(&text, &found, &watched);
    check(&text, &found)
}

/// The functions and the command, optimised; returns the command.
fn build(project: &Project) -> Result<PathBuf> {
    println!("demo: building the two functions and the command (the first time takes minutes)");
    let toolchain = wasm::provide(project)?.thing;
    let functions = ["wordcount-split", "wordcount-count"];
    guests::rust(project, &toolchain, &project.root().join("examples"), &functions)?;
    process::shown(project.cargo().args(["build", "--release", "--package", "invoker"]))?;
    Ok(project.target().join("release/invoker"))
}

/// Runs the topology from the text into `counts`, which holds every update of every count.
fn count(project: &Project, invoker: &Path, text: &Text, counts: &Path) -> Result<Watched> {
    if counts.exists() {
        std::fs::remove_file(counts).context("remove the counts of an earlier demo")?;
    }
    let mut command = Command::new(invoker);
    command
        .current_dir(project.root())
        // It names where the command itself was built, not the functions.
        .env_remove("CARGO_TARGET_DIR")
        .args(["run", TOPOLOGY, "--input", &format!("lines={}", short(project, &text.path))])
        .args(["--output", &format!("counts={}", short(project, counts)), "--output-records", "key-value"]);
    println!("demo: {}\n", process::line(&command));
    watch::run(&mut command)
}

/// A path as a user in the checkout types it.
fn short(project: &Project, path: &Path) -> String {
    path.strip_prefix(project.root()).unwrap_or(path).display().to_string()
}

fn print_top(found: &words::Counts) {
    println!("\n  {:>10}  word", "count");
    for (word, count) in words::top(found, TOP) {
        println!("  {:>10}  {}", grouped(count), String::from_utf8_lossy(word));
    }
}

fn print_rate(text: &Text, found: &words::Counts, watched: &Watched) {
    let total: u64 = found.values().sum();
    println!(
        "\ndemo: {} lines/s and {} words/s over {:.1} s from start to exit",
        grouped(per_second(text.lines, watched.took)),
        grouped(per_second(total, watched.took)),
        watched.took.as_secs_f64(),
    );
    match watched.peak_memory {
        Some(bytes) => println!("demo: {} MB of memory at most", bytes / 1_000_000),
        None => println!("demo: this system does not tell how much memory it took"),
    }
}

/// Counts the same words without Invoker, and compares.
fn check(text: &Text, found: &words::Counts) -> Result<()> {
    let expected = words::count(&text.path)?;
    let total: u64 = expected.values().sum();
    let differences = words::differences(&expected, found);
    for difference in differences.iter().take(TOP) {
        println!("  {difference}");
    }
    ensure!(
        differences.is_empty(),
        "{} of {} words are counted differently in plain Rust",
        grouped(differences.len() as u64),
        grouped(expected.len() as u64)
    );
    println!(
        "demo: counted again in plain Rust: all {} counts are equal ({} words)",
        grouped(expected.len() as u64),
        grouped(total)
    );
    Ok(())
}

fn per_second(count: u64, took: Duration) -> u64 {
    let microseconds = took.as_micros().max(1);
    u64::try_from(u128::from(count) * 1_000_000 / microseconds).unwrap_or(u64::MAX)
}

/// 1234567 as `1 234 567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_in_threes() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1 000", "1 234 567"]);
    }

    #[test]
    fn a_rate_counts_whole_seconds_and_parts() {
        assert_eq!(per_second(3_000, Duration::from_millis(1_500)), 2_000);
    }
}
