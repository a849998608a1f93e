//! Cases: a file of records and what must come of them, which `cargo test` reads here and the engine reads elsewhere.

use super::{Incoming, Outcome, SettingValue, Test, record};
use crate::function::Process;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Runs the cases of a `cases.json` and panics at the first that comes out otherwise.
///
/// A file holds a list of cases. Each starts with empty state, and is handed over in one go:
///
/// ```
/// use invoker_sdk::prelude::*;
///
/// #[function]
/// fn shout(record: Record<'_>, out: &mut Output<String>) -> Result {
///     out.send(&record.text()?.to_uppercase())
/// }
///
/// # fn main() {
/// invoker_sdk::testing::check_cases::<shout>(r#"[
///     {
///         "name": "letters grow",
///         "input": [{ "key": "a", "value": "hey" }, { "value": null }],
///         "output": [{ "key": "a", "value": "HEY" }],
///         "rejects": [{ "record": 1, "code": "no-value" }]
///     }
/// ]"#);
/// # }
/// ```
///
/// `settings` (an object), `state` (`{ "total": { "some key": "as stored" } }`, checked at the end), and of a record
/// `input`, `timestamp` and `headers` may be given; `output` names the output of a record where there are several. What a
/// case does not say of an output record is not compared, but its key and value.
#[expect(clippy::panic, reason = "a file that cannot be read is a failed test")]
pub fn check_cases<F: Process>(cases: &str) {
    let cases: Vec<Case> = match serde_json::from_str(cases) {
        Ok(cases) => cases,
        Err(error) => panic!("the cases cannot be read: {error}"),
    };
    assert!(!cases.is_empty(), "there are no cases");
    cases.iter().for_each(check::<F>);
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    settings: BTreeMap<String, serde_json::Value>,
    input: Vec<Given>,
    #[serde(default)]
    output: Vec<Expected>,
    #[serde(default)]
    rejects: Vec<Reject>,
    #[serde(default)]
    state: BTreeMap<String, BTreeMap<String, Option<String>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    input: Option<String>,
    key: Option<String>,
    value: Option<String>,
    timestamp: Option<i64>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    output: Option<String>,
    key: Option<String>,
    value: Option<String>,
    timestamp: Option<i64>,
    partition: Option<u32>,
    headers: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize, PartialEq, Debug)]
#[serde(deny_unknown_fields)]
struct Reject {
    record: usize,
    code: String,
}

fn check<F: Process>(case: &Case) {
    let name = &case.name;
    let settings = case.settings.iter().map(|(name, value)| (name.clone(), setting(value)));
    let mut test = Test::<F>::with(settings);
    let outcome = test.process(case.input.iter().map(Given::record));
    assert_eq!(outcome.stopped, None, "case \"{name}\": a record is to be tried again");
    let rejects: Vec<_> =
        outcome.rejects.iter().map(|r| Reject { record: r.record, code: r.code.clone() }).collect();
    assert_eq!(rejects, case.rejects, "case \"{name}\": rejects, those of the function on the left");
    compare(name, &outcome, &case.output);
    for (state, keys) in &case.state {
        for (key, stored) in keys {
            let found = test.state_text(state, key);
            assert_eq!(&found, stored, "case \"{name}\": state \"{state}\" of key \"{key}\"");
        }
    }
}

fn compare(name: &str, outcome: &Outcome, expected: &[Expected]) {
    for (i, (sent, expected)) in outcome.sent.iter().zip(expected).enumerate() {
        let at = format!("case \"{name}\": output record {i}, that of the function on the left");
        let text = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|b| String::from_utf8_lossy(b).into_owned());
        assert_eq!(
            (text(&sent.key), text(&sent.value)),
            (expected.key.clone(), expected.value.clone()),
            "{at}"
        );
        if let Some(output) = &expected.output {
            assert_eq!(&sent.output, output, "{at}");
        }
        if expected.timestamp.is_some() {
            assert_eq!(sent.timestamp, expected.timestamp, "{at}");
        }
        if expected.partition.is_some() {
            assert_eq!(sent.partition, expected.partition, "{at}");
        }
        if let Some(headers) = &expected.headers {
            let sent =
                sent.headers.iter().map(|(name, value)| (name.clone(), text(value).unwrap_or_default()));
            assert_eq!(&sent.collect::<BTreeMap<_, _>>(), headers, "{at}");
        }
    }
    let (sent, wanted) = (outcome.sent.len(), expected.len());
    assert_eq!(
        sent, wanted,
        "case \"{name}\": number of output records, the function's on the left: {:?}",
        outcome.sent
    );
}

impl Given {
    fn record(&self) -> Incoming {
        let mut incoming = record(self.value.as_deref().unwrap_or_default());
        if self.value.is_none() {
            incoming.value = None;
        }
        incoming.key = self.key.as_ref().map(|key| key.clone().into_bytes());
        incoming.timestamp = self.timestamp;
        incoming.input.clone_from(&self.input);
        self.headers.iter().fold(incoming, |incoming, (name, value)| incoming.header(name, value))
    }
}

fn setting(value: &serde_json::Value) -> SettingValue {
    use serde_json::Value;
    match value {
        Value::String(text) => text.as_str().into(),
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => integer.into(),
            None => number.as_f64().unwrap_or(f64::NAN).into(),
        },
        other => SettingValue::Json(other.to_string()),
    }
}
