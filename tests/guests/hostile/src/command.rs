//! What a record can tell the guest to do. A command is a record's whole value.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::exports::invoker::udf::function::{BatchResult, Failure, InputBatch};
use crate::failure;
use crate::invoker::udf::host::{self, Level};
use crate::invoker::udf::state;
use crate::invoker::udf::types::{Column, FailureKind, Reject, StateUpdate};
use crate::results;

static CURRENT: AtomicU32 = AtomicU32::new(u32::MAX);

/// The record in hand, for the panic hook.
pub(crate) fn current() -> Option<u32> {
    Some(CURRENT.load(Ordering::Relaxed)).filter(|&record| record != u32::MAX)
}

/// Never returns.
pub(crate) fn spin() {
    loop {
        std::hint::black_box(0);
    }
}

pub(crate) fn items(column: &Column) -> impl Iterator<Item = Option<&[u8]>> {
    let mut start = 0;
    column.ends.iter().map(move |&raw| {
        let end = if raw < 0 { -1 - raw } else { raw } as usize;
        let item = (raw >= 0).then(|| &column.data[start..end]);
        start = end;
        item
    })
}

pub(crate) fn column<'a>(all: impl IntoIterator<Item = Option<&'a [u8]>>) -> Column {
    let mut column = Column { ends: Vec::new(), data: Vec::new() };
    for item in all {
        column.data.extend_from_slice(item.unwrap_or_default());
        let end = column.data.len() as i32;
        column.ends.push(if item.is_some() { end } else { -1 - end });
    }
    column
}

pub(crate) fn run(batch: &InputBatch) -> Result<BatchResult, Failure> {
    let mut result = results::copied(batch);
    for (record, value) in items(&batch.values).enumerate() {
        CURRENT.store(record as u32, Ordering::Relaxed);
        let command = str::from_utf8(value.unwrap_or_default()).unwrap_or_default();
        match command.split_once(':') {
            Some(("bad", what)) => results::spoil(&mut result, what, batch),
            Some(("fail", kind)) => {
                return Err(failure(kind_of(kind), "told-to", "the batch was told to fail"));
            }
            Some(("stop", kind)) => {
                let failure = failure(kind_of(kind), "told-to", "the record was told to stop");
                results::cut(&mut result, record as u32, Some(failure));
                break;
            }
            Some(("log", what)) => log(record as u32, what),
            Some(("state", what)) => call_state(batch, what, &mut result, record),
            Some(("port", port)) => set_port(&mut result, record, port),
            _ => plain(command, record as u32, &mut result),
        }
    }
    CURRENT.store(u32::MAX, Ordering::Relaxed);
    Ok(result)
}

fn kind_of(kind: &str) -> FailureKind {
    if kind == "transient" { FailureKind::Transient } else { FailureKind::Rejected }
}

fn plain(command: &str, record: u32, result: &mut BatchResult) {
    match command {
        "trap" => inner_trap(),
        "panic" => panic!("told to panic"),
        "loop" => spin(),
        "alloc" => grow(),
        "exit" => std::process::exit(3),
        "sleep" => std::thread::sleep(std::time::Duration::from_secs(3600)),
        "recurse" => drop(recurse(1)),
        "print" => println!("out line"),
        "eprint" => eprint!("err line\nerr rest"),
        "files" => assert!(std::fs::read("/etc/passwd").is_err() && std::env::vars().next().is_none()),
        "clock" => assert!(std::time::SystemTime::now().elapsed().is_ok()),
        "nap" => std::thread::sleep(std::time::Duration::from_millis(1)),
        "huge-output" => results::huge(result),
        "reject" => {
            let failure = failure(FailureKind::Rejected, "told-to", "the record was told to be rejected");
            results::without(result, record);
            result.rejects.push(Reject { record, failure });
        }
        _ => {}
    }
}

#[inline(never)]
fn inner_trap() {
    std::arch::wasm32::unreachable()
}

fn grow() {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(std::hint::black_box(vec![1; 1 << 20]));
    }
}

#[allow(unconditional_recursion)]
fn recurse(depth: u64) -> u64 {
    std::hint::black_box(recurse(std::hint::black_box(depth) + 1)) + 1
}

fn log(record: u32, what: &str) {
    match what {
        "many" => (0..10_000).for_each(|i| host::log(Level::Info, Some(record), &format!("line {i}"))),
        "huge" => host::log(Level::Warn, Some(record), &"x".repeat(1 << 20)),
        "stranger" => host::log(Level::Debug, Some(1 << 20), "a record that is not there"),
        text => host::log(Level::Error, Some(record), text),
    }
}

fn set_port(result: &mut BatchResult, record: usize, port: &str) {
    result.outputs.ports.resize(result.outputs.sources.len(), 0);
    result.outputs.ports[record] = port.parse().unwrap_or_default();
}

fn call_state(batch: &InputBatch, what: &str, result: &mut BatchResult, record: usize) {
    let key = batch.key_of[record].max(0) as u32;
    let field = column([Some(&b"field"[..])]);
    let value = column([Some(&b"value"[..])]);
    match what {
        "get" => {
            let values = state::get_many(2, &[key]);
            host::log(Level::Info, None, &format!("got {:?}", items(&values).next().flatten()));
        }
        "map" => {
            state::map_set_many(1, &[key], &field, &value);
            let values = state::map_get_many(1, &[key], &field);
            let page = state::map_scan(1, key, b"f", None, 10);
            assert_eq!(items(&values).next().flatten(), Some(&b"value"[..]));
            assert_eq!(items(&page.fields).next().flatten(), Some(&b"field"[..]));
        }
        "ask" => drop(state::get_many(2, &[key; 1000])),
        "hoard" => loop {
            state::map_set_many(1, &[key], &field, &column([Some(&vec![7; 1 << 20][..])]));
        },
        "update" => result.states.push(StateUpdate { state: 0, keys: vec![key], values: value }),
        "prefetched" => drop(state::get_many(0, &[key])),
        "not-a-value" => drop(state::get_many(1, &[key])),
        "not-a-map" => drop(state::map_get_many(2, &[key], &field)),
        "no-state" => drop(state::get_many(77, &[key])),
        "no-key" => drop(state::get_many(2, &[key, 4_000_000])),
        "scan-no-key" => drop(state::map_scan(1, 4_000_000, b"", None, 1)),
        "absent-field" => state::map_set_many(1, &[key], &column([None]), &value),
        "few-fields" => drop(state::map_get_many(1, &[key, key], &field)),
        "few-values" => state::map_set_many(1, &[key], &field, &column([])),
        "bad-column" => {
            drop(state::map_get_many(1, &[key], &Column { ends: vec![9], data: b"short".to_vec() }));
        }
        _ => {}
    }
}
