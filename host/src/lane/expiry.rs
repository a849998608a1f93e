//! Removal of state whose time-to-live has passed. That it is not read any more is the cache's business.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Session, Trouble};

/// How often an idle lane has expired values removed, and how many it has looked at then.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
const SWEEP_ROWS: usize = 10_000;
/// How long expired values stay: longer than any two clocks differ.
const EXPIRY_GRACE: Duration = Duration::from_secs(3600);

impl Session<'_> {
    /// Has the store remove values that expired long ago, a few at a time, while there is nothing else to do.
    pub(super) fn sweep(&mut self) -> Result<(), Trouble> {
        if self.swept_at.elapsed() < SWEEP_EVERY || !self.has_expiry() {
            return Ok(());
        }
        self.swept_at = Instant::now();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let before = now.saturating_sub(EXPIRY_GRACE).as_millis() as i64;
        for owned in self.partitions.iter().filter(|owned| owned.runs()) {
            let swept = self.spec.state.sweep(&owned.scope, owned.token, before, SWEEP_ROWS);
            swept.map_err(Trouble::state("remove expired state"))?;
        }
        Ok(())
    }

    fn has_expiry(&self) -> bool {
        self.spec.program.description().states.iter().any(|state| state.ttl.is_some())
    }
}
