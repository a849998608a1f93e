//! The host's imports, answered from memory. They find their context by thread, as tests run side by side.

use super::store::Store;
use crate::bindings::invoker::udf::host::Level;
use crate::bindings::invoker::udf::state::Page;
use crate::bindings::invoker::udf::types::{Column, StateSpec, StateUpdate};
use std::cell::RefCell;
use std::mem;

thread_local! {
    static CONTEXT: RefCell<Option<Context>> = const { RefCell::new(None) };
}

/// Most fields in one page of a scan: few, so that tests turn pages.
const PAGE: usize = 4;

/// A line that the function logged.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// How much it matters.
    pub level: Level,
    /// Index of the record in its batch.
    pub record: Option<u32>,
    /// What it says.
    pub message: String,
}

/// What answers the imports during a call.
#[derive(Debug, Default)]
pub(crate) struct Context {
    pub(super) store: Store,
    pub(super) now: i64,
    pub(super) logs: Vec<LogLine>,
    specs: Vec<StateSpec>,
    keys: Vec<Vec<u8>>,
}

/// Answers the imports from `context` while `call` runs.
pub(super) fn with<T>(context: &mut Context, call: impl FnOnce() -> T) -> T {
    CONTEXT.set(Some(mem::take(context)));
    let result = call();
    *context = CONTEXT.take().unwrap_or_default();
    result
}

impl Context {
    pub(super) fn new(specs: Vec<StateSpec>) -> Self {
        // Some time in 2025: a test that takes a clock of 0 for granted should not pass.
        Self { specs, now: 1_750_000_000_000, ..Self::default() }
    }

    /// A batch with these keys is in hand.
    pub(super) fn begin(&mut self, keys: &Column) {
        self.keys = (0..keys.len()).map(|i| keys.get(i).unwrap_or_default().to_vec()).collect();
    }

    fn until(&self, state: u16) -> Option<i64> {
        let ttl = self.specs.get(usize::from(state))?.ttl?;
        Some(self.now.saturating_add(i64::try_from(ttl).unwrap_or(i64::MAX)))
    }

    pub(super) fn value(&self, state: u16, key: &[u8]) -> Option<Vec<u8>> {
        self.store.value(state, key, self.now)
    }

    pub(super) fn field(&self, state: u16, key: &[u8], field: &[u8]) -> Option<Vec<u8>> {
        self.store.field(state, key, field, self.now)
    }

    pub(super) fn put(&mut self, state: u16, key: &[u8], value: Option<&[u8]>) {
        let until = self.until(state);
        self.store.put(state, key, value, until);
    }

    pub(super) fn put_field(&mut self, state: u16, key: &[u8], field: &[u8], value: Option<&[u8]>) {
        let until = self.until(state);
        self.store.put_field(state, key, field, value, until);
    }

    pub(super) fn prefetch(&self, state: u16, keys: &Column) -> Column {
        let mut column = Column::new();
        (0..keys.len())
            .for_each(|i| column.push(self.value(state, keys.get(i).unwrap_or_default()).as_deref()));
        column
    }

    pub(super) fn apply(&mut self, update: &StateUpdate) {
        assert_eq!(update.keys.len(), update.values.len(), "a state update has as many values as keys");
        for (i, &key) in update.keys.iter().enumerate() {
            assert!(update.keys.iter().take(i).all(|&other| other != key), "a state update has a key once");
            let key = self.key(key).to_vec();
            self.put(update.state, &key, update.values.get(i));
        }
    }

    fn key(&self, key: u32) -> &[u8] {
        match self.keys.get(key as usize) {
            Some(key) => key,
            None => trap(format_args!("key {key} is not in the batch, which has {}", self.keys.len())),
        }
    }
}

/// A use of the host that it answers by ending the call.
#[expect(clippy::panic, reason = "the real host traps here too")]
fn trap(why: std::fmt::Arguments<'_>) -> ! {
    panic!("{why}")
}

fn in_context<T>(act: impl FnOnce(&mut Context) -> T) -> T {
    CONTEXT.with_borrow_mut(|context| match context {
        Some(context) => act(context),
        None => trap(format_args!("state can be used in `process` alone")),
    })
}

/// Lines logged outside of a call (by a function's `start`) are dropped.
pub(crate) fn log(level: Level, record: Option<u32>, message: &str) {
    CONTEXT.with_borrow_mut(|context| {
        if let Some(context) = context {
            context.logs.push(LogLine { level, record, message: message.into() });
        }
    });
}

pub(crate) fn get_many(state: u16, keys: &[u32]) -> Column {
    in_context(|context| {
        let mut column = Column::new();
        keys.iter().for_each(|&key| column.push(context.value(state, context.key(key)).as_deref()));
        column
    })
}

pub(crate) fn map_get_many(state: u16, keys: &[u32], fields: &Column) -> Column {
    in_context(|context| {
        let mut column = Column::new();
        for (i, &key) in keys.iter().enumerate() {
            let field = fields.get(i).unwrap_or_else(|| trap(format_args!("field {i} is missing")));
            column.push(context.field(state, context.key(key), field).as_deref());
        }
        column
    })
}

pub(crate) fn map_set_many(state: u16, keys: &[u32], fields: &Column, values: &Column) {
    in_context(|context| {
        for (i, &key) in keys.iter().enumerate() {
            let field = fields.get(i).unwrap_or_else(|| trap(format_args!("field {i} is missing")));
            let key = context.key(key).to_vec();
            context.put_field(state, &key, field, values.get(i));
        }
    });
}

pub(crate) fn map_scan(state: u16, key: u32, prefix: &[u8], start: Option<&[u8]>, limit: u32) -> Page {
    in_context(|context| {
        let start = start.unwrap_or(prefix);
        let found = context.store.fields(state, context.key(key), prefix, start, context.now);
        let limit = PAGE.min(limit as usize);
        let mut page = Page { fields: Column::new(), values: Column::new(), next: None };
        for (field, value) in found.iter().take(limit) {
            page.fields.push(Some(field));
            page.values.push(Some(value));
        }
        page.next = found.get(limit).map(|(field, _)| field.clone());
        page
    })
}
