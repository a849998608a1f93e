//! What a run shows while it goes on: a live table on a terminal, plain lines or JSON lines otherwise.
//! Everything goes to standard error; standard output belongs to records.

mod numbers;
mod rates;
mod screen;
mod table;

use std::time::{Duration, Instant};

use invoker_host::PartitionState;
use serde_json::{Value, json};

pub use screen::Screen;

use self::numbers::{bytes, count, count_known, rate, seconds};
use self::rates::Rates;
use super::snapshot::Snapshot;
use crate::args::Format;

/// How often the table is drawn.
const TABLE_INTERVAL: Duration = Duration::from_millis(250);
/// How often a line is printed where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Shows a run.
#[derive(Debug)]
pub struct Display {
    screen: Screen,
    format: Format,
    interval: Duration,
    shown: Instant,
    rates: Rates,
    told_stopped: usize,
}

impl Display {
    /// `live` = there is a terminal to draw a table on.
    pub fn new(screen: Screen, format: Format, live: bool) -> Self {
        let interval = if live { TABLE_INTERVAL } else { LINE_INTERVAL };
        screen.set_live(live);
        let now = Instant::now();
        Self { screen, format, interval, shown: now, rates: Rates::new(now), told_stopped: 0 }
    }

    /// Says something: to people as a line, to scripts as an object of this `event`.
    pub fn say(&self, event: &str, text: &str, mut details: Value) {
        match self.format {
            Format::Text => self.screen.line(text),
            Format::Json => {
                if let Some(object) = details.as_object_mut() {
                    object.insert("event".to_owned(), event.into());
                }
                self.screen.line(&details.to_string());
            }
        }
    }

    /// Shows how the run stands, if it is time to.
    pub fn tick(&mut self, snapshot: impl FnOnce() -> Snapshot, started: Instant) {
        if self.shown.elapsed() < self.interval {
            return;
        }
        self.shown = Instant::now();
        let snapshot = snapshot();
        self.rates.add(self.shown, &snapshot);
        self.tell_stopped(&snapshot);
        match self.format {
            Format::Json => self.say("progress", "", snapshot.to_json(started.elapsed())),
            Format::Text if self.screen.is_live() => {
                self.screen.table(&table::lines(&snapshot, &self.rates, started.elapsed()));
            }
            Format::Text => self.screen.line(&self.progress_line(&snapshot)),
        }
    }

    /// Partitions that stopped since the last time, for scripts. People see the host's own line of it.
    fn tell_stopped(&mut self, snapshot: &Snapshot) {
        let stopped: Vec<_> = super::snapshot::stopped(&snapshot.status).collect();
        let news = stopped.iter().skip(self.told_stopped).filter(|_| self.format == Format::Json);
        for (entity, partition, error) in news {
            self.say("stopped", "", json!({"entity": entity, "partition": partition, "error": error}));
        }
        self.told_stopped = stopped.len();
    }

    fn progress_line(&self, snapshot: &Snapshot) -> String {
        let entities = snapshot.status.entities.iter().map(|entity| {
            let now = self.rates.of(&entity.id);
            let retrying =
                entity.partitions.iter().any(|p| matches!(p.state, PartitionState::Retrying { .. }));
            format!(
                "{} {} in ({}/s) {} out ({}/s) lag {}{}{}",
                entity.id,
                count(entity.records_in),
                rate(now.records_in),
                count(entity.records_out),
                rate(now.records_out),
                count_known(entity.lag),
                if entity.rejected > 0 {
                    format!(" rejected {}", count(entity.rejected))
                } else {
                    String::new()
                },
                if retrying { " (retrying)" } else { "" },
            )
        });
        entities.collect::<Vec<_>>().join(" · ")
    }

    /// The end: totals, and rates over the whole run.
    pub fn finish(&mut self, snapshot: &Snapshot, elapsed: Duration, ended: &str) {
        self.screen.set_live(false);
        self.tell_stopped(snapshot);
        if self.format == Format::Json {
            let mut summary = snapshot.to_json(elapsed);
            if let Some(object) = summary.as_object_mut() {
                object.insert("ended".to_owned(), ended.into());
            }
            self.say("summary", "", summary);
            return;
        }
        for line in summary(snapshot, elapsed, ended) {
            self.screen.line(&line);
        }
    }
}

fn summary(snapshot: &Snapshot, elapsed: Duration, ended: &str) -> Vec<String> {
    let mut lines = vec![format!("{ended} after {}", seconds(elapsed))];
    let per_second = |records: u64| rate(records as f64 / elapsed.as_secs_f64().max(0.001));
    for input in &snapshot.inputs {
        lines.push(format!(
            "  input  {} ← {}: {} records, {} ({}/s)",
            input.topic,
            input.place,
            count(input.records),
            bytes(input.bytes),
            per_second(input.records)
        ));
    }
    for entity in &snapshot.status.entities {
        let mut extras = String::new();
        for (name, number) in [
            ("rejected", entity.rejected),
            ("dead letters", entity.dead_letters),
            ("skipped", entity.skipped),
            ("out of range", entity.out_of_range),
            ("retries", entity.retries),
            ("stalls", entity.stalls),
        ] {
            if number > 0 {
                extras.push_str(&format!(", {name} {}", count(number)));
            }
        }
        if entity.lag != Some(0) {
            extras.push_str(&format!(", lag {}", count_known(entity.lag)));
        }
        lines.push(format!(
            "  entity {}: {} in ({}/s), {} out ({}/s), {} commits{extras}",
            entity.id,
            count(entity.records_in),
            per_second(entity.records_in),
            count(entity.records_out),
            per_second(entity.records_out),
            count(entity.commits)
        ));
    }
    for output in &snapshot.outputs {
        lines.push(format!(
            "  output {} → {}: {} records",
            output.topic,
            output.place,
            count(output.records)
        ));
    }
    lines
}
