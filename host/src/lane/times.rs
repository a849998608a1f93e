//! How long a lane may be busy with one thing. All of it follows from what a function may take.

use std::time::Duration;

use invoker_core::document::EntityDocument;
use invoker_core::function::Description;

use super::LaneSpec;

/// Time for the commit of a transaction, beside the calls in it.
pub(super) const COMMIT_ROOM: Duration = Duration::from_secs(5);
/// Shortest time after which a lane without a sign of life is given up, unless the document says otherwise.
const STALL_AFTER: Duration = Duration::from_secs(60);

/// The time one call has; a call that looks for a poison record has the time of one record.
pub(super) fn deadline(spec: &LaneSpec, isolating: bool) -> Duration {
    call_time(&spec.entity, spec.program.description(), isolating)
}

fn call_time(entity: &EntityDocument, description: &Description, isolating: bool) -> Duration {
    let limits = &entity.limits;
    let record = description.record_deadline.map_or(limits.record_deadline_ms, u64::from);
    Duration::from_millis(if isolating { record } else { record.max(limits.batch_deadline_ms) })
}

/// How long the log lets a transaction of this lane stay open: one call, and a commit. It is as short as that because
/// what a dead host left open blocks the readers behind it.
pub(super) fn transaction_timeout(spec: &LaneSpec) -> Duration {
    deadline(spec, false) + COMMIT_ROOM
}

/// How long a lane may be at one step. A step is at most one call or one exchange of a commit, and waits for no longer
/// than a transaction may be open, so that what a function declares to be slow is no stall.
pub(crate) fn stall_after(entity: &EntityDocument, description: &Description) -> Duration {
    let open = call_time(entity, description, false) + COMMIT_ROOM;
    match entity.stall_after_ms.map(Duration::from_millis) {
        // A test would have to wait for all of it.
        Some(time) if cfg!(test) => time,
        Some(time) => time.max(2 * open),
        None => STALL_AFTER.max(4 * open),
    }
}

#[cfg(test)]
mod tests {
    use invoker_core::document;

    use super::*;

    #[test]
    fn a_slow_function_is_given_the_time_it_declares() {
        let text = "{ generation: 1, deployment: d, host: h, data: data, entities: [{ id: a, function: a, \
                    inputs: [{ topic: t }], partitions: [0], partitionCount: 1 }] }";
        let mut entity = document::read("host.yaml", text.as_bytes()).unwrap().entities.remove(0);
        let mut description = Description::default();
        assert_eq!(stall_after(&entity, &description).as_secs(), 60);
        description.record_deadline = Some(60_000);
        assert_eq!(stall_after(&entity, &description).as_secs(), 260);
        description.record_deadline = None;
        entity.limits.batch_deadline_ms = 20_000;
        assert_eq!(stall_after(&entity, &description).as_secs(), 100);
    }
}
