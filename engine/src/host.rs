//! The interfaces `host` and `state` of the contract: what a function may ask of its host. Every index and length is
//! checked against the batch and the description before the host's own state sees it.

use invoker_core::function::{StateKind, StateSpec};
use invoker_core::records::Column;
use wasmtime::component::Linker;

use crate::contract::{Level, OwnedColumn, PACKAGE, Page, SERVED};
use crate::guest::{Guest, HostError, Panic, Phase};
use crate::lines::cut;
use crate::log::LogLevel;
use crate::state::{ScanLimit, StateAccess, StateError};

/// Longest message and file name of a panic that are kept, bytes.
const PANIC_BYTES: usize = 16 << 10;
/// Most fields of a page, whatever is asked for.
const PAGE: u32 = 1024;

/// Makes both interfaces known to the linker.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    link_host(linker)?;
    link_state(linker)
}

fn link_host(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut host = linker.instance(&format!("{PACKAGE}/host@{SERVED}"))?;
    host.func_wrap("log", |mut store, (level, record, message): (Level, Option<u32>, String)| {
        store.data_mut().log(level, record, message);
        Ok(())
    })?;
    host.func_wrap(
        "panicked",
        |mut store, (record, message, file, line): (Option<u32>, String, String, u32)| {
            store.data_mut().panicked(record, message, file, line);
            Ok(())
        },
    )
}

fn link_state(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut interface = linker.instance(&format!("{PACKAGE}/state@{SERVED}"))?;
    interface.func_wrap("get-many", |mut store, (state, keys): (u16, Vec<u32>)| {
        let values = store.data_mut().get_many(state, &keys)?;
        Ok((OwnedColumn::from(values),))
    })?;
    interface.func_wrap(
        "map-get-many",
        |mut store, (state, keys, fields): (u16, Vec<u32>, OwnedColumn)| {
            let values = store.data_mut().map_get_many(state, &keys, &fields.into())?;
            Ok((OwnedColumn::from(values),))
        },
    )?;
    interface.func_wrap(
        "map-set-many",
        |mut store, (state, keys, fields, values): (u16, Vec<u32>, OwnedColumn, OwnedColumn)| {
            Ok(store.data_mut().map_set_many(state, &keys, &fields.into(), &values.into())?)
        },
    )?;
    interface.func_wrap(
        "map-scan",
        |mut store, (state, key, prefix, start, limit): (u16, u32, Vec<u8>, Option<Vec<u8>>, u32)| {
            let page = store.data_mut().map_scan(state, key, &prefix, start.as_deref(), limit)?;
            Ok((page,))
        },
    )
}

/// What a call of a state function wants.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// A value state that is not prefetched.
    Value,
    Map,
}

impl Guest {
    fn log(&mut self, level: Level, record: Option<u32>, message: String) {
        let level = match level {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        self.lines.line(level, self.known(record), message);
    }

    fn panicked(&mut self, record: Option<u32>, mut message: String, mut file: String, line: u32) {
        cut(&mut message, PANIC_BYTES);
        cut(&mut file, PANIC_BYTES);
        self.panicked = Some(Panic { record: self.known(record), message, file, line });
    }

    /// A record of the batch in hand, or none.
    fn known(&self, record: Option<u32>) -> Option<u32> {
        record.filter(|&record| (record as usize) < self.records)
    }

    fn get_many(&mut self, state: u16, keys: &[u32]) -> Result<Column, HostError> {
        self.state_of("get-many", state, Wanted::Value)?;
        self.check_keys("get-many", keys)?;
        let most = self.memory.limit;
        self.access()?.get_many(state, keys, most).map_err(HostError::state)
    }

    fn map_get_many(&mut self, state: u16, keys: &[u32], fields: &Column) -> Result<Column, HostError> {
        self.state_of("map-get-many", state, Wanted::Map)?;
        self.check_keys("map-get-many", keys)?;
        check_fields("map-get-many", keys, fields)?;
        let most = self.memory.limit;
        self.access()?.map_get_many(state, keys, fields, most).map_err(HostError::state)
    }

    fn map_set_many(
        &mut self,
        state: u16,
        keys: &[u32],
        fields: &Column,
        values: &Column,
    ) -> Result<(), HostError> {
        self.state_of("map-set-many", state, Wanted::Map)?;
        self.check_keys("map-set-many", keys)?;
        check_fields("map-set-many", keys, fields)?;
        check_column("map-set-many", "values", keys, values)?;
        // What wasmtime bounds is one call to the host, and the host keeps all of them until this one ends.
        let left = self.writable.checked_sub(fields.data.len() + values.data.len());
        self.writable = left.ok_or(HostError::OutputTooLarge)?;
        self.access()?.map_set_many(state, keys, fields, values).map_err(HostError::State)
    }

    fn map_scan(
        &mut self,
        state: u16,
        key: u32,
        prefix: &[u8],
        start: Option<&[u8]>,
        limit: u32,
    ) -> Result<Page, HostError> {
        self.state_of("map-scan", state, Wanted::Map)?;
        self.check_keys("map-scan", &[key])?;
        let limit = ScanLimit { fields: limit.min(PAGE), bytes: self.memory.limit };
        let page = self.access()?.map_scan(state, key, prefix, start, limit).map_err(HostError::state)?;
        Ok(Page { fields: page.fields.into(), values: page.values.into(), next: page.next })
    }

    fn state_of(&self, call: &'static str, state: u16, wanted: Wanted) -> Result<&StateSpec, HostError> {
        if self.phase != Phase::Process {
            return Err(HostError::NotNow("invoker:udf/state"));
        }
        let count = self.description.states.len();
        let spec = self.description.states.get(state as usize).ok_or_else(|| {
            HostError::Argument(format!("`{call}` names state {state}, but the function declares {count}"))
        })?;
        let name = &spec.name;
        match (wanted, spec.kind) {
            (Wanted::Value, StateKind::Value) if spec.prefetch => Err(HostError::Argument(format!(
                "`{call}` asks for state \"{name}\", which is handed over with the batch"
            ))),
            (Wanted::Value, StateKind::Value) => Ok(spec),
            (Wanted::Map, StateKind::Map | StateKind::SortedMap) => Ok(spec),
            (Wanted::Value, _) => {
                Err(HostError::Argument(format!("`{call}` asks for state \"{name}\", which is a map")))
            }
            (Wanted::Map, _) => Err(HostError::Argument(format!(
                "`{call}` asks for state \"{name}\", which holds one value per key"
            ))),
        }
    }

    fn check_keys(&self, call: &str, keys: &[u32]) -> Result<(), HostError> {
        match keys.iter().position(|&key| key as usize >= self.keys) {
            None => Ok(()),
            Some(at) => Err(HostError::Argument(format!(
                "`keys[{at}]` of `{call}` is {}, but the batch has {} keys",
                keys.get(at).copied().unwrap_or_default(),
                self.keys
            ))),
        }
    }

    fn access(&mut self) -> Result<&mut Box<dyn StateAccess>, HostError> {
        self.state.as_mut().ok_or_else(|| HostError::State(StateError::new("no state was lent", false)))
    }
}

fn check_fields(call: &str, keys: &[u32], fields: &Column) -> Result<(), HostError> {
    check_column(call, "fields", keys, fields)?;
    match fields.ends.iter().position(|&end| end < 0) {
        None => Ok(()),
        Some(at) => {
            Err(HostError::Argument(format!("`fields[{at}]` of `{call}` is absent, but a field has a name")))
        }
    }
}

fn check_column(call: &str, name: &str, keys: &[u32], column: &Column) -> Result<(), HostError> {
    if column.len() != keys.len() {
        return Err(HostError::Argument(format!(
            "`{name}` of `{call}` has {} items, but `keys` has {}",
            column.len(),
            keys.len()
        )));
    }
    column.check().map_err(|error| HostError::Argument(format!("`{name}` of `{call}`: {error}")))
}
