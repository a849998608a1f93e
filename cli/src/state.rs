//! `invoker state`: looks into the keyed state of a data directory, as of the last promoted commit.

use std::time::{SystemTime, UNIX_EPOCH};

use invoker_core::records::Column;
use invoker_host::state::{Read, Scan, Scope, StateKind, StateStore};
use serde_json::{Map, Value};

use crate::args::{StateAt, StateGetArgs, StateScanArgs};
use crate::data::state_failed;
use crate::deployments::Deployment;
use crate::error::{Error, Exit};
use crate::print::Printer;
use crate::records::bytes_field;
use crate::tail::shown;

/// Items asked for at a time.
const PAGE: usize = 1000;

/// One state of one entity.
struct View<'a> {
    store: &'a dyn StateStore,
    name: &'a str,
    kind: StateKind,
    scopes: Vec<Scope>,
    /// Milliseconds since 1970; what expired before is not there.
    now: i64,
}

/// One entry of a state.
struct Entry<'a> {
    partition: u32,
    key: &'a [u8],
    field: Option<&'a [u8]>,
    value: &'a [u8],
    expires: i64,
}

/// Prints the value of a key, or the fields of a map.
pub(crate) fn get(
    store: &dyn StateStore,
    deployments: &[Deployment],
    args: &StateGetArgs,
    printer: &mut Printer,
) -> Result<(), Error> {
    let view = View::open(store, deployments, &args.entity, &args.state, &args.at)?;
    let (key, field) = (args.key.as_bytes(), args.field.as_deref().map(str::as_bytes));
    let mut found = 0;
    for scope in &view.scopes {
        found += match (view.kind, field) {
            (StateKind::Value, Some(_)) => {
                let what = format!("state {:?} has no fields", args.state);
                return Err(Error::new(Exit::Usage, what, "it holds one value per key", "leave --field out"));
            }
            (StateKind::Map | StateKind::SortedMap, None) => {
                view.scan(scope, Some(key), b"", u64::MAX, printer)?
            }
            _ => view.read(scope, key, field, printer)?,
        };
    }
    if found > 0 {
        return Ok(());
    }
    let what =
        format!("there is nothing under key {:?} in state {:?} of {:?}", args.key, args.state, args.entity);
    Err(Error::new(Exit::Usage, what, "no partition has it", "`invoker state scan` lists keys"))
}

/// Prints the keys and values of a value state.
pub(crate) fn scan(
    store: &dyn StateStore,
    deployments: &[Deployment],
    args: &StateScanArgs,
    printer: &mut Printer,
) -> Result<(), Error> {
    let view = View::open(store, deployments, &args.entity, &args.state, &args.at)?;
    if view.kind != StateKind::Value {
        let what = format!("state {:?} cannot be scanned by key", args.state);
        let help = "`invoker state get ENTITY STATE KEY` lists the fields of one key";
        return Err(Error::new(Exit::Usage, what, "it is a map: it is scanned within a key", help));
    }
    let mut left = args.limit.unwrap_or(u64::MAX);
    for scope in view.scopes.iter().filter(|scope| args.partition.is_none_or(|p| p == scope.partition)) {
        left -= view.scan(scope, None, args.prefix.as_bytes(), left, printer)?;
    }
    Ok(())
}

impl<'a> View<'a> {
    fn open(
        store: &'a dyn StateStore,
        deployments: &[Deployment],
        entity: &str,
        name: &'a str,
        at: &StateAt,
    ) -> Result<Self, Error> {
        let scopes = scopes(store, entity, at.deployment.as_deref())?;
        let deployment = scopes.first().map(|scope| scope.deployment.as_str()).unwrap_or_default();
        let declared = deployments
            .iter()
            .find(|known| known.document.deployment == deployment)
            .and_then(|known| known.states.get(entity));
        let kind = match declared {
            None => StateKind::Value,
            Some(states) => match states.iter().find(|state| state.name == name) {
                Some(state) => state.kind,
                None => {
                    let names: Vec<_> = states.iter().map(|state| state.name.as_str()).collect();
                    let what = format!("entity {entity:?} has no state {name:?}");
                    return Err(Error::new(Exit::Usage, what, has(&names), "name one of those"));
                }
            },
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_millis() as i64);
        Ok(Self { store, name, kind, scopes, now })
    }

    fn read(
        &self,
        scope: &Scope,
        key: &[u8],
        field: Option<&[u8]>,
        printer: &mut Printer,
    ) -> Result<u64, Error> {
        let keys: Column = [Some(key)].into_iter().collect();
        let fields: Column = [field].into_iter().collect();
        let read = Read { scope, state: self.name, kind: self.kind, keys: &keys, fields: &fields };
        let values = self.store.read(&[read]).map_err(|error| failed(&error))?;
        let Some(values) = values.first() else { return Ok(0) };
        let Some(value) = values.values.get(0) else { return Ok(0) };
        let expires = values.expires.first().copied().unwrap_or(-1);
        self.print(&Entry { partition: scope.partition, key, field, value, expires }, printer)
    }

    /// The keys of a value state, or the fields of `key`; says how many were printed.
    fn scan(
        &self,
        scope: &Scope,
        key: Option<&[u8]>,
        prefix: &[u8],
        limit: u64,
        printer: &mut Printer,
    ) -> Result<u64, Error> {
        let mut printed = 0;
        let mut start: Option<Vec<u8>> = None;
        while printed < limit && !printer.is_closed() {
            let (state, kind, from) = (self.name, self.kind, start.as_deref());
            let scan = Scan { scope, state, kind, key, prefix, start: from, limit: PAGE };
            let page = self.store.scan(scan).map_err(|error| failed(&error))?;
            for i in 0..page.fields.len() {
                if printed == limit {
                    break;
                }
                let (item, value) =
                    (page.fields.get(i).unwrap_or_default(), page.values.get(i).unwrap_or_default());
                let (key, field) = key.map_or((item, None), |key| (key, Some(item)));
                let expires = page.expires.get(i).copied().unwrap_or(-1);
                printed +=
                    self.print(&Entry { partition: scope.partition, key, field, value, expires }, printer)?;
            }
            match page.next {
                Some(next) => start = Some(next),
                None => break,
            }
        }
        Ok(printed)
    }

    /// 0 = it has expired.
    fn print(&self, entry: &Entry<'_>, printer: &mut Printer) -> Result<u64, Error> {
        if entry.expires >= 0 && entry.expires <= self.now {
            return Ok(0);
        }
        printer.item(|| text(entry), || json(entry))?;
        Ok(1)
    }
}

fn text(entry: &Entry<'_>) -> String {
    let field = entry.field.map(|field| format!("{}  ", shown(Some(field)))).unwrap_or_default();
    format!("{}  {}  {field}{}", entry.partition, shown(Some(entry.key)), shown(Some(entry.value)))
}

fn json(entry: &Entry<'_>) -> Value {
    let mut object = Map::new();
    object.insert("partition".to_owned(), entry.partition.into());
    bytes_field(&mut object, "key", Some(entry.key));
    if entry.field.is_some() {
        bytes_field(&mut object, "field", entry.field);
    }
    bytes_field(&mut object, "value", Some(entry.value));
    if entry.expires >= 0 {
        object.insert("expires".to_owned(), entry.expires.into());
    }
    object.into()
}

/// The partitions of an entity, all of one deployment, by number.
fn scopes(store: &dyn StateStore, entity: &str, deployment: Option<&str>) -> Result<Vec<Scope>, Error> {
    let all = store.scopes().map_err(|error| failed(&error))?;
    let wanted = |scope: &&Scope| scope.entity == entity && deployment.is_none_or(|d| d == scope.deployment);
    let mut scopes: Vec<Scope> = all.iter().filter(wanted).cloned().collect();
    scopes.sort();
    let (first, last) = match (scopes.first(), scopes.last()) {
        (Some(first), Some(last)) => (first, last),
        _ => {
            let mut names: Vec<_> = all.iter().map(|scope| scope.entity.as_str()).collect();
            names.sort_unstable();
            names.dedup();
            let what = format!("there is no state of an entity {entity:?}");
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

fn failed(error: &invoker_host::state::Error) -> Error {
    state_failed("cannot read the state", error)
}
