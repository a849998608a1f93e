//! The live table: one line per entity, what inputs and outputs do, and partitions in trouble.

use std::time::Duration;

use invoker_host::PartitionState;

use super::numbers::{bytes, count, count_known, rate, seconds};
use super::rates::Rates;
use super::{super::feed::InputState, Snapshot};

const HEAD: [&str; 8] = ["entity", "in/s", "out/s", "in", "out", "lag", "keys", "rejects"];
/// Partitions in trouble that are shown.
const TROUBLES: usize = 8;

pub(super) fn lines(snapshot: &Snapshot, rates: &Rates, elapsed: Duration) -> Vec<String> {
    let mut lines = aligned(&rows(snapshot, rates));
    for input in &snapshot.inputs {
        let doing = match &input.state {
            InputState::Reading => "reading",
            InputState::HeldBack => "held back until entities catch up",
            InputState::Waiting => "waiting for more",
            InputState::Ended => "at its end",
            InputState::CutShort => "ended",
            InputState::Failed(_) => "failed",
        };
        let (topic, place, records) = (&input.topic, &input.place, count(input.records));
        lines.push(format!("input  {topic} ← {place}: {records} records, {}, {doing}", bytes(input.bytes)));
    }
    for output in &snapshot.outputs {
        lines.push(format!("output {} → {}: {} records", output.topic, output.place, count(output.records)));
    }
    lines.extend(troubles(snapshot));
    lines.push(format!("running for {}; Ctrl-C ends", seconds(elapsed)));
    lines
}

fn rows(snapshot: &Snapshot, rates: &Rates) -> Vec<[String; 8]> {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(snapshot.status.entities.iter().map(|entity| {
        let now = rates.of(&entity.id);
        [
            entity.id.clone(),
            rate(now.records_in),
            rate(now.records_out),
            count(entity.records_in),
            count(entity.records_out),
            count_known(entity.lag),
            count(entity.cached_keys),
            count(entity.rejected),
        ]
    }));
    rows
}

/// The first column to the left, the others to the right.
fn aligned(rows: &[[String; 8]]) -> Vec<String> {
    let widths: Vec<usize> = (0..HEAD.len())
        .map(|column| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max())
        .map(Option::unwrap_or_default)
        .collect();
    let line = |row: &[String; 8]| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ")
    };
    rows.iter().map(line).collect()
}

fn troubles(snapshot: &Snapshot) -> Vec<String> {
    let entities = snapshot.status.entities.iter();
    let all = entities.flat_map(|entity| entity.partitions.iter().map(move |p| (&entity.id, p)));
    let troubles: Vec<_> = all
        .filter_map(|(entity, at)| match &at.state {
            PartitionState::Retrying { offset, attempt, error } => {
                Some(format!("{entity}[{}] tries offset {offset} again ({attempt}): {error}", at.partition))
            }
            state => state.ended().map(|why| format!("{entity}[{}] stopped: {why}", at.partition)),
        })
        .collect();
    let more = troubles.len().saturating_sub(TROUBLES);
    let more = (more > 0).then(|| format!("and {more} more"));
    troubles.into_iter().take(TROUBLES).chain(more).collect()
}

#[cfg(test)]
mod tests {
    use invoker_host::{EntityStatus, HostStatus, PartitionStatus};

    use super::*;

    #[test]
    fn columns_line_up_and_troubles_are_named() {
        let stopped = PartitionState::Stopped { error: "state lost".to_owned() };
        let partition = PartitionStatus { partition: 3, committed: vec![7], lag: None, state: stopped };
        let known = EntityStatus { lag: Some(5), records_in: 1234, ..EntityStatus::default() };
        let entity = EntityStatus { id: "split".to_owned(), ..known };
        let other =
            EntityStatus { id: "c".to_owned(), partitions: vec![partition], ..EntityStatus::default() };
        let status = HostStatus { entities: vec![entity, other] };
        let snapshot = Snapshot { status, ..Snapshot::default() };
        let lines = lines(&snapshot, &Rates::new(std::time::Instant::now()), Duration::from_secs(3));
        assert_eq!(
            lines,
            [
                "entity  in/s  out/s     in  out      lag  keys  rejects",
                "split      0      0  1,234    0        5     0        0",
                "c          0      0      0    0  unknown     0        0",
                "c[3] stopped: state lost",
                "running for 3.0 s; Ctrl-C ends",
            ]
        );
    }
}
