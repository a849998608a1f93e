//! What came of a case beside what should have: the differences, as lines for a person. Owns the comparison; not how
//! a case was run.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use invoker_core::function::Description;
use serde_json::Value;

use super::align::lines;
use super::cases::{Case, Expected, Reject, bytes_of, says};
use super::flow;
use super::outcome::{Failed, Outcome, Stored};
use super::recorder::Sent;

/// One part of a case that came out otherwise: a heading, and lines that begin with `-`, `+` or a space.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) part: &'static str,
    pub(super) lines: Vec<String>,
}

/// How an outcome differs from what the case expects.
pub(super) fn compare(case: &Case, outcome: &Outcome, description: &Description) -> Vec<Difference> {
    let port = |sent: &Sent| name_of(description, sent);
    let output = lines(
        &case.output,
        &outcome.sent,
        |expected, sent| is_as(expected, sent, port(sent), description),
        flow::record,
        |sent| flow::record(&like(&case.output, observed(sent, description))),
    );
    let rejects = lines(
        &case.rejects,
        &outcome.failed,
        failed_as,
        |expected| flow::reject(expected, None),
        |failed| flow::reject(&reject(failed), Some(failed)),
    );
    let mut differences = Vec::new();
    for (part, lines) in [("output", output), ("rejects", rejects), ("state", state(case, outcome))] {
        if !lines.is_empty() {
            differences.push(Difference { part, lines });
        }
    }
    differences
}

/// How an outcome differs from that of the same records in other calls.
pub(super) fn between(one: &Outcome, other: &Outcome, description: &Description) -> Vec<Difference> {
    let case = expected_of(one, description);
    let mut differences = compare(&case, other, description);
    let gone = |a: &Outcome, b: &Outcome| a.sources != b.sources;
    if differences.is_empty() && gone(one, other) {
        let lines = vec!["  records come from others than before".to_owned()];
        differences.push(Difference { part: "sources", lines });
    }
    differences
}

/// A case that expects exactly what came out.
pub(super) fn expected_of(outcome: &Outcome, description: &Description) -> Case {
    let output = outcome.sent.iter().map(|sent| full(sent, description)).collect();
    let rejects = outcome.failed.iter().map(reject).collect();
    let state = outcome.state.iter().map(|(name, keys)| {
        let keys = keys.iter().map(|(key, stored)| (key.clone(), Some(stored_value(stored))));
        (name.clone(), keys.collect())
    });
    Case {
        name: String::new(),
        settings: BTreeMap::new(),
        now: None,
        input: Vec::new(),
        output,
        rejects,
        state: state.collect(),
    }
}

fn name_of<'d>(description: &'d Description, sent: &Sent) -> &'d str {
    description.outputs.get(usize::from(sent.port)).map_or("", |port| port.name.as_str())
}

fn is_as(expected: &Expected, sent: &Sent, port: &str, description: &Description) -> bool {
    let named = expected.output.as_deref().or(description.outputs.first().map(|port| port.name.as_str()));
    let bytes =
        |value: &Option<Value>, base64: &Option<String>, found: &Option<Vec<u8>>| match (value, base64) {
            (Some(value), _) => found.as_ref().is_some_and(|found| says(value, found)),
            (None, Some(base64)) => STANDARD.decode(base64).ok() == *found,
            (None, None) => found.is_none(),
        };
    named == Some(port)
        && bytes(&expected.key, &expected.key_base64, &sent.key)
        && bytes(&expected.value, &expected.value_base64, &sent.value)
        && expected.timestamp.is_none_or(|time| sent.timestamp == Some(time))
        && expected.partition.is_none_or(|partition| i64::from(sent.partition) == i64::from(partition))
        && expected.headers.as_ref().is_none_or(|headers| *headers == headers_of(sent))
}

fn headers_of(sent: &Sent) -> BTreeMap<String, String> {
    let pair = |(name, value): &(String, Option<Vec<u8>>)| {
        (name.clone(), String::from_utf8_lossy(value.as_deref().unwrap_or_default()).into_owned())
    };
    sent.headers.iter().flatten().map(pair).collect()
}

/// All that is known of a sent record.
fn full(sent: &Sent, description: &Description) -> Expected {
    let mut expected = observed(sent, description);
    expected.timestamp = sent.timestamp;
    expected.partition = u32::try_from(sent.partition).ok();
    expected.headers = Some(headers_of(sent)).filter(|headers| !headers.is_empty());
    expected
}

/// A sent record as a case would first say it: output, key and value.
pub(super) fn observed(sent: &Sent, description: &Description) -> Expected {
    let (key, key_base64) = written(sent.key.as_deref(), false);
    let (value, value_base64) = written(sent.value.as_deref(), true);
    let output = (description.outputs.len() > 1).then(|| name_of(description, sent).to_owned());
    let full = full_part(sent);
    Expected { output, key, key_base64, value, value_base64, ..full }
}

fn full_part(sent: &Sent) -> Expected {
    Expected {
        timestamp: sent.timestamp,
        partition: u32::try_from(sent.partition).ok(),
        headers: Some(headers_of(sent)),
        ..Expected::default()
    }
}

/// With the parts that the case speaks of, and no others.
pub(super) fn like(case: &[Expected], mut observed: Expected) -> Expected {
    let said = |given: fn(&Expected) -> bool| case.iter().any(given);
    observed.timestamp = observed.timestamp.filter(|_| said(|expected| expected.timestamp.is_some()));
    observed.partition = observed.partition.filter(|_| said(|expected| expected.partition.is_some()));
    observed.headers = observed.headers.filter(|_| said(|expected| expected.headers.is_some()));
    observed
}

/// Bytes as a file of cases says them: lists and objects of JSON as such, other text as text, the rest as base64.
fn written(bytes: Option<&[u8]>, json: bool) -> (Option<Value>, Option<String>) {
    let Some(bytes) = bytes else { return (None, None) };
    match std::str::from_utf8(bytes) {
        Err(_) => (None, Some(STANDARD.encode(bytes))),
        Ok(text) => {
            let value = serde_json::from_str::<Value>(text).ok();
            let value = value.filter(|value| json && (value.is_object() || value.is_array()));
            (Some(value.unwrap_or_else(|| text.into())), None)
        }
    }
}

pub(super) fn reject(failed: &Failed) -> Reject {
    Reject { record: failed.record, code: failed.code.clone(), message: None }
}

fn failed_as(expected: &Reject, failed: &Failed) -> bool {
    expected.record == failed.record
        && expected.code == failed.code
        && expected.message.as_ref().is_none_or(|message| failed.message.contains(message))
}

pub(super) fn stored_value(stored: &Stored) -> Value {
    let value = |bytes: &[u8]| match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => value,
        Err(_) => String::from_utf8_lossy(bytes).into_owned().into(),
    };
    match stored {
        Stored::Value(bytes) => value(bytes),
        Stored::Fields(fields) => {
            Value::Object(fields.iter().map(|(field, bytes)| (field.clone(), value(bytes))).collect())
        }
    }
}

fn state(case: &Case, outcome: &Outcome) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, keys) in &case.state {
        let Some(found) = outcome.state.get(name) else {
            let known: Vec<_> = outcome.state.keys().map(|name| format!("{name:?}")).collect();
            lines.push(format!("- {name}: the function declares no such state; it has {}", known.join(", ")));
            continue;
        };
        for (key, expected) in keys {
            let stored = found.get(key);
            if !holds(expected.as_ref(), stored) {
                let shown = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
                lines
                    .push(format!("- {name} of {key:?}: {}", shown(expected.as_ref().map(Value::to_string))));
                let found = stored.map(|stored| stored_value(stored).to_string());
                lines.push(format!("+ {name} of {key:?}: {}", shown(found)));
            }
        }
    }
    lines
}

fn holds(expected: Option<&Value>, stored: Option<&Stored>) -> bool {
    match (expected, stored) {
        (None, None) => true,
        (Some(expected), Some(Stored::Value(bytes))) => {
            says(expected, bytes) || bytes_of(expected) == *bytes || stored_text(expected, bytes)
        }
        (Some(Value::Object(expected)), Some(Stored::Fields(fields))) => {
            expected.len() == fields.len()
                && expected.iter().all(|(field, value)| {
                    let stored = fields.get(field).map(|bytes| Stored::Value(bytes.clone()));
                    holds(Some(value), stored.as_ref())
                })
        }
        _ => false,
    }
}

/// A text that is stored as JSON may be said without its quotes.
fn stored_text(expected: &Value, bytes: &[u8]) -> bool {
    expected.is_string() && serde_json::from_slice::<Value>(bytes).is_ok_and(|found| found == *expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_state_may_be_said_with_or_without_its_quotes() {
        let stored = Stored::Value(b"\"de\"".to_vec());
        assert!(holds(Some(&"de".into()), Some(&stored)));
        assert!(holds(Some(&"\"de\"".into()), Some(&stored)));
        assert!(!holds(Some(&"fr".into()), Some(&stored)) && !holds(None, Some(&stored)));
        assert!(holds(Some(&2.into()), Some(&Stored::Value(b"2".to_vec()))));
        assert!(holds(Some(&"2".into()), Some(&Stored::Value(b"2".to_vec()))));
    }
}
