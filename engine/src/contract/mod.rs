//! The shapes of `wit/udf.wit` as wasmtime lowers and lifts them. Written by hand rather than generated, so that a
//! batch is borrowed and its columns are copied once, into the function's memory. wasmtime compares every shape with
//! the component's own when an instance is made.

mod description;

use invoker_core::function as plain;
use invoker_core::records::{Column, HeaderColumns};
use wasmtime::component::{ComponentType, Lift, Lower};

use crate::batch;

pub(crate) use description::Description;

/// Version of the contract that is served; every 0.1.x is compatible with it.
pub(crate) const SERVED: &str = "0.1.0";
pub(crate) const PACKAGE: &str = "invoker:udf";
pub(crate) const FUNCTION: &str = "invoker:udf/function";

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct ColumnRef<'a> {
    ends: &'a [i32],
    data: &'a [u8],
}

impl<'a> From<&'a Column> for ColumnRef<'a> {
    fn from(column: &'a Column) -> Self {
        Self { ends: &column.ends, data: &column.data }
    }
}

#[derive(ComponentType, Lift, Lower)]
#[component(record)]
pub(crate) struct OwnedColumn {
    ends: Vec<i32>,
    data: Vec<u8>,
}

impl From<OwnedColumn> for Column {
    fn from(column: OwnedColumn) -> Self {
        Self { ends: column.ends, data: column.data }
    }
}

impl From<Column> for OwnedColumn {
    fn from(column: Column) -> Self {
        Self { ends: column.ends, data: column.data }
    }
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(record)]
pub(crate) struct HeaderColumnsRef<'a> {
    ends: &'a [u32],
    names: ColumnRef<'a>,
    values: ColumnRef<'a>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct OwnedHeaderColumns {
    ends: Vec<u32>,
    names: OwnedColumn,
    values: OwnedColumn,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct InputBatch<'a> {
    input: u16,
    partition: u32,
    #[component(name = "first-offset")]
    first_offset: u64,
    #[component(name = "offset-deltas")]
    offset_deltas: &'a [u32],
    #[component(name = "event-times")]
    event_times: &'a [i64],
    watermark: Option<i64>,
    now: i64,
    attempt: u32,
    keys: ColumnRef<'a>,
    #[component(name = "key-of")]
    key_of: &'a [i32],
    values: ColumnRef<'a>,
    headers: Option<HeaderColumnsRef<'a>>,
    states: Vec<ColumnRef<'a>>,
}

impl<'a> From<&batch::InputBatch<'a>> for InputBatch<'a> {
    fn from(batch: &batch::InputBatch<'a>) -> Self {
        Self {
            input: batch.input,
            partition: batch.partition,
            first_offset: batch.first_offset,
            offset_deltas: batch.offset_deltas,
            event_times: batch.event_times,
            watermark: batch.watermark,
            now: batch.now,
            attempt: batch.attempt,
            keys: batch.keys.into(),
            key_of: batch.key_of,
            values: batch.values.into(),
            headers: batch.headers.map(|headers| HeaderColumnsRef {
                ends: &headers.ends,
                names: (&headers.names).into(),
                values: (&headers.values).into(),
            }),
            states: batch.states.iter().map(ColumnRef::from).collect(),
        }
    }
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct OutputBatch {
    sources: Vec<u32>,
    ports: Vec<u16>,
    keys: Option<OwnedColumn>,
    values: OwnedColumn,
    #[component(name = "event-times")]
    event_times: Vec<i64>,
    partitions: Vec<i32>,
    headers: Option<OwnedHeaderColumns>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct StateUpdate {
    state: u16,
    keys: Vec<u32>,
    values: OwnedColumn,
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "lifting makes the variants")]
pub(crate) enum FailureKind {
    #[component(name = "rejected")]
    Rejected,
    #[component(name = "transient")]
    Transient,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Failure {
    kind: FailureKind,
    code: String,
    message: String,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Reject {
    record: u32,
    failure: Failure,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct BatchResult {
    consumed: u32,
    stopped: Option<Failure>,
    outputs: OutputBatch,
    states: Vec<StateUpdate>,
    rejects: Vec<Reject>,
}

impl From<Failure> for batch::Failure {
    fn from(failure: Failure) -> Self {
        let kind = match failure.kind {
            FailureKind::Rejected => batch::FailureKind::Rejected,
            FailureKind::Transient => batch::FailureKind::Transient,
        };
        Self { kind, code: failure.code, message: failure.message }
    }
}

impl From<OutputBatch> for batch::OutputBatch {
    fn from(outputs: OutputBatch) -> Self {
        Self {
            sources: outputs.sources,
            ports: outputs.ports,
            keys: outputs.keys.map(Column::from),
            values: outputs.values.into(),
            event_times: outputs.event_times,
            partitions: outputs.partitions,
            headers: outputs.headers.map(|headers| HeaderColumns {
                ends: headers.ends,
                names: headers.names.into(),
                values: headers.values.into(),
            }),
        }
    }
}

impl From<BatchResult> for batch::BatchResult {
    fn from(result: BatchResult) -> Self {
        let state = |update: StateUpdate| batch::StateUpdate {
            state: update.state,
            keys: update.keys,
            values: update.values.into(),
        };
        let reject = |reject: Reject| batch::Reject { record: reject.record, failure: reject.failure.into() };
        Self {
            consumed: result.consumed,
            stopped: result.stopped.map(Into::into),
            outputs: result.outputs.into(),
            states: result.states.into_iter().map(state).collect(),
            rejects: result.rejects.into_iter().map(reject).collect(),
        }
    }
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct InstanceInfo<'a> {
    pub(crate) deployment: &'a str,
    pub(crate) entity: &'a str,
    pub(crate) digest: &'a str,
    pub(crate) settings: Vec<(&'a str, SettingRef<'a>)>,
}

#[derive(Clone, Copy, ComponentType, Lower)]
#[component(variant)]
pub(crate) enum SettingRef<'a> {
    #[component(name = "text")]
    Text(&'a str),
    #[component(name = "integer")]
    Integer(i64),
    #[component(name = "number")]
    Number(f64),
    #[component(name = "boolean")]
    Boolean(bool),
    #[component(name = "json")]
    Json(&'a str),
}

impl<'a> From<&'a plain::SettingValue> for SettingRef<'a> {
    fn from(value: &'a plain::SettingValue) -> Self {
        match value {
            plain::SettingValue::Text(text) => Self::Text(text),
            plain::SettingValue::Integer(value) => Self::Integer(*value),
            plain::SettingValue::Number(value) => Self::Number(*value),
            plain::SettingValue::Boolean(value) => Self::Boolean(*value),
            plain::SettingValue::Json(text) => Self::Json(text),
        }
    }
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "lifting makes the variants")]
pub(crate) enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(crate) struct Page {
    pub(crate) fields: OwnedColumn,
    pub(crate) values: OwnedColumn,
    pub(crate) next: Option<Vec<u8>>,
}
