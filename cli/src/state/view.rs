//! The state of one entity: its partitions, what is under a key, and everything. What has expired is not there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::time::{SystemTime, UNIX_EPOCH};

use invoker_core::records::Column;
use invoker_host::state::{Error as StateError, Item, Page, Read, Scan, Scope, StateKind, StateStore, Walk};

use super::entry::Entry;
use crate::data::state_failed;
use crate::error::{Error, Exit};
use crate::looking::Keyed;

/// Items asked for at a time.
const PAGE: usize = 1000;

/// Whoever takes entries, until he says `false`.
type Taker<'a> = &'a mut dyn FnMut(&Entry<'_>) -> Result<bool, Error>;

/// One entity's state.
pub(super) struct View<'a> {
    store: &'a dyn StateStore,
    deployment: String,
    entity: &'a str,
    partition: Option<u32>,
    scopes: Vec<Scope>,
    /// Milliseconds since 1970; what expired before is not there.
    now: i64,
}

impl<'a> View<'a> {
    /// The entity of this name, or one partition of it.
    pub(super) fn open(keyed: &'a Keyed, entity: &'a str, partition: Option<u32>) -> Result<Self, Error> {
        let store = &*keyed.store;
        let mut scopes = scopes(store, entity, keyed.deployment.as_deref())?;
        let deployment = scopes.first().map(|scope| scope.deployment.clone()).unwrap_or_default();
        if let Some(wanted) = partition {
            let all: Vec<String> = scopes.iter().map(|scope| scope.partition.to_string()).collect();
            scopes.retain(|scope| scope.partition == wanted);
            if scopes.is_empty() {
                let what = format!("partition {wanted} of {entity:?} has no state");
                let why = format!("there are {}", all.join(", "));
                return Err(Error::new(Exit::Usage, what, why, "name another --partition"));
            }
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as i64);
        Ok(Self { store, deployment, entity, partition, scopes, now })
    }

    /// Refuses a name that no state has.
    pub(super) fn check_state(&self, name: &str) -> Result<(), Error> {
        let mut known = BTreeSet::new();
        for scope in &self.scopes {
            let meta = self.store.meta(scope).map_err(|error| failed(&error))?;
            known.extend(meta.into_iter().flat_map(|meta| meta.versions.into_keys()));
        }
        if known.contains(name) {
            return Ok(());
        }
        let names: Vec<&str> = known.iter().map(String::as_str).collect();
        let what = format!("entity {:?} has no state {name:?}", self.entity);
        Err(Error::new(Exit::Usage, what, has(&names), "name one of those"))
    }

    /// The value or the fields under a key, whichever partition has them.
    pub(super) fn under(&self, state: &str, key: &[u8], take: Taker<'_>) -> Result<(), Error> {
        for scope in &self.scopes {
            if !self.read(scope, state, StateKind::Value, key, None, take)? {
                self.fields(scope, state, key, take)?;
            }
        }
        Ok(())
    }

    /// One field of a map.
    pub(super) fn field(&self, state: &str, key: &[u8], field: &[u8], take: Taker<'_>) -> Result<(), Error> {
        for scope in &self.scopes {
            self.read(scope, state, StateKind::Map, key, Some(field), take)?;
        }
        Ok(())
    }

    /// Whether there is a value, and no map, under a key.
    pub(super) fn has_value(&self, state: &str, key: &[u8]) -> Result<bool, Error> {
        let mut found = false;
        for scope in &self.scopes {
            found |= self.read(scope, state, StateKind::Value, key, None, &mut |_| Ok(true))?;
        }
        Ok(found)
    }

    /// What to walk through for everything.
    pub(super) fn everything(&self) -> Walk<'_> {
        let (deployment, entity) = (&self.deployment, self.entity);
        Walk { deployment, entity, partition: self.partition, state: None, prefix: b"" }
    }

    /// Hands on what a walk shows.
    pub(super) fn walk(
        &self,
        walk: Walk<'_>,
        mut take: impl FnMut(&Entry<'_>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        let mut broken = None;
        let mut step = |item: &Item<'_>| {
            let &Item { partition, state, key, field, value, expires } = item;
            if self.is_gone(expires) {
                return ControlFlow::Continue(());
            }
            take(&Entry { partition, state, key, field, value, expires }).unwrap_or_else(|error| {
                broken = Some(error);
                ControlFlow::Break(())
            })
        };
        self.store.walk(walk, &mut step).map_err(|error| failed(&error))?;
        broken.map_or(Ok(()), Err)
    }

    /// Says whether there is a value.
    fn read(
        &self,
        scope: &Scope,
        state: &str,
        kind: StateKind,
        key: &[u8],
        field: Option<&[u8]>,
        take: Taker<'_>,
    ) -> Result<bool, Error> {
        let keys: Column = [Some(key)].into_iter().collect();
        let fields: Column = [field].into_iter().collect();
        let read = Read { scope, state, kind, keys: &keys, fields: &fields };
        let values = self.store.read(&[read]).map_err(|error| failed(&error))?;
        let Some(values) = values.first() else { return Ok(false) };
        let expires = values.expires.first().copied().unwrap_or(-1);
        match values.values.get(0) {
            Some(value) if !self.is_gone(expires) => {
                take(&Entry { partition: scope.partition, state, key, field, value, expires })?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// The fields of a map in byte order. A sorted one can be read as if it were not, which takes fewer rights.
    fn fields(&self, scope: &Scope, state: &str, key: &[u8], take: Taker<'_>) -> Result<(), Error> {
        let mut all = BTreeMap::new();
        let mut start: Option<Vec<u8>> = None;
        loop {
            let (kind, from) = (StateKind::Map, start.as_deref());
            let scan = Scan { scope, state, kind, key: Some(key), prefix: b"", start: from, limit: PAGE };
            let Page { fields, values, expires, next } =
                self.store.scan(scan).map_err(|error| failed(&error))?;
            let rows = fields.iter().zip(values.iter()).zip(expires);
            all.extend(rows.filter(|(_, expires)| !self.is_gone(*expires)).map(
                |((field, value), expires)| {
                    let owned = |bytes: Option<&[u8]>| bytes.unwrap_or_default().to_vec();
                    (owned(field), (owned(value), expires))
                },
            ));
            match next {
                Some(next) => start = Some(next),
                None => break,
            }
        }
        for (field, (value, expires)) in &all {
            let (partition, field) = (scope.partition, Some(field.as_slice()));
            if !take(&Entry { partition, state, key, field, value, expires: *expires })? {
                break;
            }
        }
        Ok(())
    }

    fn is_gone(&self, expires: i64) -> bool {
        expires >= 0 && expires <= self.now
    }
}

/// The partitions of an entity, all of one deployment, by number.
fn scopes(store: &dyn StateStore, entity: &str, deployment: Option<&str>) -> Result<Vec<Scope>, Error> {
    let all = store.scopes().map_err(|error| failed(&error))?;
    let of_deployment = |scope: &&Scope| deployment.is_none_or(|deployment| deployment == scope.deployment);
    let mut scopes: Vec<Scope> =
        all.iter().filter(of_deployment).filter(|scope| scope.entity == entity).cloned().collect();
    scopes.sort();
    let (first, last) = match (scopes.first(), scopes.last()) {
        (Some(first), Some(last)) => (first, last),
        _ => {
            let names = all.iter().filter(of_deployment).map(|scope| scope.entity.as_str());
            let names: BTreeSet<&str> = names.collect();
            let names: Vec<&str> = names.into_iter().collect();
            let of = deployment.map(|name| format!(" of deployment {name:?}")).unwrap_or_default();
            let what = format!("there is no state of an entity {entity:?}{of}");
            return Err(Error::new(Exit::Usage, what, has(&names), "name another entity or --deployment"));
        }
    };
    if first.deployment != last.deployment {
        let what = format!("several deployments have an entity {entity:?}");
        let why = format!("{:?} and {:?} do", first.deployment, last.deployment);
        return Err(Error::new(Exit::Usage, what, why, "name one with --deployment"));
    }
    Ok(scopes)
}

fn has(names: &[&str]) -> String {
    if names.is_empty() {
        "there is none at all".to_owned()
    } else {
        format!("there are {}", names.join(", "))
    }
}

fn failed(error: &StateError) -> Error {
    state_failed("cannot read the state", error)
}
