//! What becomes new, moves and goes in a namespace. Owns the comparison of what was seen with what is there; when to look is
//! for who watches.
//!
//! The store tells nobody of changes, so it is looked at. A look reads the names of records, and the records of those tags
//! alone whose number rose.

use std::collections::BTreeMap;

use crate::digest::Digest;
use crate::name::{Namespace, Repository, Tag};
use crate::store::{Store, StoreError};

/// How a tag changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    New,
    Moved,
    Deleted,
}

/// A change of one tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) kind: Kind,
    pub(crate) name: Repository,
    pub(crate) tag: Tag,
    /// `None` = it is deleted.
    pub(crate) digest: Option<Digest>,
    pub(crate) previous: Option<Digest>,
}

/// Number of the record that was read last, and what it points to.
#[derive(Clone, Debug)]
struct Seen {
    number: u64,
    digest: Option<Digest>,
}

/// What was seen of a namespace.
#[derive(Debug)]
pub(crate) struct Watch {
    store: Store,
    /// `None` = all.
    namespace: Option<Namespace>,
    seen: BTreeMap<Repository, BTreeMap<Tag, Seen>>,
}

impl Watch {
    pub(crate) fn new(store: Store, namespace: Option<Namespace>) -> Self {
        Self { store, namespace, seen: BTreeMap::new() }
    }

    /// Changes of everything that `is_seen` says yes to, since the look before.
    pub(crate) async fn look(
        &mut self,
        is_seen: impl Fn(&Repository) -> bool,
    ) -> Result<Vec<Change>, StoreError> {
        let mut names = self.store.repositories().await?;
        names.extend(self.seen.keys().cloned());
        names.sort();
        names.dedup();
        let mut changes = Vec::new();
        for name in names {
            changes.extend(self.look_at(&name, &is_seen).await?);
        }
        Ok(changes)
    }

    /// Changes of one repository.
    pub(crate) async fn look_at(
        &mut self,
        name: &Repository,
        is_seen: impl Fn(&Repository) -> bool,
    ) -> Result<Vec<Change>, StoreError> {
        if !is_seen(name) {
            self.seen.remove(name);
            return Ok(Vec::new());
        }
        if self.namespace.as_ref().is_some_and(|namespace| !namespace.covers(name)) {
            return Ok(Vec::new());
        }
        let numbers = self.store.tag_numbers(name).await?;
        let before = self.seen.entry(name.clone()).or_default();
        // A listing may leave out a tag that moves just then, so one that is missing is looked at by itself.
        let missing =
            before.iter().filter(|(tag, seen)| seen.digest.is_some() && !numbers.contains_key(*tag));
        let mut looks: Vec<Tag> = missing.map(|(tag, _)| tag.clone()).collect();
        let rose = |tag: &Tag, number: u64| before.get(tag).is_none_or(|seen| number > seen.number);
        looks.extend(numbers.iter().filter(|(tag, number)| rose(tag, **number)).map(|(tag, _)| tag.clone()));
        let mut changes = Vec::new();
        for tag in looks {
            let now = read(&self.store, name, &tag).await?;
            let previous = before.insert(tag.clone(), now.clone()).and_then(|seen| seen.digest);
            let kind = match (&previous, &now.digest) {
                (None, Some(_)) => Kind::New,
                (Some(previous), Some(digest)) if previous != digest => Kind::Moved,
                (Some(_), None) => Kind::Deleted,
                _ => continue,
            };
            changes.push(Change { kind, name: name.clone(), tag, digest: now.digest, previous });
        }
        Ok(changes)
    }
}

async fn read(store: &Store, name: &Repository, tag: &Tag) -> Result<Seen, StoreError> {
    let Some(current) = store.current(name, tag).await? else {
        return Ok(Seen { number: 0, digest: None });
    };
    let digest = match current.digest {
        Some(digest) if store.has_manifest(name, &digest).await? => Some(digest),
        _ => None,
    };
    Ok(Seen { number: current.number, digest })
}
