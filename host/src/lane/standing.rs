//! Where the log and the state say that a partition stands, and whether they agree. Pure; what is done about it is
//! `take.rs`'s.

use invoker_core::commit::CommitId;
use invoker_core::document::{Delivery, OnStateLoss};

use super::LaneSpec;
use crate::log::Committed;
use crate::state::Applied;

/// Where the log and the state say that a partition stands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing was ever committed.
    Fresh,
    /// Both agree, or the state may rightly be ahead (at-least-once).
    Agreed,
    /// They disagree.
    Lost,
}

/// The commit id in the metadata; every input that has a position carries the same.
pub(super) fn committed_id(committed: &[Option<Committed>]) -> Option<CommitId> {
    let mut ids = committed.iter().flatten().map(|committed| committed.metadata.parse::<CommitId>().ok());
    let first = ids.next()??;
    ids.all(|id| id == Some(first)).then_some(first)
}

pub(super) fn standing(
    delivery: Delivery,
    committed: &[Option<Committed>],
    applied: Option<&Applied>,
) -> Standing {
    let any = committed.iter().any(Option::is_some);
    let id = committed_id(committed);
    match (delivery, id, applied) {
        (_, _, None) if !any => Standing::Fresh,
        // No state is kept, and positions set by hand are a user's good right.
        (Delivery::AtMostOnce, _, _) => Standing::Agreed,
        // State is written before the offsets are, so it may be ahead; behind means that writes were lost.
        (Delivery::AtLeastOnce, None, Some(_)) if !any => Standing::Agreed,
        (Delivery::AtLeastOnce, Some(id), Some(applied)) if order(applied.id) >= order(id) => {
            Standing::Agreed
        }
        (Delivery::ExactlyOnce, Some(id), Some(applied)) if applied.id == id && same(committed, applied) => {
            Standing::Agreed
        }
        _ => Standing::Lost,
    }
}

fn order(id: CommitId) -> (u64, u64) {
    (id.token.epoch, id.sequence)
}

/// Whether both name the same positions. An input that was added since has no say.
fn same(committed: &[Option<Committed>], applied: &Applied) -> bool {
    committed
        .iter()
        .zip(&applied.next)
        .all(|(committed, next)| committed.as_ref().is_none_or(|committed| committed.offset == *next))
}

/// The position to go on from, per input; `None` = where reading is to start. An error is why the partition must not
/// run. Inputs in `remade` were deleted and made again, so their positions mean nothing any more.
pub(super) fn resume(
    spec: &LaneSpec,
    committed: &[Option<Committed>],
    applied: Option<&Applied>,
    remade: &[usize],
) -> Result<Vec<Option<u64>>, String> {
    let policy = spec.entity.on_state_loss;
    let entity = &spec.entity.id;
    let topics: Vec<_> =
        remade.iter().filter_map(|&input| Some(spec.entity.inputs.get(input)?.topic.as_str())).collect();
    let offset = |(input, committed): (usize, &Option<Committed>)| {
        committed.as_ref().filter(|_| !remade.contains(&input)).map(|committed| committed.offset)
    };
    let committed_offsets = || committed.iter().enumerate().map(offset).collect();
    if !topics.is_empty() {
        return match (spec.entity.delivery, policy) {
            (Delivery::AtMostOnce, _) | (_, OnStateLoss::Accept) => {
                tracing::warn!(
                    entity,
                    ?topics,
                    "topics were deleted and made again: reading them from their start"
                );
                Ok(committed_offsets())
            }
            _ => Err(remade_text(&topics)),
        };
    }
    match (standing(spec.entity.delivery, committed, applied), policy) {
        (Standing::Lost, OnStateLoss::Fail) => Err(lost_text(committed, applied)),
        (Standing::Lost, OnStateLoss::Rewind) => {
            tracing::warn!(entity, "state lost: going back to where the state stands");
            let next = applied.map(|applied| applied.next.as_slice()).unwrap_or_default();
            Ok((0..committed.len()).map(|input| next.get(input).copied()).collect())
        }
        _ => Ok(committed_offsets()),
    }
}

fn remade_text(topics: &[&str]) -> String {
    format!(
        "{topics:?} was deleted and made again, so the committed offsets belong to records that are gone; set \
         onStateLoss to accept to read it from its start with the state as it is"
    )
}

fn lost_text(committed: &[Option<Committed>], applied: Option<&Applied>) -> String {
    let log: Vec<_> = committed
        .iter()
        .map(|committed| {
            committed.as_ref().map_or("none".to_owned(), |c| format!("{} ({})", c.offset, c.metadata))
        })
        .collect();
    let state =
        applied.map_or("nothing".to_owned(), |applied| format!("{:?} ({})", applied.next, applied.id));
    format!(
        "state and committed offsets disagree: the log stands at {}, the state at {state}; \
         set onStateLoss to rewind or accept to go on",
        log.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use invoker_core::commit::Token;

    use super::*;

    fn id(epoch: u64, sequence: u64) -> CommitId {
        CommitId { token: Token { epoch, nonce: 9 }, sequence }
    }

    fn at(offset: u64, id: CommitId) -> Option<Committed> {
        Some(Committed { offset, metadata: id.to_string() })
    }

    fn applied(id: CommitId, next: &[u64]) -> Applied {
        Applied { id, next: next.to_vec() }
    }

    #[test]
    fn a_partition_never_committed_is_fresh() {
        for delivery in [Delivery::ExactlyOnce, Delivery::AtLeastOnce, Delivery::AtMostOnce] {
            assert_eq!(standing(delivery, &[None, None], None), Standing::Fresh);
        }
    }

    #[test]
    fn exactly_once_demands_the_same_id_and_positions() {
        let known = [at(5, id(2, 7)), at(9, id(2, 7))];
        let is = |applied: &Applied| standing(Delivery::ExactlyOnce, &known, Some(applied));
        assert_eq!(is(&applied(id(2, 7), &[5, 9])), Standing::Agreed);
        assert_eq!(is(&applied(id(2, 6), &[5, 9])), Standing::Lost, "another commit");
        assert_eq!(is(&applied(id(2, 7), &[5, 8])), Standing::Lost, "offsets set by hand");
        assert_eq!(standing(Delivery::ExactlyOnce, &known, None), Standing::Lost, "state gone");
        assert_eq!(
            standing(Delivery::ExactlyOnce, &[None, None], Some(&applied(id(2, 7), &[5, 9]))),
            Standing::Lost,
            "offsets gone"
        );
    }

    #[test]
    fn offsets_without_a_readable_id_count_as_lost() {
        let by_hand = [Some(Committed { offset: 5, metadata: String::new() })];
        assert_eq!(standing(Delivery::ExactlyOnce, &by_hand, Some(&applied(id(1, 1), &[5]))), Standing::Lost);
    }

    #[test]
    fn an_input_added_later_does_not_count() {
        let known = [at(5, id(2, 7)), None];
        let applied = applied(id(2, 7), &[5]);
        assert_eq!(standing(Delivery::ExactlyOnce, &known, Some(&applied)), Standing::Agreed);
    }

    #[test]
    fn at_least_once_lets_the_state_be_ahead_but_not_behind() {
        let known = [at(5, id(2, 7))];
        let is = |id| standing(Delivery::AtLeastOnce, &known, Some(&applied(id, &[6])));
        assert_eq!(
            (is(id(2, 8)), is(id(3, 1)), is(id(2, 6))),
            (Standing::Agreed, Standing::Agreed, Standing::Lost)
        );
        assert_eq!(
            standing(Delivery::AtLeastOnce, &[None], Some(&applied(id(1, 1), &[6]))),
            Standing::Agreed,
            "stopped before the first offsets were written"
        );
    }

    #[test]
    fn a_lost_partition_names_both_positions() {
        let text = lost_text(&[at(5, id(2, 7))], Some(&applied(id(2, 6), &[4])));
        assert!(text.contains("the log stands at 5 (2.0000000000000009.7)"), "{text}");
        assert!(text.contains("the state at [4] (2.0000000000000009.6)"), "{text}");
    }
}
