//! One contender: a process that works through what lies in a topic, watched from outside the same way for all.
//!
//! The clock runs from the moment a fifth of the input is done, so that starting, compiling and joining a group do not count,
//! to the moment all of it is committed. Processor time is the kernel's account of the process.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::place::{Place, Progress};

/// Share of the input that is done when the clock starts.
const WARM: f64 = 0.2;
const LOOK: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(240);

/// Who, and how it is seen to advance.
pub(super) struct Contender {
    pub(super) command: Command,
    /// Group and topic of each stage, the input first.
    pub(super) stages: Vec<(String, String)>,
    /// Topics that are counted at the end, and removed.
    pub(super) output: String,
}

/// What was seen of it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Records of the input per second.
    pub(super) rate: f64,
    /// Microseconds of processor time per record of the input: its own, the broker's, the Redis'.
    pub(super) cpu: f64,
    pub(super) kafka: f64,
    pub(super) redis: f64,
    /// Most memory that it ever held, MiB.
    pub(super) memory: f64,
    /// Records of the output.
    pub(super) output: u64,
}

impl Contender {
    /// Runs it to the end of its input.
    pub(super) fn run(mut self, place: &Place) -> Result<Seen> {
        let log = place.folder.path().join("contender.log");
        let process = self
            .command
            .stdin(Stdio::null())
            .stdout(File::create(&log)?)
            .stderr(File::options().append(true).open(&log)?)
            .spawn()
            .with_context(|| format!("start {:?}", self.command.get_program()))?;
        let mut process = Running(process);
        let seen = self.watch(place, &mut process).with_context(|| {
            let text = fs::read_to_string(&log).unwrap_or_default();
            let from = text.len().saturating_sub(3000);
            format!("{:?}\n{}", self.command, text.get(from..).unwrap_or_default())
        })?;
        drop(process);
        let output = place.count(&self.output)?;
        place.remove_topics(&[&self.output])?;
        Ok(Seen { output, ..seen })
    }

    fn watch(&self, place: &Place, process: &mut Running) -> Result<Seen> {
        let began = Instant::now();
        let mut stages: Vec<_> = self.stages.iter().map(|_| None).collect();
        let total: i64 = place.ends(&self.stages.first().context("a stage")?.1)?.iter().sum();
        let mut start = None;
        loop {
            ensure!(began.elapsed() < PATIENCE, "it did not get through its input within {PATIENCE:?}");
            if let Some(status) = process.0.try_wait()? {
                bail!("it ended by itself: {status}");
            }
            let mut all = true;
            for (at, (stage, (group, topic))) in stages.iter_mut().zip(&self.stages).enumerate() {
                // A topic between two stages may be made by the contender.
                if stage.is_none() {
                    *stage = Progress::of(place, group, topic).ok();
                }
                let (done, is_all) = stage.as_ref().map_or(Ok((0, false)), Progress::done)?;
                if at == 0 && start.is_none() && done as f64 >= total as f64 * WARM {
                    start = Some((done, Instant::now(), Cpu::now(place, process)?));
                }
                all &= is_all;
                if !all {
                    break;
                }
            }
            if all && self.ends_hold(place, &mut stages)? {
                let (done, at, before) = start.context("it was done before it was seen to begin")?;
                let (records, seconds) = ((total as u64 - done) as f64, at.elapsed().as_secs_f64());
                let cpu = Cpu::now(place, process)?;
                let per = |now: f64, before: f64| (now - before) * 1e6 / records;
                return Ok(Seen {
                    rate: records / seconds,
                    cpu: per(cpu.own, before.own),
                    kafka: per(cpu.kafka, before.kafka),
                    redis: per(cpu.redis, before.redis),
                    memory: memory(process.0.id())?,
                    output: 0,
                });
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Whether nothing was added to the topics between stages meanwhile.
    fn ends_hold(&self, place: &Place, stages: &mut [Option<Progress>]) -> Result<bool> {
        for stage in stages.iter_mut().skip(1).flatten() {
            stage.look_again(place)?;
            if !stage.done()?.1 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A process that is ended with the bench.
pub(super) struct Running(pub(super) Child);

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Seconds of processor time.
struct Cpu {
    own: f64,
    kafka: f64,
    redis: f64,
}

impl Cpu {
    fn now(place: &Place, process: &Running) -> Result<Self> {
        let brokers = place.kafka.brokers().iter().filter_map(|broker| broker.server().process());
        Ok(Self {
            own: cpu(process.0.id())?,
            kafka: brokers.map(cpu).sum::<Result<f64>>()?,
            redis: place.redis.server().process().map_or(Ok(0.0), cpu)?,
        })
    }
}

/// Seconds of processor time that the kernel has accounted to a process, in hundredths.
fn cpu(process: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, in parentheses, may hold anything.
    let fields = text.rsplit_once(')').map(|(_, fields)| fields).unwrap_or_default();
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || fields.next().and_then(|field| field.parse::<f64>().ok());
    ticks().zip(ticks()).map(|(user, system)| (user + system) / 100.0).context("read /proc/…/stat")
}

/// Most memory that a process ever held, MiB.
fn memory(process: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib / 1024.0)
}
