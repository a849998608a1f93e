//! The answer of `describe`, lifted and turned into core's own types.

use invoker_core::function as plain;
use wasmtime::component::{ComponentType, Lift};

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Description {
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    states: Vec<StateSpec>,
    settings: Vec<SettingSpec>,
    headers: HeaderUse,
    #[component(name = "max-records")]
    max_records: Option<u32>,
    #[component(name = "record-deadline")]
    record_deadline: Option<u32>,
    properties: Vec<(String, String)>,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct Port {
    name: String,
    #[component(name = "content-type")]
    content_type: Option<String>,
    schema: Option<String>,
    doc: String,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct StateSpec {
    name: String,
    kind: StateKind,
    prefetch: bool,
    ttl: Option<u64>,
    version: u32,
    reads: Vec<u32>,
    doc: String,
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "lifting makes the variants")]
pub(crate) enum StateKind {
    #[component(name = "value")]
    Value,
    #[component(name = "map")]
    Map,
    #[component(name = "sorted-map")]
    SortedMap,
}

#[derive(ComponentType, Lift)]
#[component(record)]
pub(crate) struct SettingSpec {
    name: String,
    kind: SettingKind,
    required: bool,
    default: Option<SettingValue>,
    secret: bool,
    doc: String,
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "lifting makes the variants")]
pub(crate) enum SettingKind {
    #[component(name = "text")]
    Text,
    #[component(name = "integer")]
    Integer,
    #[component(name = "number")]
    Number,
    #[component(name = "boolean")]
    Boolean,
    #[component(name = "json")]
    Json,
}

#[derive(ComponentType, Lift)]
#[component(variant)]
pub(crate) enum SettingValue {
    #[component(name = "text")]
    Text(String),
    #[component(name = "integer")]
    Integer(i64),
    #[component(name = "number")]
    Number(f64),
    #[component(name = "boolean")]
    Boolean(bool),
    #[component(name = "json")]
    Json(String),
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
#[expect(dead_code, reason = "lifting makes the variants")]
pub(crate) enum HeaderUse {
    #[component(name = "drop")]
    Drop,
    #[component(name = "forward")]
    Forward,
    #[component(name = "read")]
    Read,
}

impl From<Description> for plain::Description {
    fn from(from: Description) -> Self {
        Self {
            inputs: from.inputs.into_iter().map(port).collect(),
            outputs: from.outputs.into_iter().map(port).collect(),
            states: from.states.into_iter().map(state).collect(),
            settings: from.settings.into_iter().map(setting).collect(),
            headers: match from.headers {
                HeaderUse::Drop => plain::HeaderUse::Drop,
                HeaderUse::Forward => plain::HeaderUse::Forward,
                HeaderUse::Read => plain::HeaderUse::Read,
            },
            max_records: from.max_records,
            record_deadline: from.record_deadline,
            properties: from.properties,
        }
    }
}

fn port(from: Port) -> plain::Port {
    plain::Port { name: from.name, content_type: from.content_type, schema: from.schema, doc: from.doc }
}

fn state(from: StateSpec) -> plain::StateSpec {
    plain::StateSpec {
        name: from.name,
        kind: match from.kind {
            StateKind::Value => plain::StateKind::Value,
            StateKind::Map => plain::StateKind::Map,
            StateKind::SortedMap => plain::StateKind::SortedMap,
        },
        prefetch: from.prefetch,
        ttl: from.ttl,
        version: from.version,
        reads: from.reads,
        doc: from.doc,
    }
}

fn setting(from: SettingSpec) -> plain::SettingSpec {
    plain::SettingSpec {
        name: from.name,
        kind: match from.kind {
            SettingKind::Text => plain::SettingKind::Text,
            SettingKind::Integer => plain::SettingKind::Integer,
            SettingKind::Number => plain::SettingKind::Number,
            SettingKind::Boolean => plain::SettingKind::Boolean,
            SettingKind::Json => plain::SettingKind::Json,
        },
        required: from.required,
        default: from.default.map(|value| match value {
            SettingValue::Text(text) => plain::SettingValue::Text(text),
            SettingValue::Integer(value) => plain::SettingValue::Integer(value),
            SettingValue::Number(value) => plain::SettingValue::Number(value),
            SettingValue::Boolean(value) => plain::SettingValue::Boolean(value),
            SettingValue::Json(text) => plain::SettingValue::Json(text),
        }),
        secret: from.secret,
        doc: from.doc,
    }
}
