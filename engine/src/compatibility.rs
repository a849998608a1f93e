//! Whether a release of a function can go on with the state that an older one left. Owns the comparison of what the two
//! declare; what follows from it is for who asks.

use std::fmt;

use invoker_core::function::{Description, StateKind, StateSpec};

/// Why a newer release cannot go on with a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateIncompatibility {
    /// Name of the state.
    pub state: String,
    pub reason: Incompatibility,
}

/// What is wrong with a state of the newer release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incompatibility {
    /// It is not declared any more.
    Dropped,
    KindChanged {
        older: StateKind,
        newer: StateKind,
    },
    /// It writes an older encoding than is stored, and does not read the stored one.
    VersionLowered {
        older: u32,
        newer: u32,
    },
    /// An encoding that may be stored, because the older release writes or reads it, is not read.
    VersionUnread {
        version: u32,
    },
}

/// Everything in which `newer` cannot go on with the state of `older`, in the order of the older one's states.
///
/// A state that is new, and another time to live, prefetching or documentation, hinder nothing.
///
/// ```
/// use invoker_core::function::{Description, StateKind, StateSpec};
///
/// let state = |version, reads| StateSpec {
///     name: "count".to_owned(),
///     kind: StateKind::Value,
///     prefetch: true,
///     ttl: None,
///     version,
///     reads,
///     doc: String::new(),
/// };
/// let with = |state| Description { states: vec![state], ..Description::default() };
/// let older = with(state(1, vec![]));
/// assert!(invoker_engine::state_incompatibilities(&older, &with(state(2, vec![1]))).is_empty());
/// assert_eq!(invoker_engine::state_incompatibilities(&older, &with(state(2, vec![]))).len(), 1);
/// ```
pub fn state_incompatibilities(older: &Description, newer: &Description) -> Vec<StateIncompatibility> {
    let found = older.states.iter().flat_map(|before| {
        let after = newer.states.iter().find(|after| after.name == before.name);
        let reasons = after.map_or_else(|| vec![Incompatibility::Dropped], |after| compared(before, after));
        reasons.into_iter().map(|reason| StateIncompatibility { state: before.name.clone(), reason })
    });
    found.collect()
}

fn compared(before: &StateSpec, after: &StateSpec) -> Vec<Incompatibility> {
    if before.kind != after.kind {
        return vec![Incompatibility::KindChanged { older: before.kind, newer: after.kind }];
    }
    let is_read = |version: u32| version == after.version || after.reads.contains(&version);
    let mut stored = vec![before.version];
    stored.extend(before.reads.iter().filter(|version| **version != before.version));
    let unread = stored.into_iter().filter(|version| !is_read(*version));
    let reason = |version: u32| {
        if version == before.version && after.version < version {
            Incompatibility::VersionLowered { older: version, newer: after.version }
        } else {
            Incompatibility::VersionUnread { version }
        }
    };
    unread.map(reason).collect()
}

impl Incompatibility {
    /// A short name that stays: `dropped`, `kind-changed`, `version-lowered`, `version-unread`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::KindChanged { .. } => "kind-changed",
            Self::VersionLowered { .. } => "version-lowered",
            Self::VersionUnread { .. } => "version-unread",
        }
    }
}

impl fmt::Display for StateIncompatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = &self.state;
        match self.reason {
            Incompatibility::Dropped => write!(
                f,
                "state {state:?} is not declared any more; what is stored of it would lie there unread; \
                 declare it, or start anew under another id"
            ),
            Incompatibility::KindChanged { older, newer } => write!(
                f,
                "state {state:?} was a {}, and is a {}; what is stored has the form of the first; \
                 give the new one another name",
                kind(older),
                kind(newer)
            ),
            Incompatibility::VersionLowered { older, newer } => write!(
                f,
                "state {state:?} is written in version {newer}, and version {older} may be stored; \
                 version {older} is not read; raise the version, and read the older ones"
            ),
            Incompatibility::VersionUnread { version } => write!(
                f,
                "state {state:?} may be stored in version {version}, which is not read; \
                 add {version} to the versions that are read"
            ),
        }
    }
}

fn kind(kind: StateKind) -> &'static str {
    match kind {
        StateKind::Value => "value",
        StateKind::Map => "map",
        StateKind::SortedMap => "sorted map",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(name: &str, kind: StateKind, version: u32, reads: &[u32]) -> StateSpec {
        let (name, reads) = (name.to_owned(), reads.to_vec());
        StateSpec { name, kind, prefetch: false, ttl: None, version, reads, doc: String::new() }
    }

    fn of(states: &[StateSpec]) -> Description {
        Description { states: states.to_vec(), ..Description::default() }
    }

    fn reasons(older: &StateSpec, newer: &StateSpec) -> Vec<Incompatibility> {
        let found =
            state_incompatibilities(&of(std::slice::from_ref(older)), &of(std::slice::from_ref(newer)));
        found.into_iter().map(|found| found.reason).collect()
    }

    #[test]
    fn a_state_that_is_gone_is_dropped_and_one_that_is_new_hinders_nothing() {
        let (a, b) = (state("a", StateKind::Value, 1, &[]), state("b", StateKind::Map, 1, &[]));
        let found = state_incompatibilities(&of(&[a.clone(), b.clone()]), &of(std::slice::from_ref(&b)));
        assert_eq!(found, [StateIncompatibility { state: "a".to_owned(), reason: Incompatibility::Dropped }]);
        assert!(found.iter().all(|found| found.to_string().starts_with("state \"a\" is not declared")));
        assert!(state_incompatibilities(&of(&[]), &of(&[a, b])).is_empty());
    }

    #[test]
    fn another_kind_is_told_alone() {
        let older = state("a", StateKind::Map, 2, &[1]);
        let newer = state("a", StateKind::SortedMap, 1, &[]);
        let changed = Incompatibility::KindChanged { older: StateKind::Map, newer: StateKind::SortedMap };
        assert_eq!(reasons(&older, &newer), [changed]);
    }

    #[test]
    fn every_version_that_may_be_stored_is_to_be_read() {
        let at = |version, reads: &[u32]| state("a", StateKind::Value, version, reads);
        assert!(reasons(&at(1, &[]), &at(1, &[])).is_empty());
        assert!(reasons(&at(1, &[]), &at(2, &[1])).is_empty());
        assert!(reasons(&at(2, &[1]), &at(3, &[2, 1])).is_empty());
        assert_eq!(reasons(&at(1, &[]), &at(2, &[])), [Incompatibility::VersionUnread { version: 1 }]);
        assert_eq!(reasons(&at(2, &[1]), &at(2, &[])), [Incompatibility::VersionUnread { version: 1 }]);
        let lowered = Incompatibility::VersionLowered { older: 2, newer: 1 };
        assert_eq!(reasons(&at(2, &[1]), &at(1, &[])), [lowered]);
        // A release that was prepared to be gone back to.
        assert!(reasons(&at(2, &[1]), &at(1, &[2])).is_empty());
    }

    #[test]
    fn time_to_live_prefetching_and_words_may_change() {
        let older = state("a", StateKind::Value, 1, &[]);
        let newer = StateSpec { prefetch: true, ttl: Some(5), doc: "x".to_owned(), ..older.clone() };
        assert!(reasons(&older, &newer).is_empty());
    }
}
