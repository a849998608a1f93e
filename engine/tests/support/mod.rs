//! What the engine's tests share: guests built beforehand, one engine, batches.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::panic,
    reason = "each test binary uses a part; a missing guest is a failure"
)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use invoker_core::records::{Column, HeaderColumns};
use invoker_engine::{
    BatchResult, CallError, Engine, EngineOptions, Function, InputBatch, Instance, InstanceOptions, LogLine,
    NoState, StateAccess,
};

pub const DEADLINE: Duration = Duration::from_secs(60);

/// A guest of `tests/guests`, built beforehand.
pub fn guest(name: &str) -> Vec<u8> {
    let dir = std::env::var_os("INVOKER_GUESTS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/guests"), PathBuf::from);
    let path = dir.join(format!("{name}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| {
        panic!("the guest {} is missing ({error}): run `cargo xtask guests`", path.display())
    })
}

pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let options = EngineOptions {
            instances: 64,
            describe_deadline: Duration::from_millis(300),
            describe_memory_bytes: 16 << 20,
            ..EngineOptions::default()
        };
        Engine::new(options).expect("engine starts")
    })
}

/// The guest that does what its records say.
pub fn hostile() -> &'static Function {
    static FUNCTION: OnceLock<Function> = OnceLock::new();
    FUNCTION.get_or_init(|| engine().load(&guest("hostile")).expect("hostile loads"))
}

/// A batch that owns its columns: one record per value, record i has key i.
pub struct Batch {
    pub offset_deltas: Vec<u32>,
    pub event_times: Vec<i64>,
    pub keys: Column,
    pub key_of: Vec<i32>,
    pub values: Column,
    pub headers: Option<HeaderColumns>,
    pub states: Vec<Column>,
}

impl Batch {
    pub fn of(values: &[&str]) -> Self {
        let n = values.len();
        let keys: Vec<_> = (0..n).map(|i| format!("key-{i}")).collect();
        Self {
            offset_deltas: (0..n as u32).collect(),
            event_times: vec![1_700_000_000_000; n],
            keys: keys.iter().map(|key| Some(key.as_bytes())).collect(),
            key_of: (0..n as i32).collect(),
            values: values.iter().map(|value| Some(value.as_bytes())).collect(),
            headers: None,
            states: vec![(0..n).map(|_| None).collect()],
        }
    }

    pub fn input(&self) -> InputBatch<'_> {
        InputBatch {
            input: 0,
            partition: 3,
            first_offset: 1_000,
            offset_deltas: &self.offset_deltas,
            event_times: &self.event_times,
            watermark: None,
            now: 1_700_000_000_001,
            attempt: 0,
            keys: &self.keys,
            key_of: &self.key_of,
            values: &self.values,
            headers: self.headers.as_ref(),
            states: &self.states,
        }
    }
}

/// Lines that an instance wrote.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<LogLine>>>);

impl Log {
    pub fn options(&self) -> InstanceOptions {
        let lines = Arc::clone(&self.0);
        InstanceOptions {
            deployment: "shop.orders".to_owned(),
            entity: "count".to_owned(),
            log: Arc::new(move |line| lines.lock().expect("lock").push(line)),
            ..InstanceOptions::default()
        }
    }

    pub fn take(&self) -> Vec<LogLine> {
        std::mem::take(&mut *self.0.lock().expect("lock"))
    }
}

pub fn instance() -> Instance {
    hostile().instantiate(&InstanceOptions::default()).expect("hostile starts")
}

/// One call of a fresh instance, without state.
pub fn call(values: &[&str]) -> Result<BatchResult, CallError> {
    call_in(&mut instance(), values)
}

pub fn call_in(instance: &mut Instance, values: &[&str]) -> Result<BatchResult, CallError> {
    call_with(instance, values, Box::new(NoState)).0
}

pub fn call_with(
    instance: &mut Instance,
    values: &[&str],
    state: Box<dyn StateAccess>,
) -> (Result<BatchResult, CallError>, Box<dyn StateAccess>) {
    instance.process(&Batch::of(values).input(), state, DEADLINE)
}
