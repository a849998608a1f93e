//! Arbitrary results: the check never panics, and what it lets pass can be indexed everywhere.

use invoker_core::function::{HeaderUse, Port, StateKind, StateSpec};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::batch::{Failure, FailureKind};

const RECORDS: u32 = 4;
const KEYS: u32 = 3;

fn description() -> Description {
    let port =
        |name: &str| Port { name: name.to_owned(), content_type: None, schema: None, doc: String::new() };
    let state = |kind| StateSpec {
        name: format!("{kind:?}"),
        kind,
        prefetch: false,
        ttl: None,
        version: 1,
        reads: Vec::new(),
        doc: String::new(),
    };
    Description {
        outputs: vec![port("main"), port("side")],
        states: [StateKind::Value, StateKind::Map, StateKind::Value].map(state).to_vec(),
        headers: HeaderUse::Read,
        ..Description::default()
    }
}

/// 4 records of 3 keys, the third of which has no key.
fn checked(result: &BatchResult) -> Check {
    let keys: Column = (0..KEYS).map(|_| Some(&b"k"[..])).collect();
    let values: Column = (0..RECORDS).map(|_| None).collect();
    let batch = InputBatch {
        input: 0,
        partition: 0,
        first_offset: 0,
        offset_deltas: &[0, 1, 2, 3],
        event_times: &[-1; 4],
        watermark: None,
        now: 0,
        attempt: 0,
        keys: &keys,
        key_of: &[0, 1, -1, 2],
        values: &values,
        headers: None,
        states: &[],
    };
    super::result(result, &batch, &description())
}

fn failure() -> Failure {
    Failure { kind: FailureKind::Rejected, code: "code".to_owned(), message: String::new() }
}

/// Anything: ends and lengths that rarely agree.
fn any_column() -> impl Strategy<Value = Column> {
    let end = prop_oneof![-12..12i32, any::<i32>()];
    (vec(end, 0..6), vec(any::<u8>(), 0..12)).prop_map(|(ends, data)| Column { ends, data })
}

/// `len` items, rarely one more or a broken one.
fn column_of(len: usize) -> impl Strategy<Value = Column> {
    let item = proptest::option::of(vec(prop_oneof![40 => 97..123u8, 1 => any::<u8>()], 0..3));
    let good = vec(item, len).prop_map(|items| items.iter().map(|item| item.as_deref()).collect());
    prop_oneof![30 => good, 1 => any_column()]
}

fn or_empty<T: std::fmt::Debug + Clone>(
    item: impl Strategy<Value = T>,
    len: usize,
) -> impl Strategy<Value = Vec<T>> {
    prop_oneof![1 => Just(Vec::new()), 6 => vec(item, len)]
}

fn any_headers(len: usize) -> impl Strategy<Value = HeaderColumns> {
    let (names, values) = (column_of(len), column_of(len));
    (vec(0..=len as u32, len), names, values).prop_map(|(mut ends, names, values)| {
        ends.sort_unstable();
        ends.last_mut().into_iter().for_each(|last| *last = names.len() as u32);
        HeaderColumns { ends, names, values }
    })
}

fn any_outputs() -> impl Strategy<Value = OutputBatch> {
    (0..5usize).prop_flat_map(|m| {
        let source = prop_oneof![20 => 0..RECORDS, 1 => Just(RECORDS)];
        let sources = (vec(source, m), 0..12).prop_map(|(mut sources, order)| {
            if order > 0 {
                sources.sort_unstable();
            }
            sources
        });
        let few = (
            sources,
            or_empty(prop_oneof![30 => 0..2u16, 1 => Just(2)], m),
            proptest::option::of(column_of(m)),
            column_of(m),
        );
        let more = (
            or_empty(prop_oneof![30 => -1..3i64, 1 => Just(-2)], m),
            or_empty(prop_oneof![30 => -1..3i32, 1 => Just(-2)], m),
            proptest::option::weighted(0.2, any_headers(m)),
        );
        (few, more).prop_map(|((sources, ports, keys, values), (event_times, partitions, headers))| {
            OutputBatch { sources, ports, keys, values, event_times, partitions, headers }
        })
    })
}

fn any_update() -> impl Strategy<Value = StateUpdate> {
    (0..4u16, vec(0..KEYS + 1, 0..3)).prop_flat_map(|(state, keys)| {
        column_of(keys.len()).prop_map(move |values| StateUpdate { state, keys: keys.clone(), values })
    })
}

fn any_result() -> impl Strategy<Value = BatchResult> {
    let reject = (0..RECORDS + 1).prop_map(|record| Reject { record, failure: failure() });
    let stopped = proptest::option::weighted(0.1, Just(failure()));
    let consumed = prop_oneof![3 => Just(RECORDS), 1 => 0..RECORDS + 2];
    (consumed, stopped, any_outputs(), vec(any_update(), 0..3), vec(reject, 0..2)).prop_map(
        |(consumed, stopped, outputs, states, rejects)| BatchResult {
            consumed,
            stopped,
            outputs,
            states,
            rejects,
        },
    )
}

/// Uses a result as a host would, without looking twice.
fn used(result: &BatchResult) {
    let records = [(); RECORDS as usize];
    let outputs = &result.outputs;
    let item = |column: &Column, at: usize| {
        let end = |raw: i32| if raw < 0 { -1 - raw } else { raw } as usize;
        let start = if at == 0 { 0 } else { end(column.ends[at - 1]) };
        column.data[start..end(column.ends[at])].len()
    };
    for (i, &source) in outputs.sources.iter().enumerate() {
        let () = records[..result.consumed as usize][source as usize];
        assert!(outputs.ports.is_empty() || outputs.ports[i] < 2);
        assert!(outputs.event_times.is_empty() || outputs.event_times[i] >= -1);
        assert!(outputs.partitions.is_empty() || outputs.partitions[i] >= -1);
        item(&outputs.values, i);
        outputs.keys.iter().for_each(|keys| assert!(item(keys, i) <= keys.data.len()));
        if let Some(headers) = &outputs.headers {
            let start = if i == 0 { 0 } else { headers.ends[i - 1] };
            for at in start as usize..headers.ends[i] as usize {
                assert!(item(&headers.names, at) <= headers.names.data.len() && headers.names.ends[at] >= 0);
                item(&headers.values, at);
            }
        }
    }
    for update in &result.states {
        assert_eq!(description().states[update.state as usize].kind, StateKind::Value);
        for (i, &key) in update.keys.iter().enumerate() {
            let () = [(); KEYS as usize][key as usize];
            item(&update.values, i);
        }
    }
    for reject in &result.rejects {
        let () = records[..result.consumed as usize][reject.record as usize];
        assert!(!outputs.sources.contains(&reject.record));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn what_passes_can_be_used_and_nothing_panics(result in any_result()) {
        if checked(&result).is_ok() {
            used(&result);
        }
    }
}

#[test]
fn the_property_sees_results_that_pass_and_results_that_do_not() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let outcome = |_| {
        let result = any_result().new_tree(&mut runner).expect("value").current();
        (checked(&result).is_ok(), result.outputs.is_empty() && result.states.is_empty())
    };
    let seen: Vec<(bool, bool)> = (0..4096).map(outcome).collect();
    let passed_with_content = seen.iter().filter(|(passed, empty)| *passed && !empty).count();
    let refused = seen.iter().filter(|(passed, _)| !passed).count();
    assert!(passed_with_content > 200 && refused > 200, "{passed_with_content} passed, {refused} refused");
}

#[test]
fn a_key_that_only_unconsumed_records_have_may_not_change() {
    let update = |key| StateUpdate { state: 0, keys: vec![key], values: [None].into_iter().collect() };
    let partly = |key| BatchResult { consumed: 1, states: vec![update(key)], ..BatchResult::default() };
    assert_eq!(checked(&partly(0)), Ok(()));
    let error = ResultError::ForeignKey { field: "states[0].keys".to_owned(), index: 0, key: 2 };
    assert_eq!(checked(&partly(2)), Err(error));
}

#[test]
fn a_function_without_outputs_may_have_none() {
    let outputs =
        OutputBatch { sources: vec![0], values: [None].into_iter().collect(), ..OutputBatch::default() };
    let error = super::outputs(&outputs, 1, &Description::default()).expect_err("no output is declared");
    assert_eq!(error.to_string(), "`outputs.ports[0]` is 0, but there are 0 declared outputs");
}
