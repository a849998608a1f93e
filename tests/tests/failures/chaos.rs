//! Hosts that are killed at random moments, with replacements, while partitions move and hosts freeze.

use std::time::Duration;

use invoker_tests::servers;
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::feed::Feed;
use crate::host::Host;
use crate::pipeline::Pipeline;
use crate::truth::Truth;

/// One deployment under chaos.
struct Shape {
    name: &'static str,
    partitions: u32,
    more: &'static str,
}

/// Those that a soak kills at once; the suite kills the first.
const SHAPES: [Shape; 3] = [
    Shape {
        name: "chaos",
        partitions: 4,
        more: "  lanes: 2\n  commitIntervalMs: 50\n  retry: { attempts: 3, backoffMs: 1 }\n",
    },
    Shape {
        name: "chaos-lone",
        partitions: 3,
        more: "  lanes: 1\n  commitIntervalMs: 100\n  limits: { stateCacheBytes: 4096 }\n",
    },
    Shape {
        name: "chaos-wide",
        partitions: 6,
        more: "  lanes: 6\n  commitIntervalMs: 10\n  limits: { batchRecords: 16 }\n",
    },
];

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// The suite kills 30 times; `cargo xtask soak --kills N` sets more.
#[test]
fn hosts_killed_at_random_lose_nothing_and_repeat_nothing() {
    let (kills, seed) = (number("INVOKER_KILLS", 30), number("INVOKER_SEED", 1));
    let shapes = if kills > 100 { SHAPES.as_slice() } else { &SHAPES[..1] };
    let each = kills.div_ceil(shapes.len() as u64);
    std::thread::scope(|scope| {
        for (shape, seed) in shapes.iter().zip(seed..) {
            scope.spawn(move || {
                // Long soaks go in parts: the whole output is compared after each.
                let mut left = each;
                let mut seed = seed;
                while left > 0 {
                    let kills = left.min(50);
                    run(shape, kills, seed);
                    left -= kills;
                    seed += SHAPES.len() as u64;
                }
            });
        }
    });
}

#[expect(clippy::print_stdout, reason = "what a soak has seen")]
fn run(shape: &Shape, kills: u64, seed: u64) {
    let mut rng = SmallRng::seed_from_u64(seed);
    let (kafka, redis) = (servers::kafka().unwrap(), servers::redis().unwrap());
    let mut pipeline = Pipeline::new(shape.name, &kafka, &redis, shape.partitions);
    shape.more.clone_into(&mut pipeline.more);
    let feed = Feed::start(&kafka, &pipeline.topic("in"), 2_000, |number| match number % 5_000 {
        1_234 => format!("panic {number}"),
        2_345 => format!("reject {number}"),
        3_456 => format!("flaky {number}"),
        _ => number.to_string(),
    });
    let mut hosts = [pipeline.host(), pipeline.host()];
    share(&pipeline, &mut hosts, 2);
    hosts.iter_mut().for_each(Host::start);
    let (mut killed, mut froze, mut moved) = (0, 0, 0);
    while killed < kills {
        std::thread::sleep(Duration::from_millis(rng.random_range(0..700)));
        let victim = rng.random_range(0..hosts.len());
        match rng.random_range(0..10) {
            0 => {
                share(&pipeline, &mut hosts, rng.random_range(0..=shape.partitions as usize));
                moved += 1;
            }
            1 => {
                let Some(host) = hosts.get(victim) else { continue };
                host.freeze();
                std::thread::sleep(Duration::from_millis(rng.random_range(0..1_000)));
                host.thaw();
                froze += 1;
            }
            _ => {
                if rng.random_bool(0.3) {
                    share(&pipeline, &mut hosts, rng.random_range(0..=shape.partitions as usize));
                }
                let Some(host) = hosts.get_mut(victim) else { continue };
                host.kill();
                host.start();
                killed += 1;
            }
        }
    }
    let written = feed.finish();
    Truth::settle(&pipeline, &mut hosts);
    println!("{}: {killed} kills, {froze} freezes, {moved} moves, {written} records: equal", shape.name);
}

/// The first host owns this many partitions, the other one the rest; neither waits for the other.
fn share(pipeline: &Pipeline, hosts: &mut [Host; 2], first: usize) {
    let all = pipeline.all();
    let (ones, others) = all.split_at(first);
    for (host, partitions) in hosts.iter_mut().zip([ones, others]) {
        host.configure(&pipeline.document(partitions));
    }
}
