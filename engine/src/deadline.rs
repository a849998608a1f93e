//! Deadlines of calls. One thread moves the engine's epoch on; a call that outlives its ticks is interrupted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Time between two ticks: deadlines are kept to this much.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// The thread that ticks. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    clock: Clock,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Counts ticks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    ticks: Arc<AtomicU64>,
}

impl Clock {
    /// The tick at which a deadline that starts now is over.
    pub(crate) fn after(&self, deadline: Duration) -> u64 {
        self.ticks.load(Ordering::Relaxed).saturating_add(ticks(deadline))
    }

    /// Whether the tick `until` has come.
    pub(crate) fn is_after(&self, until: u64) -> bool {
        self.ticks.load(Ordering::Relaxed) >= until
    }

    /// Sleeps until `duration` is over; false if the tick `until` comes before.
    pub(crate) fn sleep(&self, duration: Duration, until: u64) -> bool {
        let mut left = duration;
        while !left.is_zero() {
            if self.is_after(until) {
                return false;
            }
            let nap = left.min(TICK);
            thread::sleep(nap);
            left = left.saturating_sub(nap);
        }
        true
    }
}

/// Ticks after which a deadline is over: never early, for the present tick may be nearly over.
pub(crate) fn ticks(deadline: Duration) -> u64 {
    let ticks = deadline.as_nanos().div_ceil(TICK.as_nanos());
    // Far below the end of the range, for wasmtime adds the present epoch to it.
    u64::try_from(ticks).unwrap_or(u64::MAX).min(u64::MAX / 4) + 1
}

impl Ticker {
    /// The engine's epoch moves on `epochs` times a tick.
    pub(crate) fn start(engine: &wasmtime::Engine, epochs: u32) -> std::io::Result<Self> {
        let clock = Clock::default();
        let (stop, stopped) = mpsc::channel::<()>();
        let (engine, ticks) = (engine.clone(), Arc::clone(&clock.ticks));
        let thread = thread::Builder::new().name("invoker-epochs".to_owned()).spawn(move || {
            let mut epoch = 0;
            while stopped.recv_timeout(TICK / epochs) == Err(RecvTimeoutError::Timeout) {
                engine.increment_epoch();
                epoch = (epoch + 1) % epochs;
                if epoch == 0 {
                    ticks.fetch_add(1, Ordering::Relaxed);
                }
            }
        })?;
        Ok(Self { clock, stop: Some(stop), thread: Some(thread) })
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            // It cannot panic, and there is nobody to tell if it did.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_never_cut_short_and_never_overflows() {
        assert_eq!(ticks(Duration::from_millis(5)), 2);
        assert_eq!(ticks(Duration::from_millis(6)), 3);
        assert_eq!(ticks(Duration::ZERO), 1);
        assert!(ticks(Duration::MAX) < u64::MAX / 2);
    }

    #[test]
    fn a_sleep_ends_at_the_deadline() {
        let clock = Clock::default();
        assert!(clock.sleep(Duration::from_millis(1), clock.after(Duration::from_secs(1))));
        assert!(!clock.sleep(Duration::from_secs(3600), 0));
    }
}
