//! One cached value, and which of the commits it belongs to.

use super::bytes::Bytes;

/// Internally "never": later than any time.
pub(super) const NEVER: i64 = i64::MAX;

/// What is known of one address of the state.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Known {
    /// Ask the store.
    Unknown,
    Absent,
    Present(Bytes),
}

/// One value with its expiry and the interval between commits in which it was written; 0 = read from the store.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) known: Known,
    pub(super) expires: i64,
    pub(super) written: u64,
}

impl Cell {
    pub(super) const UNKNOWN: Self = Self { known: Known::Unknown, expires: NEVER, written: 0 };

    /// A value as the store has it; -1 = never.
    pub(super) fn read(value: Option<&[u8]>, expires: i64) -> Self {
        let known = value.map_or(Known::Absent, |value| Known::Present(Bytes::new(value)));
        Self { known, expires: if expires < 0 { NEVER } else { expires }, written: 0 }
    }

    pub(super) fn is_known(&self) -> bool {
        self.known != Known::Unknown
    }

    /// The value at this time; unknown reads as absent.
    pub(super) fn at(&self, now: i64) -> Option<&[u8]> {
        match &self.known {
            Known::Present(bytes) if self.expires > now => Some(bytes.as_slice()),
            _ => None,
        }
    }

    pub(super) fn set(&mut self, value: Option<&[u8]>, expires: i64) {
        match (&mut self.known, value) {
            (Known::Present(bytes), Some(value)) => bytes.set(value),
            (known, Some(value)) => *known = Known::Present(Bytes::new(value)),
            (known, None) => *known = Known::Absent,
        }
        self.expires = expires;
    }

    /// Bytes held outside.
    pub(super) fn heap(&self) -> usize {
        match &self.known {
            Known::Present(bytes) => bytes.heap(),
            _ => 0,
        }
    }

    /// Bytes of the value.
    pub(super) fn len(&self) -> usize {
        match &self.known {
            Known::Present(bytes) => bytes.as_slice().len(),
            _ => 0,
        }
    }

    /// The value and expiry as they go to the store.
    pub(super) fn stored(&self) -> (Option<&[u8]>, i64) {
        let value = match &self.known {
            Known::Present(bytes) => Some(bytes.as_slice()),
            _ => None,
        };
        (value, if self.expires == NEVER || value.is_none() { -1 } else { self.expires })
    }
}

/// Counts the intervals between commits. A value written in the present one is uncommitted; one written in an earlier
/// one is pinned until the store is known to have it; all others are clean.
#[derive(Clone, Copy, Debug)]
pub(super) struct Intervals {
    pub(super) present: u64,
    /// The store has everything written up to this one.
    pub(super) promoted: u64,
}

impl Intervals {
    pub(super) fn is_uncommitted(self, cell: &Cell) -> bool {
        cell.written == self.present
    }

    /// Committed, and the store does not show it yet.
    pub(super) fn is_pinned(self, cell: &Cell) -> bool {
        cell.written > self.promoted && cell.written < self.present
    }

    pub(super) fn is_clean(self, cell: &Cell) -> bool {
        cell.written <= self.promoted
    }
}
