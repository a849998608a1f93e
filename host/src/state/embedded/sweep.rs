//! Values that expired are removed, a few rows at a time.

use invoker_core::commit::Token;

use super::{EmbeddedState, damaged, failed, layout, scopes};
use crate::db::{Batch, Sync};
use crate::state::{Answer, Error, Scope, Swept};

impl EmbeddedState {
    /// Goes on where the last sweep of this scope ended. Removed rows need no sync: what comes back after a crash has
    /// still expired.
    pub(super) fn sweep_rows(
        &self,
        scope: &Scope,
        token: Token,
        before: i64,
        rows: usize,
    ) -> Result<Swept, Error> {
        let open = self.scopes.get(scope);
        let mut open = scopes::lock(&open);
        let mut swept = Swept { at_end: true, ..Swept::default() };
        if open.control.check(token) != Answer::Ok {
            return Ok(swept);
        }
        let all = open.control.number.to_be_bytes();
        let from = if open.swept_to.is_empty() { &all[..] } else { &open.swept_to };
        let to = layout::prefix_end(&all);
        let mut batch = Batch::new();
        let mut next = Vec::new();
        for (seen, entry) in self.live.range(from, to.as_deref()).enumerate() {
            let (key, value) = entry.map_err(failed("sweep state"))?;
            if seen == rows {
                swept.at_end = false;
                next.extend_from_slice(&key);
                break;
            }
            let (expires, _) = layout::stored(&value).ok_or_else(|| {
                damaged(scope, format!("the value of {key:?} is too short to hold its expiry"))
            })?;
            if (0..before).contains(&expires) {
                batch.remove(&self.live, &key);
                swept.removed += 1;
            }
        }
        if !batch.is_empty() {
            self.db.write(batch, Sync::Later).map_err(failed("sweep state"))?;
        }
        open.swept_to = next;
        Ok(swept)
    }
}
