//! Records per second of the last moments.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::Snapshot;

/// The stretch of time that a rate is taken over.
const WINDOW: Duration = Duration::from_secs(2);

/// Counts of one entity.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rate {
    pub(super) records_in: f64,
    pub(super) records_out: f64,
}

#[derive(Clone, Debug)]
struct Sample {
    at: Instant,
    counts: BTreeMap<String, (u64, u64)>,
}

/// Samples of the last moments.
#[derive(Clone, Debug)]
pub(super) struct Rates {
    samples: VecDeque<Sample>,
}

impl Rates {
    /// Everything counts from 0 at `start`.
    pub(super) fn new(start: Instant) -> Self {
        Self { samples: VecDeque::from([Sample { at: start, counts: BTreeMap::new() }]) }
    }

    pub(super) fn add(&mut self, at: Instant, snapshot: &Snapshot) {
        let counts = snapshot.status.entities.iter();
        let counts =
            counts.map(|entity| (entity.id.clone(), (entity.records_in, entity.records_out))).collect();
        self.samples.push_back(Sample { at, counts });
        // One sample older than the window stays, so that there are two however rare samples are.
        while self.samples.get(1).is_some_and(|second| at.duration_since(second.at) >= WINDOW) {
            self.samples.pop_front();
        }
    }

    /// Records per second of this entity.
    pub(super) fn of(&self, entity: &str) -> Rate {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else {
            return Rate::default();
        };
        let time = last.at.duration_since(first.at).as_secs_f64();
        let of = |sample: &Sample| sample.counts.get(entity).copied().unwrap_or_default();
        let (from, to) = (of(first), of(last));
        if time <= 0.0 {
            return Rate::default();
        }
        let per_second = |from: u64, to: u64| to.saturating_sub(from) as f64 / time;
        Rate { records_in: per_second(from.0, to.0), records_out: per_second(from.1, to.1) }
    }
}

#[cfg(test)]
mod tests {
    use invoker_host::{EntityStatus, HostStatus};

    use super::*;

    #[test]
    fn a_rate_is_of_the_last_moments_only() {
        let start = Instant::now();
        let mut rates = Rates::new(start);
        assert_eq!(rates.of("split"), Rate::default());
        for (second, records_in) in [(1, 1000), (2, 2000), (3, 2000), (4, 2000), (5, 2000)] {
            let entity = EntityStatus { id: "split".to_owned(), records_in, ..EntityStatus::default() };
            let status = HostStatus { entities: vec![entity] };
            rates.add(start + Duration::from_secs(second), &Snapshot { status, ..Snapshot::default() });
            if second <= 2 {
                assert_eq!(rates.of("split").records_in, 1000.0);
            }
        }
        assert_eq!(rates.of("split").records_in, 0.0);
    }
}
