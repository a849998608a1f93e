//! The delivery protocol under everything that can go wrong: the real lane over a log and a store that lose, delay
//! and repeat, hosts that die, freeze and take from each other, in an order that a seed decides.
//!
//! `INVOKER_SIM_SEEDS=N` runs N seeds instead of the few of the suite.

mod controls;
mod log;
mod schedule;
mod state;
mod world;

use invoker_core::document::{Delivery, OnStateLoss};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use controls::{BROKEN, Control};
use schedule::{FAULTS, Fate};
use world::{Violation, Weather, World, random_run};

const STORM: Weather = Weather { fault: 25, change: 60, goes_back: false, steps: 500 };
/// Many changes of hosts, and few faults beside them.
const UNREST: Weather = Weather { fault: 100, change: 15, goes_back: false, steps: 500 };
/// Hosts die while they take over.
const HAIL: Weather = Weather { fault: 8, change: 30, goes_back: false, steps: 500 };
const ROLLBACK: Weather = Weather { goes_back: true, ..STORM };

/// Seeds to run: what the environment says, else `few`.
fn seeds(few: u64) -> std::ops::Range<u64> {
    let wanted = std::env::var("INVOKER_SIM_SEEDS").ok().and_then(|text| text.parse().ok());
    0..wanted.unwrap_or(few)
}

#[test]
fn exactly_once_survives_any_weather() {
    for seed in seeds(150) {
        for weather in [STORM, UNREST, HAIL, ROLLBACK] {
            if let Err(violation) = random_run(seed, Delivery::ExactlyOnce, Control::None, weather) {
                panic!("seed {seed}, {weather:?}: {violation}");
            }
        }
    }
}

#[test]
fn at_least_once_loses_nothing_in_any_weather() {
    for seed in seeds(50) {
        if let Err(violation) = random_run(seed, Delivery::AtLeastOnce, Control::None, STORM) {
            panic!("seed {seed}: {violation}");
        }
    }
}

/// One host works; at its exchange number `at` something happens; then a second one takes over.
fn takeover(at: usize, happens: impl FnOnce(&mut World, usize)) -> Result<bool, Violation> {
    let mut world = World::new(Delivery::ExactlyOnce, Control::None, 1);
    let host = world.start(&[0, 1]);
    let mut rng = SmallRng::seed_from_u64(at as u64);
    let mut reached = true;
    for step in 0..at {
        reached = !world.ready(step).is_empty();
        if reached {
            world.step(host, Fate::Fine);
        }
    }
    if reached {
        happens(&mut world, host);
    }
    let result = world.settle(at, &mut rng).and_then(|()| world.check());
    world.end();
    result.map(|()| reached)
}

/// Exchanges of one host until all records are worked off, and a good deal more.
const EXCHANGES: usize = 90;

#[test]
fn each_fault_at_each_exchange_is_survived() {
    for fate in FAULTS {
        for at in 0..EXCHANGES {
            let result = takeover(at, |world, host| {
                if world.ready(usize::MAX).iter().any(|(ready, _)| *ready == host) {
                    world.step(host, fate);
                }
            });
            assert_eq!(result, Ok(true), "{fate:?} at exchange {at}");
        }
    }
}

#[test]
fn a_host_frozen_at_any_exchange_wakes_too_late_to_do_harm() {
    for at in 0..EXCHANGES {
        let mut world = World::new(Delivery::ExactlyOnce, Control::None, 1);
        let host = world.start(&[0, 1]);
        let mut rng = SmallRng::seed_from_u64(at as u64);
        for _ in 0..at {
            world.step(host, Fate::Fine);
        }
        world.freeze(host, usize::MAX);
        let second = world.start(&[0, 1]);
        for step in 0..120 {
            if world.ready(step).iter().any(|(ready, _)| *ready == second) {
                world.step(second, Fate::Fine);
            }
        }
        world.feed(3);
        let result = world.settle(at, &mut rng).and_then(|()| world.check());
        world.end();
        assert_eq!(result, Ok(()), "frozen at exchange {at}");
    }
}

#[test]
fn a_partition_moves_at_any_exchange_without_a_fence() {
    for at in 5..EXCHANGES {
        let mut world = World::new(Delivery::ExactlyOnce, Control::None, 1);
        let first = world.start(&[0, 1]);
        let second = world.start(&[]);
        let mut rng = SmallRng::seed_from_u64(at as u64);
        for _ in 0..at {
            world.step(first, Fate::Fine);
        }
        world.assign(first, &[0]);
        world.assign(second, &[1]);
        for step in 0..200 {
            world.go_on(step, &mut rng);
        }
        world.feed(3);
        let result = world.settle(at, &mut rng).and_then(|()| world.check());
        world.end();
        assert_eq!(result, Ok(()), "moved at exchange {at}");
    }
}

/// A store that goes back to an earlier moment is noticed: `fail` stops and nothing wrong is written, `rewind` ends
/// with the right state.
#[test]
fn a_store_that_went_back_is_noticed() {
    let mut noticed = 0;
    for seed in seeds(60) {
        for policy in [OnStateLoss::Fail, OnStateLoss::Rewind] {
            let mut world = World::new(Delivery::ExactlyOnce, Control::None, 1);
            world.bench.entity.on_state_loss = policy;
            let mut rng = SmallRng::seed_from_u64(seed);
            world.times_out = true;
            world.start(&[0, 1]);
            let moment = 15 + seed as usize;
            let mut copy = None;
            for step in 0..moment + 30 {
                if step == moment {
                    copy = Some(world.shared.copy());
                }
                world.go_on(step, &mut rng);
            }
            world.shared.go_back(&copy.expect("the moment came"));
            world.feed(3);
            let result = world.settle(moment, &mut rng);
            match (policy, &result) {
                (OnStateLoss::Fail, Err(violation)) if violation.contains("disagree") => noticed += 1,
                (OnStateLoss::Fail, _) => {
                    assert_eq!(result.and_then(|()| world.check()), Ok(()), "seed {seed}")
                }
                _ => assert_eq!(result.and_then(|()| world.check_state()), Ok(()), "seed {seed}"),
            }
            world.end();
        }
    }
    assert!(noticed > 10, "the store went back for nothing: {noticed}");
}

/// Without a rule the simulation finds what goes wrong; so it would find it too if the lane broke that rule.
#[test]
fn every_rule_is_needed() {
    let survived: Vec<Control> = BROKEN
        .into_iter()
        .filter(|&control| {
            (0..800).all(|seed| {
                let weather = match control {
                    Control::NoChainCheck | Control::PromotedAgain => ROLLBACK,
                    Control::FenceLastOnly => HAIL,
                    _ => UNREST,
                };
                random_run(seed, Delivery::ExactlyOnce, control, weather).is_ok()
            })
        })
        .collect();
    assert_eq!(survived, [], "these rules can be broken unnoticed");
}
