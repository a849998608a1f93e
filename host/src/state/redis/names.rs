//! Names of the keys of a scope, and where they lie in a cluster.
//!
//! | key, behind `{prefix:1:<deployment>:<entity>:<partition>}` | type | holds |
//! | --- | --- | --- |
//! | `:control` | hash | `owner`, `cand`, `tids`, `old`, `lastseq`, `applied`, `next`, `pending` (ids and positions) |
//! | `:pending` | hash | per id of a stage that waits: its [packed changes](super::changes) |
//! | `:meta` | string | [`Meta`](crate::state::Meta) as JSON |
//! | `:v:<state>` | hash | a value state: record key → [value](super::values) |
//! | `:m:<state>:<key>` | hash | one key of a map state: field → value |
//! | `:z:<state>:<key>` | sorted set | the fields of a sorted map in byte order |
//! | `:ttl` | set | the hashes that hold values with an expiry, without their root (`z` for a sorted map) |
//!
//! Name parts are percent-encoded but for letters, digits and `-._~`. What is in braces decides the slot, so all of a
//! scope lies together.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use crate::state::Scope;

/// Format of everything under a scope; part of its keys.
pub(super) const FORMAT: u32 = 1;

const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

const SLOTS: u16 = 16384;

/// The keys of one scope.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// What they all begin with, the colon included.
    root: String,
    pub(super) slot: u16,
}

impl Names {
    pub(super) fn of(prefix: &str, scope: &Scope) -> Self {
        let tag = format!(
            "{prefix}:{FORMAT}:{}:{}:{}",
            percent_encode(scope.deployment.as_bytes(), ENCODED),
            percent_encode(scope.entity.as_bytes(), ENCODED),
            scope.partition
        );
        let slot = crc16::State::<crc16::XMODEM>::calculate(tag.as_bytes()) % SLOTS;
        Self { root: format!("{{{tag}}}:"), slot }
    }

    pub(super) fn key(&self, name: &str) -> String {
        [&self.root, name].concat()
    }

    pub(super) fn control(&self) -> String {
        self.key("control")
    }

    pub(super) fn pending(&self) -> String {
        self.key("pending")
    }
}

/// Name of a value state, behind the root.
pub(super) fn value_state(state: &str) -> String {
    format!("v:{}", percent_encode(state.as_bytes(), ENCODED))
}

/// Name of one key of a map state, behind the root; `index` = its fields in order.
pub(super) fn map_key(state: &str, key: &[u8], index: bool) -> String {
    let space = if index { 'z' } else { 'm' };
    format!("{space}:{}:{}", percent_encode(state.as_bytes(), ENCODED), percent_encode(key, ENCODED))
}

/// Pattern of the control keys of all scopes.
pub(super) fn control_pattern(prefix: &str) -> String {
    format!("{{{prefix}:{FORMAT}:*}}:control")
}

/// Pattern of the keys that hold values of an entity.
pub(super) fn values_pattern(prefix: &str, deployment: &str, entity: &str, partition: Option<u32>) -> String {
    let encoded = |part: &str| percent_encode(part.as_bytes(), ENCODED).to_string();
    let partition = partition.map_or_else(|| "*".to_owned(), |partition| partition.to_string());
    format!("{{{prefix}:{FORMAT}:{}:{}:{partition}}}:[vm]:*", encoded(deployment), encoded(entity))
}

/// What a key that holds values holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) scope: Scope,
    pub(super) state: String,
    /// Of a map state.
    pub(super) key: Option<Vec<u8>>,
}

/// `None` where the key is none of ours, or holds no values.
pub(super) fn holder_of(prefix: &str, key: &str) -> Option<Holder> {
    let (tag, name) = key.split_once("}:")?;
    let scope = scope_of_tag(prefix, tag.strip_prefix('{')?)?;
    let mut parts = name.split(':');
    let (space, state, key) = (parts.next()?, parts.next()?, parts.next());
    let state = percent_decode_str(state).decode_utf8().ok()?.into_owned();
    let key = key.map(|key| percent_decode_str(key).collect());
    let fits = matches!((space, &key), ("v", None) | ("m", Some(_))) && parts.next().is_none();
    fits.then_some(Holder { scope, state, key })
}

/// `None` where the key is no control key of ours.
pub(super) fn scope_of(prefix: &str, key: &str) -> Option<Scope> {
    scope_of_tag(prefix, key.strip_prefix('{')?.strip_suffix("}:control")?)
}

fn scope_of_tag(prefix: &str, tag: &str) -> Option<Scope> {
    let tag = tag.strip_prefix(prefix)?;
    let mut parts = tag.strip_prefix(':')?.split(':');
    let mut next = || parts.next();
    let (format, deployment, entity, partition) = (next()?, next()?, next()?, next()?);
    if format != FORMAT.to_string() || parts.next().is_some() {
        return None;
    }
    let decoded = |part| Some(percent_decode_str(part).decode_utf8().ok()?.into_owned());
    Some(Scope {
        deployment: decoded(deployment)?,
        entity: decoded(entity)?,
        partition: partition.parse().ok()?,
    })
}

/// Whether a prefix can stand in front of our keys and be found again in patterns.
pub(super) fn is_prefix(prefix: &str) -> bool {
    !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_read_back_from_its_control_key() {
        for (deployment, entity) in [("default.words", "count"), ("", ""), (":", "%ü {}"), ("\0", "a:1")] {
            let scope =
                Scope { deployment: deployment.into(), entity: entity.into(), partition: 0x0100_0000 };
            let names = Names::of("in:voker", &scope);
            assert_eq!(scope_of("in:voker", &names.control()), Some(scope));
        }
        for key in
            ["{invoker:2:a:b:1}:control", "{invoker:1:a:b:1}:meta", "{invoker:1:a:b:x}:control", "control"]
        {
            assert_eq!(scope_of("invoker", key), None, "{key}");
        }
    }

    #[test]
    fn what_a_key_holds_is_read_back() {
        let scope = Scope { deployment: ":".into(), entity: "a{}".into(), partition: 3 };
        let names = Names::of("in:voker", &scope);
        let held = |name: &str| holder_of("in:voker", &names.key(name));
        let holder =
            |key: Option<&[u8]>| Holder { scope: scope.clone(), state: "s:".into(), key: key.map(Vec::from) };
        assert_eq!(held(&value_state("s:")), Some(holder(None)));
        for key in [&b""[..], b"k", b":}\xff"] {
            assert_eq!(held(&map_key("s:", key, false)), Some(holder(Some(key))));
            assert_eq!(held(&map_key("s:", key, true)), None, "an index");
        }
        for other in ["control", "meta", "ttl", "v:s:k", "m:s"] {
            assert_eq!(held(other), None, "{other}");
        }
    }

    #[test]
    fn names_are_what_the_documentation_says() {
        let scope = Scope { deployment: "default.words".into(), entity: "count".into(), partition: 3 };
        let names = Names::of("invoker", &scope);
        assert_eq!(names.control(), "{invoker:1:default.words:count:3}:control");
        assert_eq!(
            names.key(&map_key("last:seen", b"a\xff", false)),
            names.root.clone() + "m:last%3Aseen:a%FF"
        );
        assert_eq!(value_state("words"), "v:words");
    }

    /// From the description of Redis Cluster.
    #[test]
    fn slots_are_those_of_redis() {
        assert_eq!(crc16::State::<crc16::XMODEM>::calculate(b"123456789"), 0x31c3);
    }
}
