//! Where functions spend their time: stacks taken as the epoch moves on.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use wasmtime::{Store, StoreContextMut, Trap, UpdateDeadline, WasmBacktrace};

use crate::deadline::TICK;
use crate::error::Frame;
use crate::guest::{Guest, Phase};
use crate::trap::frames;

/// Samples a tick of the clock: one a millisecond.
pub(crate) const EPOCHS: u32 = 5;

/// Takes a sample each millisecond from every instance of the engine that it is given to, while that handles a batch. A
/// cheap handle: clones share their samples.
#[derive(Clone)]
pub struct Profiler {
    start: Instant,
    samples: Arc<Mutex<Vec<Sample>>>,
}

/// Where an instance was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Since the profiler was made.
    pub at: Duration,
    /// Innermost first.
    pub stack: Vec<Frame>,
}

impl Profiler {
    #[expect(clippy::new_without_default, reason = "what begins to count time is not a default")]
    pub fn new() -> Self {
        Self { start: Instant::now(), samples: Arc::default() }
    }

    /// Samples taken up to now.
    pub fn count(&self) -> usize {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Gives the samples taken up to now and forgets them.
    pub fn take(&self) -> Vec<Sample> {
        std::mem::take(&mut self.samples.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has `store` stop at each epoch for a sample. Its deadlines are kept by the clock then.
    pub(crate) fn watch(&self, store: &mut Store<Guest>) {
        store.data_mut().profiled = true;
        let profiler = self.clone();
        let mut naming = Duration::ZERO;
        store.epoch_deadline_callback(move |mut context| {
            let guest = context.data();
            if guest.clock.is_after(guest.until) {
                return Err(Trap::Interrupt.into());
            }
            if guest.phase == Phase::Process {
                // To name the frames takes long, which is no fault of the function's.
                naming += profiler.sample(&context);
                let whole = naming.as_nanos() / TICK.as_nanos();
                naming -= TICK * whole as u32;
                let guest = context.data_mut();
                guest.until = guest.until.saturating_add(whole as u64);
            }
            Ok(UpdateDeadline::Continue(1))
        });
    }

    /// Takes a sample; how long that took.
    fn sample(&self, context: &StoreContextMut<'_, Guest>) -> Duration {
        let began = Instant::now();
        let stack = frames(&WasmBacktrace::force_capture(context));
        let sample = Sample { at: began.duration_since(self.start), stack };
        self.samples.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
        began.elapsed()
    }
}

impl fmt::Debug for Profiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profiler").field("samples", &self.count()).finish_non_exhaustive()
    }
}
