//! Exactly once on disk, under SIGKILL.

use std::path::PathBuf;

use invoker_tests::kill::Scenario;

/// The suite kills 30 times; `cargo xtask soak --kills N` sets more.
#[test]
fn killed_at_random_moments_nothing_is_lost_and_nothing_comes_twice() {
    let kills =
        std::env::var("INVOKER_KILLS").map_or(30, |kills| kills.parse().expect("INVOKER_KILLS is a number"));
    let seed =
        std::env::var("INVOKER_SEED").map_or(1, |seed| seed.parse().expect("INVOKER_SEED is a number"));
    let dir = tempfile::tempdir().unwrap();
    // A soak is built for release: it gets further in less time.
    let (longest_ms, lines) = if kills > 100 { (150, 6_000) } else { (500, 20_000) };
    let scenario = Scenario { kills, seed, longest_ms, lines };
    match scenario.run(dir.path()) {
        Ok(outcome) => {
            println!("{kills} kills, {outcome:?}");
            assert!(outcome.killed_at_work * 2 > kills, "too few kills met a run at work: {outcome:?}");
        }
        Err(error) => {
            let kept: PathBuf = dir.keep();
            panic!("{error:#}\nthe files are kept in {}", kept.display());
        }
    }
}
