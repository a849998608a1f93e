//! How long a host that was killed is missed. The suite makes sure that nothing is lost by it and prints the times; with
//! `INVOKER_KEYS=1000000` they are those of docs/performance.md.

use std::time::{Duration, Instant};

use invoker_tests::servers;

use crate::feed::{Feed, write_all};
use crate::pipeline::Pipeline;
use crate::tail::Tail;
use crate::truth::Truth;

const ROUNDS: usize = 5;
/// By then what was committed before the kill has come, and nothing of the next host has.
const LATE: Duration = Duration::from_millis(50);

#[test]
fn a_host_that_is_killed_is_missed_for_a_moment() {
    let keys: u64 = std::env::var("INVOKER_KEYS").map_or(20_000, |text| text.parse().unwrap());
    let pipeline = Pipeline::new("recovery", &servers::kafka().unwrap(), &servers::redis().unwrap(), 6);
    let records: String = (0..keys).map(|number| format!("key-{number}:{number}\n")).collect();
    write_all(&pipeline.kafka, &pipeline.topic("in"), &records);
    let mut host = pipeline.start();
    let output = Tail::of(&pipeline, "out");
    output.reaches(keys as usize);
    let feed = Feed::start(&pipeline.kafka, &pipeline.topic("in"), 2_000, |number| number.to_string());
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        output.grows_by(2_000);
        host.kill();
        let began = Instant::now();
        host.start();
        std::thread::sleep(LATE.saturating_sub(began.elapsed()));
        output.grows_by(1);
        times.push(began.elapsed());
    }
    feed.finish();
    Truth::settle(&pipeline, [&mut host]);
    times.sort();
    println!(
        "{keys} keys in each of two entities, 6 partitions: kill -9 to the next committed output {times:?}"
    );
}
