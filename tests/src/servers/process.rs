//! One server as a process: started, killed, frozen, started again on the same data, and ended with the test.
//!
//! Knows nothing of what the server speaks; `kafka.rs` and `redis.rs` do.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a server may take to answer. Generous: many tests may share two cores.
const START_BOUND: Duration = Duration::from_secs(90);
const STOP_BOUND: Duration = Duration::from_secs(30);
/// Lines of a server's log that a failure shows.
const SHOWN_LINES: usize = 40;

/// Ends the server and removes its folder when this process is gone, whatever ended it: then its standard input
/// ends. A signal on a parent's death would not do, as the parent is the thread that started the server.
const GUARD: &str = r#"cat >/dev/null; kill -9 "$1" 2>/dev/null; rm -rf "$2""#;

/// A server with a folder of its own. Everything it says goes to a file there.
#[derive(Debug)]
pub struct Server {
    name: String,
    program: PathBuf,
    arguments: Vec<String>,
    folder: TempDir,
    running: Mutex<Option<Running>>,
}

/// Until it is reaped, its number is nobody else's.
#[derive(Debug)]
struct Running {
    child: Child,
    guard: Child,
}

impl Server {
    /// Not started yet. `name` is what errors call it.
    pub(super) fn new(name: String, program: PathBuf, arguments: Vec<String>, folder: TempDir) -> Self {
        Self { name, program, arguments, folder, running: Mutex::new(None) }
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the server has said, over all its runs.
    pub fn log(&self) -> PathBuf {
        self.folder().join("log")
    }

    /// Starts it and waits until `answers`.
    pub(super) fn start(&self, answers: impl FnMut() -> Result<bool>) -> Result<()> {
        self.launch()?;
        self.wait_until("to answer", START_BOUND, answers)
    }

    /// Starts it without waiting for anything.
    pub(super) fn launch(&self) -> Result<()> {
        let mut running = self.running();
        ensure!(running.is_none(), "{} is running already", self.name);
        let output = File::options().create(true).append(true).open(self.log()).context("open a log")?;
        // A group of its own: an interrupt typed at the terminal is for the test, whose end ends the server.
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .current_dir(self.folder())
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("open a log")?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| {
                format!("run '{}', which `cargo xtask provision` installs", self.program.display())
            })?;
        let guard = Command::new("sh")
            .args(["-c", GUARD, "sh", &child.id().to_string()])
            .arg(self.folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match guard {
            Ok(guard) => *running = Some(Running { child, guard }),
            Err(error) => {
                drop(child.kill());
                drop(child.wait());
                return Err(error).context("run 'sh'");
            }
        }
        Ok(())
    }

    /// Waits on a condition of a running server; fails at once when the server ends, and shows its log.
    pub(super) fn wait_until(
        &self,
        what: &str,
        bound: Duration,
        mut condition: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        let started = Instant::now();
        loop {
            if condition()? {
                return Ok(());
            }
            if let Some(running) = self.running().as_mut()
                && let Some(status) = running.child.try_wait().context("look after a server")?
            {
                bail!("{} ended by itself ({status})\n{}", self.name, self.tail());
            }
            if started.elapsed() > bound {
                bail!("{} took more than {bound:?} {what}\n{}", self.name, self.tail());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// As `kill -9`. Nothing happens to one that is down.
    pub fn kill(&self) -> Result<()> {
        self.end(Signal::KILL)
    }

    /// Asks it to end in an orderly way, and waits until it has. Nothing happens to one that is down.
    pub fn stop(&self) -> Result<()> {
        self.end(Signal::TERM)
    }

    /// SIGSTOP: it keeps its connections and answers nothing.
    pub fn freeze(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// SIGCONT: it goes on as if no time had passed.
    pub fn thaw(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// The number of its process while it runs.
    pub fn process(&self) -> Option<u32> {
        self.running().as_ref().map(|running| running.child.id())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let mut running = self.running();
        let running = running.as_mut().with_context(|| format!("{} is not running", self.name))?;
        let ended = running.child.try_wait().context("look after a server")?;
        ensure!(ended.is_none(), "{} ended by itself\n{}", self.name, self.tail());
        send(&running.child, signal).with_context(|| format!("send a signal to {}", self.name))
    }

    fn end(&self, signal: Signal) -> Result<()> {
        let Some(mut running) = self.running().take() else { return Ok(()) };
        // Before the server is reaped: afterwards its number may be another's.
        drop(running.guard.kill());
        drop(running.guard.wait());
        if running.child.try_wait().context("look after a server")?.is_none() {
            send(&running.child, signal).with_context(|| format!("end {}", self.name))?;
            // A frozen one hears only of its death.
            send(&running.child, Signal::CONT).with_context(|| format!("end {}", self.name))?;
        }
        let started = Instant::now();
        while running.child.try_wait().context("wait for a server to end")?.is_none() {
            if started.elapsed() > STOP_BOUND {
                drop(running.child.kill());
                drop(running.child.wait());
                bail!("{} did not stop within {STOP_BOUND:?} and was killed\n{}", self.name, self.tail());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The last lines of its log.
    pub(super) fn tail(&self) -> String {
        let text = fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        let shown = lines.get(lines.len().saturating_sub(SHOWN_LINES)..).unwrap_or_default();
        format!("--- the end of the log of {}\n{}\n---", self.name, shown.join("\n"))
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    #[expect(clippy::print_stderr, reason = "shown by the test harness beside the failure of the test")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.tail());
        }
        drop(self.kill());
    }
}

fn send(child: &Child, signal: Signal) -> Result<()> {
    let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("name a process")?;
    kill_process(process, signal).context("send a signal")
}
