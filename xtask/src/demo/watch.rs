//! A program run to its end, with the time and memory that it took.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process;

/// The kernel keeps the peak, so looking seldom loses little.
const LOOK: Duration = Duration::from_millis(10);

/// What a program took.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) took: Duration,
    /// The most memory it held at once, in bytes, where the system tells.
    pub(super) peak_memory: Option<u64>,
}

pub(super) fn run(command: &mut Command) -> Result<Watched> {
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("run {}", process::line(command)))?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_memory = None;
    let status = loop {
        let status = fs::read_to_string(&status_file).unwrap_or_default();
        peak_memory = peak_memory.max(peak(&status));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        thread::sleep(LOOK);
    };
    let took = started.elapsed();
    ensure!(status.success(), "{} failed ({status})", process::line(command));
    Ok(Watched { took, peak_memory })
}

/// The peak of resident memory from the text of `/proc/PID/status`.
fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_bytes() {
        assert_eq!(peak("VmPeak:\t  9 kB\nVmHWM:\t    2048 kB\n"), Some(2 * 1024 * 1024));
        assert_eq!(peak("State:\tZ (zombie)\n"), None);
    }

    #[test]
    fn a_program_that_fails_is_an_error() {
        let error = run(&mut Command::new("false")).expect_err("it exits with 1");
        assert!(error.to_string().starts_with("false failed"), "{error}");
    }
}
