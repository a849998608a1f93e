//! Where the log and the state say that a partition stands, and whether they agree. Pure; what is done about it is
//! `take.rs`'s.

use invoker_core::commit::CommitId;
use invoker_core::document::{Delivery, InputDocument, OnStateLoss};

use super::LaneSpec;
use super::positions::Changed;
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

/// Whether both name the same positions. An input that was added since has none in the state.
fn same(committed: &[Option<Committed>], applied: &Applied) -> bool {
    let same = |(committed, next): (&Option<Committed>, &u64)| {
        committed.as_ref().is_some_and(|committed| committed.offset == *next)
    };
    committed.iter().zip(&applied.next).all(same)
}

/// The position to go on from, per input; `None` = where reading is to start. An error is why the partition must not
/// run. Positions of a topic that was made again mean nothing any more, and those in the state nothing where the inputs
/// are others.
pub(super) fn resume(
    spec: &LaneSpec,
    committed: &[Option<Committed>],
    applied: Option<&Applied>,
    changed: &Changed,
) -> Result<Vec<Option<u64>>, String> {
    let (policy, remade) = (spec.entity.on_state_loss, &changed.remade);
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
    if let Some(before) = &changed.replaced {
        let states = &spec.program.description().states;
        if !states.is_empty() && spec.entity.delivery != Delivery::AtMostOnce && policy != OnStateLoss::Accept
        {
            return Err(replaced_text(before, &spec.entity.inputs));
        }
        tracing::warn!(
            entity,
            ?before,
            "the inputs are others: going on where each was committed, or else starts"
        );
        return Ok(committed_offsets());
    }
    match (standing(spec.entity.delivery, committed, applied), policy) {
        (Standing::Lost, OnStateLoss::Fail) => Err(lost_text(committed, applied)),
        (Standing::Lost, OnStateLoss::Rewind) => {
            tracing::warn!(entity, "state lost: going back to where the state stands");
            let next = applied.map(|applied| applied.next.as_slice()).unwrap_or_default();
            Ok((0..committed.len()).map(|input| next.get(input).copied()).collect())
        }
        _ if spec.entity.delivery == Delivery::AtLeastOnce => Ok(committed_or_applied(committed, applied)),
        _ => Ok(committed_offsets()),
    }
}

/// At-least-once writes state in front of positions: where there is no position, what the state has counted is done.
fn committed_or_applied(committed: &[Option<Committed>], applied: Option<&Applied>) -> Vec<Option<u64>> {
    let next = |input: usize| applied.and_then(|applied| applied.next.get(input).copied());
    let one = |(input, committed): (usize, &Option<Committed>)| {
        committed.as_ref().map(|committed| committed.offset).or_else(|| next(input))
    };
    committed.iter().enumerate().map(one).collect()
}

fn remade_text(topics: &[&str]) -> String {
    format!(
        "{topics:?} was deleted and made again, so the committed offsets belong to records that are gone; set \
         onStateLoss to accept to read it from its start with the state as it is"
    )
}

fn replaced_text(before: &[String], now: &[InputDocument]) -> String {
    let now: Vec<_> = now.iter().map(|input| &input.topic).collect();
    format!(
        "the state was written from {before:?}, and the inputs are {now:?} now, so its positions are not theirs; add an input \
         behind the others, give the entity a new id, or set onStateLoss to accept to go on with the state as it is"
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
         set onStateLoss to rewind or accept to go on{}",
        log.join(", "),
        // At-most-once leaves nothing in the store but positions in the log.
        if applied.is_none() { ", the latter too if delivery was at-most-once until now" } else { "" }
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
    fn an_input_added_later_does_not_count_and_one_whose_position_is_gone_does() {
        let known = [at(5, id(2, 7)), None];
        let is = |next| standing(Delivery::ExactlyOnce, &known, Some(&applied(id(2, 7), next)));
        assert_eq!((is(&[5]), is(&[5, 9])), (Standing::Agreed, Standing::Lost));
    }

    #[test]
    fn at_least_once_goes_on_behind_what_the_state_has_counted() {
        let applied = applied(id(2, 7), &[5, 9]);
        assert_eq!(committed_or_applied(&[at(4, id(2, 6)), None], Some(&applied)), [Some(4), Some(9)]);
        assert_eq!(committed_or_applied(&[None, None, None], Some(&applied)), [Some(5), Some(9), None]);
        assert_eq!(committed_or_applied(&[None], None), [None]);
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
