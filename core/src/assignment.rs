//! Which host, or which lane, owns which partition.

/// Spreads `partitions` over `owners` evenly: partition p goes to owner p modulo `owners`, so that numbers differ by
/// at most one, and a topic that grows moves none of the partitions it had. No owners own nothing.
pub fn spread(partitions: u32, owners: u32) -> Vec<Vec<u32>> {
    (0..owners).map(|owner| (owner..partitions).step_by(owners as usize).collect()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn six_partitions_on_four_owners() {
        assert_eq!(spread(6, 4), [vec![0, 4], vec![1, 5], vec![2], vec![3]]);
        assert_eq!(spread(1, 3), [vec![0], vec![], vec![]]);
        assert_eq!(spread(5, 0), Vec::<Vec<u32>>::new());
    }

    proptest! {
        #[test]
        fn each_partition_has_exactly_one_owner(partitions in 0u32..500, owners in 1u32..100) {
            let mut all: Vec<u32> = spread(partitions, owners).concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..partitions).collect::<Vec<_>>());
        }

        #[test]
        fn owners_differ_by_at_most_one(partitions in 0u32..500, owners in 1u32..100) {
            let sizes: Vec<usize> = spread(partitions, owners).iter().map(Vec::len).collect();
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        }

        #[test]
        fn growing_moves_no_partition(partitions in 0u32..500, more in 0u32..100, owners in 1u32..100) {
            let (before, after) = (spread(partitions, owners), spread(partitions + more, owners));
            for (old, new) in before.iter().zip(&after) {
                prop_assert!(new.starts_with(old));
            }
        }
    }
}
