//! Rows of figures with their goals, as a table and as JSON.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::Serialize;

/// The figures of one bench.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) name: &'static str,
    pub(crate) rows: Vec<Row>,
}

/// One figure.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// The bound it is held against: at most, or at least where `more` is set.
    pub(crate) goal: Option<f64>,
    pub(crate) more: bool,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { what: what.into(), value, unit, goal: None, more: false }
    }

    pub(crate) fn at_most(self, goal: f64) -> Self {
        Self { goal: Some(goal), ..self }
    }

    pub(crate) fn at_least(self, goal: f64) -> Self {
        Self { goal: Some(goal), more: true, ..self }
    }

    fn verdict(&self) -> String {
        match self.goal {
            None => String::new(),
            Some(goal) => {
                let met = if self.more { self.value >= goal } else { self.value <= goal };
                let sign = if self.more { '≥' } else { '≤' };
                format!("goal {sign} {goal}: {}", if met { "met" } else { "missed" })
            }
        }
    }
}

impl Report {
    #[expect(clippy::print_stdout, reason = "it is what a bench is for")]
    pub(crate) fn print(&self) {
        println!("\n{}", self.name);
        for row in &self.rows {
            println!("  {:<58} {:>12.2} {:<12} {}", row.what, row.value, row.unit, row.verdict());
        }
    }

    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(format!("{}.json", self.name));
        let text = serde_json::to_string_pretty(self)?;
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))
    }
}

/// The middle value.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Time of one call of `work`, over as many calls as take 30 ms.
pub(crate) fn time(work: &mut dyn FnMut()) -> Duration {
    let began = Instant::now();
    let mut calls = 0u32;
    while began.elapsed() < Duration::from_millis(30) {
        for _ in 0..8 {
            work();
        }
        calls += 8;
    }
    began.elapsed() / calls
}

/// Median time per call of each contender in nanoseconds, taken in turn for `rounds` rounds after a warm-up.
pub(crate) fn interleaved(contenders: &mut [Box<dyn FnMut() + '_>], rounds: usize) -> Vec<f64> {
    contenders.iter_mut().for_each(|contender| {
        time(contender);
    });
    let mut times = vec![Vec::new(); contenders.len()];
    for _ in 0..rounds {
        for (contender, times) in contenders.iter_mut().zip(&mut times) {
            times.push(time(contender).as_secs_f64() * 1e9);
        }
    }
    times.iter_mut().map(|times| median(times)).collect()
}
