//! Records counted by key, exactly once with state in Redis: few keys, many, and many of which few are frequent.

use anyhow::Result;

use super::contender::Contender;
use super::host::{self, Entity};
use super::place::Place;
use super::stateless::PARTITIONS;
use super::{Setup, medians};
use crate::report::{Report, Row};

const MANY: u64 = 1_000_000;
/// Of all partitions of the lane: far too small for a million keys.
const CACHE: usize = 16 << 20;

#[derive(Clone, Copy)]
enum Keys {
    /// This many, each as often as the others.
    Even(u64),
    /// A million; the n-th most frequent comes with a frequency of 1/n.
    Zipf,
}

const CASES: [(&str, Keys); 3] =
    [("1 k keys", Keys::Even(1_000)), ("1 M keys", Keys::Even(MANY)), ("1 M keys, Zipf", Keys::Zipf)];

pub(super) fn run(place: &Place, setup: &Setup) -> Result<Report> {
    let mut rows = Vec::new();
    for (at, (name, keys)) in CASES.into_iter().enumerate() {
        let topic = format!("keyed{at}");
        place.make_topic(&topic, PARTITIONS as i32, &[])?;
        let mut random = 88_172_645_463_325_252u64;
        place.fill_keyed(&topic, setup.records, |_, key| {
            key.extend_from_slice(format!("key-{}", keys.draw(&mut random)).as_bytes());
        })?;
        let mut seen = Vec::new();
        for round in 0..setup.rounds {
            let id = format!("keyed{at}-{round}");
            let output = format!("{id}.out");
            place.make_topic(&output, PARTITIONS as i32, &[])?;
            let entity = Entity {
                id: "count",
                function: &setup.guests.join("raw_count_sdk.wasm"),
                input: &topic,
                output: &output,
                partitions: PARTITIONS,
                lanes: 1,
                more: &[format!("limits: {{ stateCacheBytes: {CACHE} }}")],
            };
            let command = host::command(place, &setup.invoker, &id, &[entity])?;
            let stages = vec![(format!("invoker.{id}.count"), topic.clone())];
            let found = Contender { command, stages, output }.run(place)?;
            super::progress("keyed count", name, &found);
            seen.push(found);
        }
        place.remove_topics(&[&topic])?;
        let found = medians(&seen);
        let what = |figure: &str| format!("{name}: {figure}");
        rows.push(Row::new(what("rate"), found.rate, "records/s"));
        rows.push(Row::new(what("own processor time"), found.cpu, "µs/record"));
        rows.push(Row::new(what("Redis' processor time"), found.redis, "µs/record"));
        rows.push(Row::new(what("broker's processor time"), found.kafka, "µs/record"));
        rows.push(Row::new(what("memory"), found.memory, "MiB"));
        rows.push(Row::new(what("output"), found.output as f64, "records"));
    }
    Ok(Report { name: "kafka-keyed", rows })
}

impl Keys {
    fn draw(self, random: &mut u64) -> u64 {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        match self {
            Self::Even(count) => *random % count,
            // The inverse of the distribution, for an exponent of 1.
            Self::Zipf => {
                let even = (*random >> 11) as f64 / (1u64 << 53) as f64;
                (MANY as f64).powf(even) as u64
            }
        }
    }
}
