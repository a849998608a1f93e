//! `invoker host` as a process.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use invoker_tests::built;
use rustix::process::{Pid, Signal, kill_process};

use crate::wait::wait;

/// A host with a configuration folder of its own; ended when it is dropped.
pub(crate) struct Host {
    folder: PathBuf,
    process: Option<Child>,
    generation: u32,
}

impl Host {
    /// Not started yet; its document is in `folder/config`, its log in `folder/log`.
    pub(crate) fn new(folder: PathBuf) -> Self {
        std::fs::create_dir_all(folder.join("config")).unwrap();
        Self { folder, process: None, generation: 0 }
    }

    /// Gives it a document of the next generation, without the line that says which.
    pub(crate) fn configure(&mut self, document: &str) {
        self.generation += 1;
        let file = self.folder.join("config/host.yaml");
        let new = file.with_extension("new");
        std::fs::write(&new, format!("generation: {}\n{document}", self.generation)).unwrap();
        // A whole file or none, as a cluster puts it there.
        std::fs::rename(new, file).unwrap();
    }

    /// The same, and waits until the running host has taken it up.
    pub(crate) fn reconfigure(&mut self, document: &str) {
        self.configure(document);
        let taken_up = format!("document taken up generation={} ", self.generation);
        self.says(&taken_up);
    }

    pub(crate) fn start(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let log = OpenOptions::new().create(true).append(true).open(self.log_file()).unwrap();
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
        let process = Command::new(built::invoker().unwrap())
            .args(["host", "--config", "config"])
            .current_dir(&self.folder)
            .env("INVOKER_CACHE", cache)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.process = Some(process.unwrap());
    }

    pub(crate) fn kill(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let ended = process.try_wait().unwrap();
        assert!(ended.is_none(), "it ended by itself: {ended:?}\n{}", self.log());
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// Ends it in order.
    pub(crate) fn end(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        self.signal_to(&process, Signal::TERM);
        let status = process.wait().unwrap();
        assert!(status.success(), "{status}\n{}", self.log());
    }

    /// What a shell sees when it ends by itself.
    pub(crate) fn ends_by_itself(&mut self) -> Option<i32> {
        self.process.take().unwrap().wait().unwrap().code()
    }

    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        self.signal_to(self.process.as_ref().unwrap(), signal);
    }

    fn signal_to(&self, process: &Child, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(process.id()).unwrap()).unwrap();
        assert!(kill_process(id, signal).is_ok(), "it ended by itself\n{}", self.log());
    }

    /// Waits until its log has this.
    #[track_caller]
    pub(crate) fn says(&mut self, text: &str) {
        wait(text, || {
            let ended = self.process.as_mut().and_then(|process| process.try_wait().unwrap());
            let log = self.log();
            if log.contains(text) {
                return None;
            }
            assert!(ended.is_none(), "ended without {text:?}:\n{log}");
            Some(log)
        });
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// What it says from now on is a log of its own.
    pub(crate) fn forget_log(&self) {
        File::options().write(true).truncate(true).open(self.log_file()).map(drop).unwrap_or_default();
    }

    fn log_file(&self) -> PathBuf {
        self.folder.join("log")
    }
}

impl Drop for Host {
    #[expect(clippy::print_stderr, reason = "shown by the test harness beside the failure of the test")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            let tail = lines.get(lines.len().saturating_sub(30)..).unwrap_or_default();
            eprintln!("--- the end of {}\n{}", self.log_file().display(), tail.join("\n"));
        }
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
    }
}
