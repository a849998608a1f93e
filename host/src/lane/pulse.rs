//! The sign of life of a lane: what it does, and since when. The lane writes it at each step, at most a handful of times
//! per batch; whoever watches it runs in another thread, as a lane that hangs in a call tells nothing. Owns what
//! a lane may still say once it was given up; when that happens is the host's business.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{LaneSpec, Trouble};
use crate::report::PartitionState;

/// What a lane does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Doing {
    Starting,
    Taking,
    Fencing,
    LookingUpPositions,
    Reading,
    Calling,
    Flushing,
    AddingOffsets,
    Staging,
    Committing,
    Resting,
    WaitingForReaders,
    Recovering,
}

impl Doing {
    const ALL: [Self; 13] = [
        Self::Starting,
        Self::Taking,
        Self::Fencing,
        Self::LookingUpPositions,
        Self::Reading,
        Self::Calling,
        Self::Flushing,
        Self::AddingOffsets,
        Self::Staging,
        Self::Committing,
        Self::Resting,
        Self::WaitingForReaders,
        Self::Recovering,
    ];
}

impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starts a producer and a source",
            Self::Taking => "takes partitions",
            Self::Fencing => "fences earlier owners",
            Self::LookingUpPositions => "looks up committed positions",
            Self::Reading => "reads input",
            Self::Calling => "calls the function",
            Self::Flushing => "flushes outputs",
            Self::AddingOffsets => "adds positions to a transaction",
            Self::Staging => "writes state",
            Self::Committing => "commits a transaction",
            Self::Resting => "tidies up while there is nothing to read",
            Self::WaitingForReaders => "waits for readers of its outputs",
            Self::Recovering => "waits before it starts again",
        })
    }
}

/// Shared by a lane and who watches it.
#[derive(Debug)]
pub(crate) struct Pulse {
    born: Instant,
    /// Milliseconds since `born`, times 256, and what the lane has been doing since then.
    beat: AtomicU64,
    given_up: AtomicBool,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { born: Instant::now(), beat: AtomicU64::new(0), given_up: AtomicBool::new(false) }
    }
}

impl Pulse {
    /// The lane does this from now on.
    pub(crate) fn beat(&self, doing: Doing) {
        let now = self.born.elapsed().as_millis() as u64;
        self.beat.store(now << 8 | doing as u64, Ordering::Relaxed);
    }

    /// What the lane does, and for how long it has been at it.
    pub(crate) fn seen(&self) -> (Doing, Duration) {
        let beat = self.beat.load(Ordering::Relaxed);
        let doing = Doing::ALL.get((beat & 0xff) as usize).copied().unwrap_or(Doing::Starting);
        (doing, self.born.elapsed().saturating_sub(Duration::from_millis(beat >> 8)))
    }

    /// Another lane takes its partitions: should it ever wake, it has no say any more.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Ordering::Release);
    }

    fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }
}

impl LaneSpec {
    pub(super) fn beat(&self, doing: Doing) {
        self.pulse.beat(doing);
    }

    /// Reports how a partition stands, unless another lane in this host has it by now.
    pub(super) fn set_state(&self, partition: u32, state: PartitionState) {
        if !self.pulse.is_given_up() {
            self.report.set_state(partition, state);
        }
    }

    /// The same for what is committed of it.
    pub(super) fn set_committed(&self, partition: u32, committed: &[u64], cached_keys: u64) {
        if !self.pulse.is_given_up() {
            self.report.set_committed(partition, committed, cached_keys);
        }
    }

    pub(super) fn forget(&self, partition: u32) {
        if !self.pulse.is_given_up() {
            self.report.forget(partition);
        }
    }

    /// A lane that was given up may wake in the middle of a take. It must not take from the one in its place.
    pub(super) fn must_be_wanted(&self) -> Result<(), Trouble> {
        if self.pulse.is_given_up() {
            return Err(Trouble::recover("take a partition", "the lane was given up, as it had hung"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_last_is_seen() {
        let pulse = Pulse::default();
        assert_eq!(pulse.seen().0, Doing::Starting);
        for doing in Doing::ALL {
            pulse.beat(doing);
            assert_eq!(pulse.seen().0, doing);
            assert!(pulse.seen().1 < Duration::from_secs(10));
        }
    }
}
