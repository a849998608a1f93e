//! Bounds and retries as a topology gives them, with what the function declares and the defaults for the rest.

use crate::document::{Limits, Retry};
use crate::function::Description;
use crate::topology::{Bytes, LimitsSpec, RetryPolicy};

pub(super) fn retry(given: Option<&RetryPolicy>) -> Retry {
    let default = Retry::default();
    let Some(given) = given else { return default };
    let backoff_ms = given.backoff.map_or(default.backoff_ms, |wait| wait.0);
    Retry {
        attempts: given.attempts.unwrap_or(default.attempts),
        backoff_ms,
        max_backoff_ms: given.max_backoff.map_or(default.max_backoff_ms.max(backoff_ms), |wait| wait.0),
    }
}

pub(super) fn limits(given: Option<&LimitsSpec>, description: &Description) -> Limits {
    let default = Limits::default();
    let given = given.cloned().unwrap_or_default();
    let declared = description.record_deadline.map(u64::from);
    let record_deadline_ms =
        given.deadline.map(|time| time.0).or(declared).unwrap_or(default.record_deadline_ms);
    let batch_records = given.batch_records.unwrap_or(default.batch_records);
    Limits {
        batch_records: description.max_records.unwrap_or(u32::MAX).clamp(1, batch_records.max(1)),
        batch_bytes: size(given.batch_bytes, default.batch_bytes),
        record_deadline_ms,
        batch_deadline_ms: given
            .batch_deadline
            .map_or(default.batch_deadline_ms.max(record_deadline_ms), |time| time.0),
        memory_bytes: size(given.memory, default.memory_bytes),
        output_bytes: size(given.output, default.output_bytes),
        state_cache_bytes: size(given.state_cache, default.state_cache_bytes),
    }
}

fn size(given: Option<Bytes>, default: usize) -> usize {
    given.map_or(default, |size| usize::try_from(size.0).unwrap_or(usize::MAX))
}
