//! Parts of a case on one line, in the flow style of YAML: what a difference shows can be put into the file.

use serde_json::Value;

use super::cases::{Expected, Reject};
use super::outcome::Failed;

/// `{ key: "a", value: {"n":1} }`.
pub(super) fn record(expected: &Expected) -> String {
    let text = |value: &Option<String>| value.as_ref().map(|text| Value::from(text.as_str()).to_string());
    let json = |value: &Option<Value>| value.as_ref().map(Value::to_string);
    mapping(&[
        ("output", text(&expected.output)),
        ("key", json(&expected.key)),
        ("keyBase64", text(&expected.key_base64)),
        ("value", json(&expected.value)),
        ("valueBase64", text(&expected.value_base64)),
        ("timestamp", expected.timestamp.map(|time| time.to_string())),
        ("partition", expected.partition.map(|partition| partition.to_string())),
        ("headers", expected.headers.as_ref().map(|headers| serde_json::json!(headers).to_string())),
    ])
}

/// `{ record: 1, code: "bad-json" }`; what happened is told behind it.
pub(super) fn reject(reject: &Reject, happened: Option<&Failed>) -> String {
    let text = |text: &str| Value::from(text).to_string();
    let shown = mapping(&[
        ("record", Some(reject.record.to_string())),
        ("code", Some(text(&reject.code))),
        ("message", reject.message.as_deref().map(text)),
    ]);
    match happened {
        None => shown,
        Some(failed) => format!("{shown}  # {}: {}", failed.kind, failed.message.replace('\n', " ")),
    }
}

fn mapping(fields: &[(&str, Option<String>)]) -> String {
    let given = fields.iter().filter_map(|(name, value)| Some(format!("{name}: {}", value.as_ref()?)));
    let given: Vec<_> = given.collect();
    if given.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", given.join(", ")) }
}
