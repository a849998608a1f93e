//! The SDK in a real component and engine: what crosses the boundary that its native tests only imitate.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a helper that cannot go on is a failed test")]

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use invoker_core::function::SettingValue;
use invoker_core::records::{Column, HeaderColumns};
use invoker_engine::{
    BatchResult, CallError, Engine, EngineOptions, Failure, FailureKind, Function, InputBatch, Instance,
    InstanceOptions, LogLevel, LogLine, NoState, Reject, ScanLimit, ScanPage, StateAccess, StateError,
};
use invoker_tests::built;

const DEADLINE: Duration = Duration::from_secs(60);

fn function(name: &str) -> Function {
    let engine = Engine::new(EngineOptions { instances: 4, ..EngineOptions::default() }).unwrap();
    engine.load(&std::fs::read(built::guest(name).unwrap()).unwrap()).unwrap()
}

/// Map states of one batch, given back in pages of two.
#[derive(Default)]
struct Fields(BTreeMap<(u32, Vec<u8>), Vec<u8>>);

impl StateAccess for Fields {
    fn get_many(&mut self, _: u16, keys: &[u32], _: usize) -> Result<Column, StateError> {
        Ok(keys.iter().map(|_| Some(&b"\x03{\"times\":4}"[..])).collect())
    }

    fn map_get_many(
        &mut self,
        _: u16,
        keys: &[u32],
        fields: &Column,
        _: usize,
    ) -> Result<Column, StateError> {
        let wanted = keys.iter().zip(fields.iter().flatten());
        Ok(wanted.map(|(key, field)| self.0.get(&(*key, field.to_vec())).map(Vec::as_slice)).collect())
    }

    fn map_set_many(
        &mut self,
        _: u16,
        keys: &[u32],
        fields: &Column,
        values: &Column,
    ) -> Result<(), StateError> {
        for ((key, field), value) in keys.iter().zip(fields.iter().flatten()).zip(values.iter()) {
            match value {
                Some(value) => drop(self.0.insert((*key, field.to_vec()), value.to_vec())),
                None => drop(self.0.remove(&(*key, field.to_vec()))),
            }
        }
        Ok(())
    }

    fn map_scan(
        &mut self,
        _: u16,
        key: u32,
        prefix: &[u8],
        start: Option<&[u8]>,
        _: ScanLimit,
    ) -> Result<ScanPage, StateError> {
        let from = (key, start.unwrap_or(prefix).to_vec());
        let mut found =
            self.0.range(from..).take_while(|((of, field), _)| *of == key && field.starts_with(prefix));
        let page: Vec<_> = found.by_ref().take(2).collect();
        Ok(ScanPage {
            fields: page.iter().map(|((_, field), _)| Some(field.as_slice())).collect(),
            values: page.iter().map(|(_, value)| Some(value.as_slice())).collect(),
            next: found.next().map(|((_, field), _)| field.clone()),
        })
    }
}

/// Hands over records of key and value; the value state holds 41 for the key `known`.
fn process(
    instance: &mut Instance,
    records: &[(Option<&str>, &str)],
    fields: Fields,
) -> (Result<BatchResult, CallError>, Fields) {
    let (mut keys, mut known) = (Column::default(), HashMap::new());
    let mut key_of = Vec::new();
    for (key, _) in records {
        key_of.push(key.map_or(-1, |key| {
            *known.entry(key).or_insert_with(|| {
                keys.push(Some(key.as_bytes()));
                keys.len() as i32 - 1
            })
        }));
    }
    let totals = keys.iter().map(|key| (key == Some(b"known")).then_some(&b"41"[..])).collect();
    let mut headers = HeaderColumns::default();
    records.iter().for_each(|_| headers.push([(&b"trace"[..], Some(&b"t"[..]))].into_iter()));
    let batch = InputBatch {
        input: 0,
        partition: 2,
        first_offset: 100,
        offset_deltas: &(0..records.len() as u32).collect::<Vec<_>>(),
        event_times: &vec![5; records.len()],
        watermark: None,
        now: 1,
        attempt: 0,
        keys: &keys,
        key_of: &key_of,
        values: &records.iter().map(|(_, value)| Some(value.as_bytes())).collect(),
        headers: Some(&headers),
        states: &[totals],
    };
    let (result, state) = instance.process(&batch, Box::new(fields), DEADLINE);
    let state: Box<dyn std::any::Any> = state;
    (result, *state.downcast().unwrap())
}

fn done(records: &[(Option<&str>, &str)]) -> BatchResult {
    let mut instance = function("through_sdk").instantiate(&InstanceOptions::default()).unwrap();
    process(&mut instance, records, Fields::default()).0.unwrap()
}

fn text(column: &Column) -> Vec<Option<&str>> {
    column.iter().map(|item| item.map(|bytes| std::str::from_utf8(bytes).unwrap())).collect()
}

#[test]
fn outputs_say_all_that_a_record_can_say() {
    let result = done(&[(Some("a"), "echo:x header:h"), (None, "gone"), (Some("known"), "count")]);
    let outputs = result.outputs;
    assert_eq!((outputs.sources, outputs.ports), (vec![0, 0, 1, 2], vec![0, 0, 0, 1]));
    assert_eq!(text(&outputs.values), [Some("x"), Some("h"), None, Some("42")]);
    assert_eq!(text(&outputs.keys.unwrap()), [Some("a"), Some("own"), None, Some("known")]);
    assert_eq!((outputs.event_times, outputs.partitions), (vec![5, 7, 5, 5], vec![-1, 1, -1, -1]));
    let headers = outputs.headers.unwrap();
    let of = |record| headers.of(record).map(|(name, _)| name.to_vec()).collect::<Vec<_>>();
    assert_eq!((of(0), of(1)), (vec![b"trace".to_vec()], vec![b"trace".to_vec(), b"said".to_vec()]));
}

#[test]
fn a_failed_record_leaves_nothing_and_the_others_count() {
    let records = [
        (Some("a"), "count count"),
        (Some("known"), "echo:lost count set:f scan: fail:bad-day"),
        (Some("a"), "set:f set:g fail:worse"),
        (Some("a"), "count visit add:f scan:"),
        (None, "count"),
    ];
    let mut instance = function("through_sdk").instantiate(&InstanceOptions::default()).unwrap();
    let (result, fields) = process(&mut instance, &records, Fields::default());
    let result = result.unwrap();
    assert_eq!((result.consumed, result.stopped), (5, None));
    assert_eq!(text(&result.outputs.values), [Some("1"), Some("2"), Some("3"), Some("5"), Some("f=1")]);
    let rejected: Vec<_> = result.rejects.iter().map(|r| (r.record, r.failure.code.as_str())).collect();
    assert_eq!(rejected, [(1, "bad-day"), (2, "worse"), (4, "no-key")]);
    let states: Vec<_> =
        result.states.iter().map(|s| (s.state, s.keys.as_slice(), text(&s.values))).collect();
    let (total, visit) = (vec![Some("3")], vec![Some("\u{3}{\"times\":5}")]);
    assert_eq!(states, [(0, &[0][..], total), (1, &[0][..], visit)]);
    assert_eq!(fields.0, BTreeMap::from([((0, b"f".to_vec()), b"1".to_vec())]));
}

#[test]
fn a_scan_turns_pages() {
    let result = done(&[(Some("a"), "set:1 set:2 set:3 set:4 set:5"), (Some("a"), "remove:3 scan:")]);
    assert_eq!(text(&result.outputs.values), [Some("1=1 2=1 4=1 5=1")]);
}

#[test]
fn a_transient_failure_stops_the_batch_in_front_of_its_record() {
    let result = done(&[(None, "echo:1"), (None, "echo:2 retry:later"), (None, "echo:3")]);
    assert_eq!((result.consumed, text(&result.outputs.values)), (1, vec![Some("1")]));
    let (kind, code, message) = (FailureKind::Transient, "later".into(), "told to".into());
    assert_eq!(result.stopped, Some(Failure { kind, code, message }));
    assert_eq!(result.rejects, Vec::<Reject>::new());
}

#[test]
fn a_panic_reaches_the_host_with_its_message_place_and_record() {
    let mut instance = function("through_sdk").instantiate(&InstanceOptions::default()).unwrap();
    let (result, _) = process(&mut instance, &[(None, "echo:1"), (None, "panic:boom")], Fields::default());
    let Err(CallError::Panicked { record, message, file, line, .. }) = result else { panic!("{result:?}") };
    assert_eq!((record, message.as_str()), (Some(1), "boom"));
    assert!(file.ends_with("sdk/src/lib.rs") && line > 40, "{file}:{line}");
    assert!(!instance.usable());
}

#[test]
fn settings_and_log_lines_pass() {
    let lines: Arc<Mutex<Vec<LogLine>>> = Arc::default();
    let seen = Arc::clone(&lines);
    let options = InstanceOptions {
        settings: vec![
            ("step".into(), SettingValue::Integer(5)),
            ("name".into(), SettingValue::Text("ann".into())),
        ],
        log: Arc::new(move |line| seen.lock().unwrap().push(line)),
        ..InstanceOptions::default()
    };
    let function = function("through_sdk");
    let mut instance = function.instantiate(&options).unwrap();
    let records = [(Some("known"), "name count"), (None, "log:careful")];
    let result = process(&mut instance, &records, Fields::default()).0.unwrap();
    assert_eq!(text(&result.outputs.values), [Some("ann"), Some("46")]);
    let lines = lines.lock().unwrap();
    let lines: Vec<_> = lines.iter().map(|line| (line.level, line.record, line.message.as_str())).collect();
    assert_eq!(lines, [(LogLevel::Warn, Some(1), "careful")]);

    let wrong = InstanceOptions {
        settings: vec![("step".into(), SettingValue::Integer(-5))],
        ..InstanceOptions::default()
    };
    let Err(CallError::Failed(failure)) = function.instantiate(&wrong) else { panic!("it starts") };
    assert_eq!(failure.message, format!("setting `step` is -5, but must be from 0 to {}", u64::MAX));
}

#[test]
fn the_rust_and_the_javascript_split_are_the_same_function() {
    let (rust, javascript) = (function("wordcount_split"), function("split-js"));
    assert_eq!(rust.description().outputs, javascript.description().outputs);
    let lines: [&[u8]; 7] =
        [b"The quick, brown FOX", b"", b" -- ", b"utf8-caf\xc3\xa9_42\t", b"\xff\x00a", b"a a", b"END"];
    let values: Column = lines.into_iter().map(Some).chain([None]).collect();
    let split = |function: &Function| {
        let count = values.len();
        let batch = InputBatch {
            input: 0,
            partition: 0,
            first_offset: 0,
            offset_deltas: &(0..count as u32).collect::<Vec<_>>(),
            event_times: &vec![-1; count],
            watermark: None,
            now: 0,
            attempt: 0,
            keys: &Column::default(),
            key_of: &vec![-1; count],
            values: &values,
            headers: None,
            states: &[],
        };
        let mut instance = function.instantiate(&InstanceOptions::default()).unwrap();
        instance.process(&batch, Box::new(NoState), DEADLINE).0.unwrap()
    };
    let words = split(&rust);
    assert_eq!(words, split(&javascript));
    let expected = ["the", "quick", "brown", "fox", "utf8", "caf", "42", "a", "a", "a", "end"].map(Some);
    assert_eq!(text(&words.outputs.values), expected);
    assert_eq!(words.outputs.keys.as_ref(), Some(&words.outputs.values));
}
