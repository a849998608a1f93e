//! What a lane does by the clock, however busy it is: behind a commit, and while there is nothing to read.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use invoker_core::document::Delivery;

use super::owned::Owned;
use super::{Session, Trouble};

/// A partition commits at least this often: a log forgets positions that are never renewed (Kafka after 7 days).
pub(super) const RENEW_AFTER: Duration = Duration::from_secs(24 * 3600);
/// Within this time of its take a partition commits in any case, as nobody knows how old its position is. Spread out, for
/// a host takes many at once.
pub(super) const FIRST_RENEWAL: Duration = Duration::from_secs(60);
/// How often a lane has expired values removed, and how many it has looked at then.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
const SWEEP_ROWS: usize = 10_000;
/// Time between two removals, in times of what the last one took: no more than this part of a busy lane goes into it.
const SWEEP_SHARE: u32 = 50;
/// How long expired values stay: longer than any two clocks differ.
const EXPIRY_GRACE: Duration = Duration::from_secs(3600);

impl Session<'_> {
    /// Does what is due. Nothing is open while it does.
    pub(super) fn look_after(&mut self) -> Result<(), Trouble> {
        self.sweep()?;
        self.check_for_stall()?;
        self.check_inputs()?;
        self.renew()
    }

    /// Commits the positions of partitions that have not moved for long, of those that stopped, too.
    fn renew(&mut self) -> Result<(), Trouble> {
        let now = Instant::now();
        let is_due = |owned: &Owned| owned.renew_at <= now;
        if !self.partitions.iter().any(is_due) {
            return Ok(());
        }
        if self.delivery() != Delivery::AtMostOnce {
            self.partitions.iter_mut().filter(|owned| is_due(owned)).for_each(|owned| owned.touched = true);
            return self.commit().map(drop);
        }
        let mut due = Vec::new();
        for (at, owned) in self.partitions.iter_mut().enumerate().filter(|(_, owned)| is_due(owned)) {
            // What counts as done stays done, also where a partition stopped in front of it.
            owned.next.clone_from(&owned.committed_next);
            due.push(at);
        }
        self.save(&due).map(drop)
    }

    /// Has the store remove values that expired long ago, a few at a time. That they are not read any more is the
    /// cache's business.
    fn sweep(&mut self) -> Result<(), Trouble> {
        let began = Instant::now();
        if self.sweep_at > began || !self.has_expiry() {
            return Ok(());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let before = now.saturating_sub(EXPIRY_GRACE).as_millis() as i64;
        for owned in self.partitions.iter().filter(|owned| owned.runs()) {
            let swept = self.spec.state.sweep(&owned.scope, owned.token, before, SWEEP_ROWS);
            swept.map_err(Trouble::state("remove expired state"))?;
        }
        self.sweep_at = Instant::now() + SWEEP_EVERY.max(began.elapsed() * SWEEP_SHARE);
        Ok(())
    }

    fn has_expiry(&self) -> bool {
        self.spec.program.description().states.iter().any(|state| state.ttl.is_some())
    }
}
