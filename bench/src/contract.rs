//! What the component boundary costs: the same function in plain Rust, as a component on raw bindings, and through the
//! SDK; with and without the deadline clock. One batch of 1024 records, nanoseconds per record.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use invoker_core::records::Column;
use invoker_engine::{Engine, EngineOptions, InputBatch, Instance, InstanceOptions, NoState};

use crate::native::{self, Counts};
use crate::report::{Report, Row, interleaved};

pub(crate) const RECORDS: usize = 1024;
const BYTES: usize = 109;

/// One batch, as the lane would hand it over.
pub(crate) struct Batch {
    deltas: Vec<u32>,
    times: Vec<i64>,
    pub(crate) keys: Column,
    pub(crate) key_of: Vec<i32>,
    values: Column,
    pub(crate) states: Vec<Column>,
}

impl Batch {
    fn without_keys() -> Self {
        let value: Vec<u8> = (0..BYTES).map(|at| b'a' + (at % 26) as u8).collect();
        Self {
            deltas: (0..RECORDS as u32).collect(),
            times: vec![1_700_000_000_000; RECORDS],
            keys: (0..RECORDS).map(|_| None).collect(),
            key_of: vec![-1; RECORDS],
            values: (0..RECORDS).map(|_| Some(value.as_slice())).collect(),
            states: Vec::new(),
        }
    }

    /// Values only; the keys come with each call.
    pub(crate) fn with_keys() -> Self {
        let values = (0..RECORDS).map(|_| Some(&b"1"[..])).collect();
        Self { values, keys: Column::default(), key_of: Vec::new(), ..Self::without_keys() }
    }

    pub(crate) fn input(&self) -> InputBatch<'_> {
        InputBatch {
            input: 0,
            partition: 0,
            first_offset: 0,
            offset_deltas: &self.deltas,
            event_times: &self.times,
            watermark: None,
            now: 1_700_000_000_000,
            attempt: 0,
            keys: &self.keys,
            key_of: &self.key_of,
            values: &self.values,
            headers: None,
            states: &self.states,
        }
    }
}

pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// The engines of a run: with and without the deadline clock.
struct Engines {
    plain: Engine,
    epochs: Engine,
}

impl Engines {
    fn new() -> Result<Self> {
        let plain = Engine::new(EngineOptions { epochs: false, ..EngineOptions::default() })?;
        Ok(Self { plain, epochs: Engine::new(EngineOptions::default())? })
    }
}

fn instance(engine: &Engine, guests: &Path, guest: &str) -> Result<Instance> {
    let path = guests.join(format!("raw_{guest}.wasm"));
    let bytes = std::fs::read(&path)
        .with_context(|| format!("read {}: run `cargo xtask guests` first", path.display()))?;
    Ok(engine.load(&bytes)?.instantiate(&InstanceOptions::default())?)
}

pub(crate) fn run(guests: &Path, rounds: usize) -> Result<Report> {
    let engines = Engines::new()?;
    let mut rows = Vec::new();
    stateless(&engines, guests, rounds, "map", &mut rows)?;
    stateless(&engines, guests, rounds, "split8", &mut rows)?;
    for keys in [1_000, 100_000] {
        crate::stateful::count(&engines.plain, &engines.epochs, guests, rounds, keys, &mut rows)?;
    }
    Ok(Report { name: "contract", rows })
}

fn stateless(engines: &Engines, guests: &Path, rounds: usize, case: &str, rows: &mut Vec<Row>) -> Result<()> {
    let batch = Batch::without_keys();
    let (mut out, mut sources) = (Column::default(), Vec::new());
    let raw = instance(&engines.plain, guests, case)?;
    let clocked = instance(&engines.epochs, guests, case)?;
    let sdk = instance(&engines.epochs, guests, &format!("{case}_sdk"))?;
    let split = case == "split8";
    let native = || {
        if split {
            native::split8(black_box(&batch.values), &mut out, &mut sources);
        } else {
            native::map(black_box(&batch.values), &mut out);
        }
        black_box(&out);
    };
    let mut contenders: Vec<Box<dyn FnMut() + '_>> = vec![Box::new(native)];
    for mut instance in [raw, clocked, sdk] {
        let batch = &batch;
        contenders.push(Box::new(move || {
            let (result, _) = instance.process(&batch.input(), Box::new(NoState), DEADLINE);
            black_box(result.is_ok());
        }));
    }
    let times = interleaved(&mut contenders, rounds);
    add_rows(case, &times, Some([30.0, 50.0]), rows);
    Ok(())
}

/// Rows of native, raw, raw with deadlines, SDK with deadlines; goals over native, where there are some.
pub(crate) fn add_rows(case: &str, times: &[f64], goals: Option<[f64; 2]>, rows: &mut Vec<Row>) {
    let per = |at: usize| times.get(at).copied().unwrap_or(f64::NAN) / RECORDS as f64;
    let (native, raw, clocked, sdk) = (per(0), per(1), per(2), per(3));
    let row = |what: &str, value: f64| Row::new(format!("{case}: {what}"), value, "ns/record");
    let plain = row("component over plain, no deadlines", raw - native);
    let limited = row("component over plain", clocked - native);
    rows.push(row("plain Rust", native));
    rows.extend(match goals {
        Some([without, with]) => [plain.at_most(without), limited.at_most(with)],
        None => [plain, limited],
    });
    rows.push(row("SDK over raw bindings", sdk - clocked).at_most(15.0));
}

/// Plain Rust over the same records, for the stateful case.
pub(crate) fn count_natively<'a>(batch: &'a [Column], counts: &'a mut Counts) -> impl FnMut() + 'a {
    let mut out = Column::default();
    let mut at = 0;
    move || {
        if let Some(keys) = batch.get(at % batch.len().max(1)) {
            counts.count(black_box(keys), &mut out);
        }
        at += 1;
        black_box(&out);
    }
}
