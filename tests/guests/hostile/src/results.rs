//! Results: a good one, and every way to spoil it.

use crate::command::{column, items};
use crate::exports::invoker::udf::function::{BatchResult, Failure, InputBatch};
use crate::failure;
use crate::invoker::udf::types::{Column, FailureKind, HeaderColumns, OutputBatch, Reject, StateUpdate};

/// Every record to output 0 as it came.
pub(crate) fn copied(batch: &InputBatch) -> BatchResult {
    let n = batch.offset_deltas.len() as u32;
    let outputs = OutputBatch {
        sources: (0..n).collect(),
        ports: vec![],
        keys: None,
        values: batch.values.clone(),
        event_times: vec![],
        partitions: vec![],
        headers: None,
    };
    BatchResult { consumed: n, stopped: None, outputs, states: vec![], rejects: vec![] }
}

/// Drops the outputs of `record`.
pub(crate) fn without(result: &mut BatchResult, record: u32) {
    keep(result, |source| source != record);
}

/// Ends the result in front of `record`.
pub(crate) fn cut(result: &mut BatchResult, record: u32, stopped: Option<Failure>) {
    keep(result, |source| source < record);
    result.consumed = record;
    result.stopped = stopped;
}

fn keep(result: &mut BatchResult, wanted: impl Fn(u32) -> bool) {
    let outputs = &mut result.outputs;
    let kept: Vec<bool> = outputs.sources.iter().map(|&source| wanted(source)).collect();
    let values = items(&outputs.values).zip(&kept).filter(|(_, kept)| **kept);
    outputs.values = column(values.map(|(value, _)| value).collect::<Vec<_>>());
    outputs.sources.retain(|&source| wanted(source));
}

/// One value of 1 GiB.
pub(crate) fn huge(result: &mut BatchResult) {
    let mut data = Vec::with_capacity(1 << 30);
    // SAFETY: fresh linear memory is zero, and any byte is a u8. Written by hand so that no page of it is touched.
    unsafe { data.set_len(1 << 30) };
    result.outputs.values = Column { ends: vec![1 << 30], data };
}

pub(crate) fn spoil(result: &mut BatchResult, what: &str, batch: &InputBatch) {
    let n = result.consumed;
    let m = result.outputs.sources.len();
    let outputs = &mut result.outputs;
    let names = |names: &[Option<&[u8]>]| HeaderColumns {
        ends: (1..=m as u32).collect(),
        names: column((0..m).map(|i| names[i % names.len()])),
        values: column((0..m).map(|_| None)),
    };
    let update = |state, keys: Vec<u32>| StateUpdate {
        state,
        values: column(keys.iter().map(|_| Some(&b"1"[..]))),
        keys,
    };
    let told = || failure(FailureKind::Transient, "told-to", "spoiled");
    match what {
        "consumed" => result.consumed = n + 1,
        "stopped" => result.stopped = Some(told()),
        "no-progress" => cut(result, 0, None),
        "ends" => outputs.values.ends.iter_mut().for_each(|end| *end = 1 << 30),
        "trailing" => outputs.values.data.push(0),
        "values-short" => drop(outputs.values.ends.pop()),
        "sources-range" => outputs.sources[m - 1] = n,
        "sources-falling" => outputs.sources.reverse(),
        "ports-length" => outputs.ports = vec![0; m + 1],
        "ports-range" => outputs.ports = vec![2; m],
        "keys-length" => outputs.keys = Some(column([])),
        "event-times" => outputs.event_times = vec![-2; m],
        "event-times-length" => outputs.event_times = vec![0],
        "partitions" => outputs.partitions = vec![-7; m],
        "headers-length" => outputs.headers = Some(HeaderColumns { ends: vec![], ..names(&[None]) }),
        "headers-absent" => outputs.headers = Some(names(&[None])),
        "headers-utf8" => outputs.headers = Some(names(&[Some(b"ok"), Some(b"\xff")])),
        "headers-falling" => {
            outputs.headers = Some(HeaderColumns { ends: (0..m as u32).rev().collect(), ..names(&[None]) })
        }
        "state-range" => result.states = vec![update(3, vec![0])],
        "state-map" => result.states = vec![update(1, vec![0])],
        "state-twice" => result.states = vec![update(0, vec![0]), update(0, vec![1])],
        "state-key" => result.states = vec![update(0, vec![batch.keys.ends.len() as u32])],
        "state-key-twice" => result.states = vec![update(0, vec![1, 0, 1])],
        "state-values" => {
            result.states = vec![StateUpdate { values: column([None]), ..update(0, vec![0, 1]) }];
        }
        "state-unconsumed" => {
            cut(result, 1, Some(told()));
            result.states = vec![update(0, vec![1])];
        }
        "reject-range" => result.rejects = vec![Reject { record: n, failure: told() }],
        "reject-twice" => {
            without(result, 0);
            result.rejects =
                vec![Reject { record: 0, failure: told() }, Reject { record: 0, failure: told() }];
        }
        "reject-output" => result.rejects = vec![Reject { record: 0, failure: told() }],
        _ => {}
    }
}
