//! Where things lie in the database: keys that sort as the state does and never run into each other.
//!
//! | space | key | value |
//! | --- | --- | --- |
//! | `state.control` | deployment, entity, partition | [`Control`](super::control::Control) |
//! | `state.pending` | number of the scope, place of the stage | [rows](super::rows) |
//! | `state.live` | number of the scope, number of the state, record key (, field) | expiry, bytes |
//!
//! Numbers are big-endian and of fixed width. A string with something behind it is escaped: 0x00 becomes 0x00 0xff, and
//! 0x00 0x01 ends it; so no escaped string is the beginning of another, and they sort as the strings do. The last part
//! of a key lies there as it is.

use crate::state::Scope;

pub(super) type Number = u32;

const ESCAPED: u8 = 0xff;
const END: u8 = 0x01;

/// How a state lies in the database. Maps and sorted maps lie there alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Shape {
    Value,
    Fields,
}

impl From<crate::state::StateKind> for Shape {
    fn from(kind: crate::state::StateKind) -> Self {
        match kind {
            crate::state::StateKind::Value => Self::Value,
            crate::state::StateKind::Map | crate::state::StateKind::SortedMap => Self::Fields,
        }
    }
}

pub(super) fn escape(part: &[u8], key: &mut Vec<u8>) {
    escape_open(part, key);
    key.extend([0, END]);
}

/// What all escaped strings begin with that begin with this.
pub(super) fn escape_open(part: &[u8], key: &mut Vec<u8>) {
    for &byte in part {
        key.push(byte);
        if byte == 0 {
            key.push(ESCAPED);
        }
    }
}

/// Takes an escaped string off the front.
pub(super) fn unescape(key: &mut &[u8]) -> Option<Vec<u8>> {
    let mut part = Vec::new();
    loop {
        let (&byte, rest) = key.split_first()?;
        *key = rest;
        if byte != 0 {
            part.push(byte);
            continue;
        }
        let (&mark, rest) = key.split_first()?;
        *key = rest;
        match mark {
            ESCAPED => part.push(0),
            END => return Some(part),
            _ => return None,
        }
    }
}

pub(super) fn control_key(scope: &Scope) -> Vec<u8> {
    let mut key = Vec::with_capacity(scope.deployment.len() + scope.entity.len() + 8);
    escape(scope.deployment.as_bytes(), &mut key);
    escape(scope.entity.as_bytes(), &mut key);
    key.extend(scope.partition.to_be_bytes());
    key
}

/// `None` where the key is none of ours.
pub(super) fn scope_of(mut key: &[u8]) -> Option<Scope> {
    let deployment = String::from_utf8(unescape(&mut key)?).ok()?;
    let entity = String::from_utf8(unescape(&mut key)?).ok()?;
    Some(Scope { deployment, entity, partition: u32::from_be_bytes(key.try_into().ok()?) })
}

pub(super) fn pending_key(scope: Number, place: u64) -> [u8; 12] {
    let mut key = [0; 12];
    let (front, back) = key.split_at_mut(4);
    front.copy_from_slice(&scope.to_be_bytes());
    back.copy_from_slice(&place.to_be_bytes());
    key
}

/// Replaces `key` by what all keys of a state begin with.
pub(super) fn state_prefix(scope: Number, state: u16, key: &mut Vec<u8>) {
    key.clear();
    key.extend(scope.to_be_bytes());
    key.extend(state.to_be_bytes());
}

/// The end of the keys that begin with `prefix`; `None` = the end of the space.
pub(super) fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut end = prefix.get(..=last)?.to_vec();
    if let Some(byte) = end.last_mut() {
        *byte += 1;
    }
    Some(end)
}

/// Bytes in front of a stored value.
pub(super) const EXPIRY: usize = 8;

/// Takes a stored value apart: its expiry and its bytes.
pub(super) fn stored(value: &[u8]) -> Option<(i64, &[u8])> {
    let (expires, bytes) = value.split_first_chunk::<EXPIRY>()?;
    Some((i64::from_be_bytes(*expires), bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(part: &[u8]) -> Vec<u8> {
        let mut key = Vec::new();
        escape(part, &mut key);
        key
    }

    /// Strings of the bytes that matter to the escaping.
    fn part() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(vec![0x00, 0x01, 0x02, b'a', 0xfe, 0xff]), 0..6)
    }

    proptest! {
        #[test]
        fn escaped_strings_sort_as_the_strings_do(a in part(), b in part()) {
            prop_assert_eq!(escaped(&a).cmp(&escaped(&b)), a.cmp(&b));
        }

        #[test]
        fn no_escaped_string_begins_another(a in part(), b in part()) {
            prop_assert_eq!(escaped(&a).starts_with(&escaped(&b)), a == b);
        }

        #[test]
        fn an_escaped_string_is_read_back_and_its_rest_kept(a in part(), rest in part()) {
            let key = [escaped(&a), rest.clone()].concat();
            let mut left = &key[..];
            prop_assert_eq!(unescape(&mut left), Some(a));
            prop_assert_eq!(left, &rest[..]);
        }

        #[test]
        fn keys_of_a_prefix_lie_in_front_of_its_end(prefix in part(), key in part()) {
            let below = prefix_end(&prefix).is_none_or(|end| key < end);
            prop_assert_eq!(key >= prefix && below, key.starts_with(&prefix));
        }
    }

    #[test]
    fn a_scope_is_read_back_from_its_key() {
        for (deployment, entity) in [("default.words", "count"), ("", ""), ("a\0b", "\0"), ("ü", "a/b[3]")] {
            let scope =
                Scope { deployment: deployment.into(), entity: entity.into(), partition: 0x00ff_0100 };
            assert_eq!(scope_of(&control_key(&scope)), Some(scope));
        }
        assert_eq!(scope_of(b"words"), None);
        assert_eq!(scope_of(b"a\x00\x01b\x00\x01\x00\x00\x00"), None, "a partition of three bytes");
    }
}
