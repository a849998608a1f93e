//! Which dead letters of a partition were sent back: kept as the position of a group, so that it commits with them.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use invoker_host::log::Committed;

/// Offsets sent back. As a position: everything in front of the offset, and what the metadata lists behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Replayed {
    /// Everything in front of this was sent back.
    below: u64,
    beyond: BTreeSet<u64>,
}

impl Replayed {
    /// Everything in front of this was sent back.
    pub(super) fn below(&self) -> u64 {
        self.below
    }

    pub(super) fn contains(&self, offset: u64) -> bool {
        offset < self.below || self.beyond.contains(&offset)
    }

    /// Adds offsets, the last of which was sent back; those in front of it hold no record.
    pub(super) fn insert(&mut self, offsets: RangeInclusive<u64>) {
        for offset in offsets {
            if !self.contains(offset) {
                self.beyond.insert(offset);
            }
        }
        while self.beyond.remove(&self.below) {
            self.below += 1;
        }
    }

    /// The metadata lists ranges: how far each begins behind the end of the one before, and how many follow its first:
    /// `3+4,2` behind 10 is 13 to 17, and 19.
    pub(super) fn to_committed(&self) -> Committed {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for &offset in &self.beyond {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == offset => *last = offset,
                _ => ranges.push((offset, offset)),
            }
        }
        let mut end = self.below;
        let text = |&(first, last): &(u64, u64)| {
            let gap = first - std::mem::replace(&mut end, last);
            if first == last { gap.to_string() } else { format!("{gap}+{}", last - first) }
        };
        let metadata = ranges.iter().map(text).collect::<Vec<_>>().join(",");
        Committed { offset: self.below, metadata }
    }

    /// `None` where the metadata is not ours.
    pub(super) fn from_committed(committed: &Committed) -> Option<Self> {
        let (mut beyond, mut end) = (BTreeSet::new(), committed.offset);
        for range in committed.metadata.split(',').filter(|range| !range.is_empty()) {
            let (gap, more) = range.split_once('+').unwrap_or((range, "0"));
            let first = end.checked_add(gap.parse().ok()?)?;
            end = first.checked_add(more.parse().ok()?)?;
            beyond.extend(first..=end);
        }
        Some(Self { below: committed.offset, beyond })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_survive_the_position_in_any_order() {
        let mut replayed = Replayed::default();
        for offset in [7, 5, 6, 12, 0, 1, 6] {
            replayed.insert(offset..=offset);
        }
        let committed = replayed.to_committed();
        assert_eq!((committed.offset, committed.metadata.as_str()), (2, "3+2,5"));
        let back = Replayed::from_committed(&committed).unwrap();
        assert_eq!(back, replayed);
        assert!([0, 1, 5, 6, 7, 12].into_iter().all(|offset| back.contains(offset)));
        assert!([2, 3, 4, 8, 11, 13].into_iter().all(|offset| !back.contains(offset)));
    }

    #[test]
    fn offsets_without_record_do_not_make_the_list_longer() {
        let mut replayed = Replayed::default();
        (0..100).for_each(|at| replayed.insert(if at == 0 { 0..=0 } else { 2 * at - 1..=2 * at }));
        assert_eq!(replayed.to_committed(), Committed { offset: 199, metadata: String::new() });
    }

    #[test]
    fn foreign_metadata_is_refused() {
        assert_eq!(Replayed::from_committed(&Committed { offset: 1, metadata: "1.2.3".to_owned() }), None);
    }
}
