//! What an instance costs in memory: a thousand of them, initialised and fed one empty batch each.

use std::path::Path;

use anyhow::{Context, Result};
use invoker_core::records::Column;
use invoker_engine::{Engine, EngineOptions, InputBatch, InstanceOptions, NoState};
use std::time::Duration;

use crate::report::{Report, Row};

const COUNT: usize = 1000;

pub(crate) fn run(guests: &Path) -> Result<Report> {
    let mut rows = Vec::new();
    for guest in ["raw_map", "wordcount_split"] {
        let path = guests.join(format!("{guest}.wasm"));
        let bytes = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        let engine = Engine::new(EngineOptions::default())?;
        let function = engine.load(&bytes)?;
        let before = resident()?;
        let mut instances = Vec::with_capacity(COUNT);
        for _ in 0..COUNT {
            let mut instance = function.instantiate(&InstanceOptions::default())?;
            instance.process(&empty(&Column::default()), Box::new(NoState), Duration::from_secs(5)).0?;
            instances.push(instance);
        }
        let each = (resident()?.saturating_sub(before)) as f64 / COUNT as f64 / 1024.0;
        rows.push(
            Row::new(format!("memory of one instance of {guest}, of {COUNT}"), each, "KiB").at_most(50.0),
        );
    }
    Ok(Report { name: "instances", rows })
}

fn empty(nothing: &Column) -> InputBatch<'_> {
    InputBatch {
        input: 0,
        partition: 0,
        first_offset: 0,
        offset_deltas: &[],
        event_times: &[],
        watermark: None,
        now: 0,
        attempt: 0,
        keys: nothing,
        key_of: &[],
        values: nothing,
        headers: None,
        states: &[],
    }
}

/// Resident memory of this process, bytes.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("read the memory of this process")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("find VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).context("read VmRSS")?.parse()?;
    Ok(kib * 1024)
}
