//! Running other programs: what they print, how long they may take, and how a failure reads.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Runs a program whose output the user sees.
pub(crate) fn shown(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("run {}", line(command)))?;
    if !status.success() {
        bail!("{} failed ({status})", line(command));
    }
    Ok(())
}

/// Runs a program and keeps its output for the case that it fails. Returns what it wrote to standard output.
pub(crate) fn quiet(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("run {}", line(command)))?;
    finished(command, &output)
}

/// As [`quiet`], ended when it takes longer than `bound`.
pub(crate) fn quiet_within(command: &mut Command, bound: Duration) -> Result<String> {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("run {}", line(command)))?;
    while child.try_wait()?.is_none() {
        if started.elapsed() > bound {
            stop(&mut child);
            bail!("{} did not end within {} s", line(command), bound.as_secs());
        }
        thread::sleep(Duration::from_millis(50));
    }
    let output = child.wait_with_output()?;
    finished(command, &output)
}

/// Runs a program and passes each line of its standard output to `each`. Standard error is shown as it comes.
pub(crate) fn lines(command: &mut Command, mut each: impl FnMut(&str)) -> Result<()> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("run {}", line(command)))?;
    let output = child.stdout.take().context("read what the program prints")?;
    let mut reader = BufReader::new(output);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes)? > 0 {
        each(String::from_utf8_lossy(&bytes).trim_end_matches(['\r', '\n']));
        bytes.clear();
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{} failed ({status})", line(command));
    }
    Ok(())
}

/// The first line that a program prints about its version, if it is there and works.
pub(crate) fn version(program: &str) -> Option<String> {
    first_line(program, "--version")
}

/// The first line that a program prints when given `argument`, if it is there and works.
pub(crate) fn first_line(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).lines().next()?.trim().to_owned();
    output.status.success().then_some(text)
}

/// The command as a user would type it.
pub(crate) fn line(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let name = program.rsplit('/').next().unwrap_or(&program).to_owned();
    let words = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(name).chain(words).collect::<Vec<_>>().join(" ")
}

fn finished(command: &Command, output: &Output) -> Result<String> {
    if !output.status.success() {
        let text = [output.stdout.as_slice(), output.stderr.as_slice()].map(String::from_utf8_lossy).concat();
        bail!("{} failed ({})\n{}", line(command), output.status, text.trim_end());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn stop(child: &mut Child) {
    // It may have ended by itself in the meantime; either way it is reaped.
    drop(child.kill());
    drop(child.wait());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_failure_shows_what_the_program_printed() {
        let error = quiet(&mut shell("echo told; echo why >&2; exit 3")).expect_err("it exits with 3");
        let text = error.to_string();
        assert!(text.contains("told\nwhy") && text.contains("exit status: 3"), "{text}");
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        let started = Instant::now();
        let error = quiet_within(&mut shell("exec sleep 60"), Duration::from_millis(1)).expect_err("bounded");
        assert!(error.to_string().contains("did not end within"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn lines_are_passed_on_as_they_are_even_without_utf8() {
        let mut seen = Vec::new();
        lines(&mut shell(r"printf 'one\n\377two\nthree'"), |line| seen.push(line.to_owned())).expect("runs");
        assert_eq!(seen, ["one", "\u{fffd}two", "three"]);
    }

    #[test]
    fn a_command_reads_as_typed() {
        assert_eq!(line(Command::new("/usr/bin/npm").args(["ci", "--omit=dev"])), "npm ci --omit=dev");
    }
}
