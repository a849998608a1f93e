//! Waiting on conditions.

use std::time::{Duration, Instant};

/// Longest that anything may take that is waited for.
const BOUND: Duration = Duration::from_secs(120);
const GLANCE: Duration = Duration::from_millis(20);

/// Waits until `done` has nothing left to say about why it is not.
#[track_caller]
pub(crate) fn wait(what: &str, mut missing: impl FnMut() -> Option<String>) {
    let began = Instant::now();
    while let Some(why) = missing() {
        assert!(began.elapsed() < BOUND, "waited {BOUND:?} in vain for {what}: {why}");
        std::thread::sleep(GLANCE);
    }
}
