//! Which lane gets which partition. Owns that as few as possible move when partitions or lanes come and go.

/// Deals `wanted` out to at most `lanes` lanes, evenly to within one. `held` is what each lane has now; what can stay,
/// stays. No lane is without a partition.
pub(super) fn deal(held: &[Vec<u32>], wanted: &[u32], lanes: usize) -> Vec<Vec<u32>> {
    let lanes = lanes.max(1).min(wanted.len());
    if lanes == 0 {
        return Vec::new();
    }
    let (share, larger) = (wanted.len() / lanes, wanted.len() % lanes);
    let mut dealt: Vec<Vec<u32>> = (0..lanes)
        .map(|lane| {
            let held = held.get(lane).map(Vec::as_slice).unwrap_or_default();
            held.iter().copied().filter(|partition| wanted.contains(partition)).collect()
        })
        .collect();
    // The lanes that keep most may have one more than the others.
    let mut by_size: Vec<usize> = (0..lanes).collect();
    by_size.sort_by_key(|&lane| std::cmp::Reverse(dealt.get(lane).map_or(0, Vec::len)));
    let room = |lane: usize| share + usize::from(by_size.iter().position(|&l| l == lane) < Some(larger));
    for (lane, partitions) in dealt.iter_mut().enumerate() {
        partitions.truncate(room(lane));
    }
    let rest: Vec<u32> = wanted
        .iter()
        .copied()
        .filter(|partition| !dealt.iter().any(|lane| lane.contains(partition)))
        .collect();
    for partition in rest {
        let open = dealt.iter_mut().enumerate().filter(|(lane, partitions)| partitions.len() < room(*lane));
        if let Some((_, lane)) = open.min_by_key(|(lane, partitions)| (partitions.len(), *lane)) {
            lane.push(partition);
        }
    }
    dealt
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn partitions_are_dealt_out_in_turn() {
        assert_eq!(deal(&[], &[0, 1, 2, 3, 4], 2), [vec![0, 2, 4], vec![1, 3]]);
        assert_eq!(deal(&[], &[7], 4), [vec![7]]);
        assert_eq!(deal(&[], &[], 4), Vec::<Vec<u32>>::new());
    }

    #[test]
    fn what_can_stay_stays() {
        let held = [vec![0, 2, 4], vec![1, 3]];
        assert_eq!(deal(&held, &[0, 1, 2, 3], 2), [vec![0, 2], vec![1, 3]]);
        assert_eq!(deal(&held, &[0, 1, 2, 3, 4, 5], 2), [vec![0, 2, 4], vec![1, 3, 5]]);
        assert_eq!(deal(&held, &[0, 1, 2, 3, 4], 1), [vec![0, 2, 4, 1, 3]]);
    }

    proptest! {
        #[test]
        fn every_partition_is_dealt_once_and_evenly(
            held in prop::collection::vec(prop::collection::vec(0u32..20, 0..6), 0..5),
            wanted in prop::collection::btree_set(0u32..20, 0..12),
            lanes in 0usize..6,
        ) {
            let mut seen = std::collections::BTreeSet::new();
            let held: Vec<Vec<u32>> =
                held.into_iter().map(|lane| lane.into_iter().filter(|&p| seen.insert(p)).collect()).collect();
            let wanted: Vec<u32> = wanted.into_iter().collect();
            let dealt = deal(&held, &wanted, lanes);
            let mut all: Vec<u32> = dealt.iter().flatten().copied().collect();
            all.sort_unstable();
            prop_assert_eq!(all, wanted);
            let sizes = dealt.iter().map(Vec::len);
            prop_assert!(sizes.clone().max().unwrap_or(0) - sizes.clone().min().unwrap_or(0) <= 1);
            prop_assert!(sizes.min().is_none_or(|least| least > 0));
        }
    }
}
