//! Byte strings that lie inside their owner while they are short.

use std::borrow::Borrow;
use std::cmp::Ordering;

/// Longest string that needs no allocation, bytes.
const INLINE: usize = 22;

/// What an allocation costs beside its bytes.
const ALLOCATION: usize = 16;

/// A byte string; up to 22 bytes lie inside it.
#[derive(Clone, Debug)]
pub(super) struct Bytes(Place);

#[derive(Clone, Debug)]
enum Place {
    Inline { len: u8, bytes: [u8; INLINE] },
    Heap(Box<[u8]>),
}

impl Bytes {
    pub(super) fn new(from: &[u8]) -> Self {
        let mut bytes = [0; INLINE];
        match bytes.get_mut(..from.len()) {
            Some(start) => {
                start.copy_from_slice(from);
                Self(Place::Inline { len: from.len() as u8, bytes })
            }
            None => Self(Place::Heap(from.into())),
        }
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        match &self.0 {
            Place::Inline { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Place::Heap(bytes) => bytes,
        }
    }

    /// Replaces the string; where the new one fits the place of the old one nothing is allocated.
    pub(super) fn set(&mut self, from: &[u8]) {
        match &mut self.0 {
            Place::Inline { len, bytes } if from.len() <= INLINE => {
                if let Some(start) = bytes.get_mut(..from.len()) {
                    start.copy_from_slice(from);
                    *len = from.len() as u8;
                }
            }
            Place::Heap(bytes) if bytes.len() == from.len() => bytes.copy_from_slice(from),
            _ => *self = Self::new(from),
        }
    }

    /// Bytes held outside.
    pub(super) fn heap(&self) -> usize {
        match &self.0 {
            Place::Inline { .. } => 0,
            Place::Heap(bytes) => bytes.len() + ALLOCATION,
        }
    }
}

/// Whether two strings are the same; for short ones without a call, which a look-up per record would feel.
#[inline]
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        8..=16 => a.first_chunk::<8>() == b.first_chunk() && a.last_chunk::<8>() == b.last_chunk(),
        4..=7 => a.first_chunk::<4>() == b.first_chunk() && a.last_chunk::<4>() == b.last_chunk(),
        0..=3 => a.iter().eq(b),
        _ => a == b,
    }
}

impl Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        self.as_slice()
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Bytes {}

impl PartialOrd for Bytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bytes {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_strings_lie_inside_and_long_ones_outside() {
        assert_eq!(size_of::<Bytes>(), 24);
        assert_eq!(size_of::<Option<Option<Bytes>>>(), 24);
        for len in [0, 1, 21, 22, 23, 1000] {
            let from: Vec<u8> = (0..len).map(|i| i as u8).collect();
            let bytes = Bytes::new(&from);
            assert_eq!(bytes.as_slice(), from);
            assert_eq!(bytes.heap() > 0, len > 22, "{len}");
        }
    }

    #[test]
    fn strings_are_the_same_if_no_byte_differs() {
        for len in 0..40 {
            let a: Vec<u8> = (0..len).collect();
            assert!(same(&a, &a.clone()));
            assert!(!same(&a, &[&a[..], &[0]].concat()), "a longer one");
            for at in 0..a.len() {
                let mut b = a.clone();
                b[at] ^= 0x80;
                assert!(!same(&a, &b), "byte {at} of {len}");
            }
        }
    }

    #[test]
    fn any_string_replaces_any_other() {
        let lengths = [0, 5, 22, 23, 23, 40, 3];
        let mut bytes = Bytes::new(b"");
        for (turn, len) in lengths.into_iter().enumerate() {
            let from = vec![turn as u8; len];
            bytes.set(&from);
            assert_eq!(bytes, Bytes::new(&from));
        }
    }

    #[test]
    fn a_value_of_the_same_length_keeps_its_allocation() {
        let mut bytes = Bytes::new(&[1; 100]);
        let place = bytes.as_slice().as_ptr();
        bytes.set(&[2; 100]);
        assert_eq!((bytes.as_slice().as_ptr(), bytes.as_slice()), (place, &[2; 100][..]));
    }
}
