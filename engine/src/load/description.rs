//! Checks a description for sense before anybody relies on it.

use std::collections::HashSet;

use invoker_core::function::{Description, SettingKind, SettingSpec, SettingValue, StateKind, StateSpec};

/// Most entries of one list.
const ENTRIES: usize = 256;
/// Longest name, bytes.
const NAME_BYTES: usize = 128;

/// What is wrong with a description. `list` is the list's name in the contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DescriptionError {
    #[error("`{list}` has {count} entries, and at most {ENTRIES} are served")]
    TooMany { list: &'static str, count: usize },
    #[error("`{list}[{index}]` has no name")]
    Unnamed { list: &'static str, index: usize },
    #[error("the name of `{list}[{index}]` is {bytes} bytes long, and at most {NAME_BYTES} are served")]
    LongName { list: &'static str, index: usize, bytes: usize },
    #[error("the name of `{list}[{index}]`, {name:?}, has a control character or a space at an end")]
    BadName { list: &'static str, index: usize, name: String },
    #[error("`{list}` has {name:?} twice")]
    Twice { list: &'static str, name: String },
    #[error("the default of setting {name:?} is {found}, but the setting is {wanted}")]
    DefaultKind { name: String, found: &'static str, wanted: &'static str },
    #[error("the default of setting {name:?} is not JSON: {message}")]
    DefaultJson { name: String, message: String },
    #[error("the default of setting {name:?} is not a finite number")]
    DefaultNumber { name: String },
    #[error("state {name:?} is to be handed over with the batch, but is a map: only value states can be")]
    PrefetchedMap { name: String },
    #[error("state {name:?} lives for 0 milliseconds")]
    NoLifetime { name: String },
    #[error("`{field}` is 0")]
    Zero { field: &'static str },
    #[error("the property {name:?} is not known to this host, and its \"!\" says that it must be")]
    Property { name: String },
}

/// The first thing wrong with a description.
pub(crate) fn check(description: &Description) -> Result<(), DescriptionError> {
    names("inputs", description.inputs.iter().map(|port| port.name.as_str()))?;
    names("outputs", description.outputs.iter().map(|port| port.name.as_str()))?;
    names("states", description.states.iter().map(|state| state.name.as_str()))?;
    names("settings", description.settings.iter().map(|setting| setting.name.as_str()))?;
    description.states.iter().try_for_each(state)?;
    description.settings.iter().try_for_each(default)?;
    if description.max_records == Some(0) {
        return Err(DescriptionError::Zero { field: "max-records" });
    }
    if description.record_deadline == Some(0) {
        return Err(DescriptionError::Zero { field: "record-deadline" });
    }
    match description.properties.iter().find(|(name, _)| name.starts_with('!')) {
        Some((name, _)) => Err(DescriptionError::Property { name: shown(name) }),
        None => Ok(()),
    }
}

fn names<'a>(
    list: &'static str,
    names: impl ExactSizeIterator<Item = &'a str>,
) -> Result<(), DescriptionError> {
    if names.len() > ENTRIES {
        return Err(DescriptionError::TooMany { list, count: names.len() });
    }
    let mut seen = HashSet::new();
    for (index, name) in names.enumerate() {
        if name.is_empty() {
            return Err(DescriptionError::Unnamed { list, index });
        }
        if name.len() > NAME_BYTES {
            return Err(DescriptionError::LongName { list, index, bytes: name.len() });
        }
        if name.trim() != name || name.chars().any(char::is_control) {
            return Err(DescriptionError::BadName { list, index, name: name.to_owned() });
        }
        if !seen.insert(name) {
            return Err(DescriptionError::Twice { list, name: name.to_owned() });
        }
    }
    Ok(())
}

fn state(spec: &StateSpec) -> Result<(), DescriptionError> {
    if spec.prefetch && spec.kind != StateKind::Value {
        return Err(DescriptionError::PrefetchedMap { name: spec.name.clone() });
    }
    if spec.ttl == Some(0) {
        return Err(DescriptionError::NoLifetime { name: spec.name.clone() });
    }
    Ok(())
}

fn default(spec: &SettingSpec) -> Result<(), DescriptionError> {
    let name = || spec.name.clone();
    match (&spec.default, spec.kind) {
        (None, _)
        | (Some(SettingValue::Text(_)), SettingKind::Text)
        | (Some(SettingValue::Integer(_)), SettingKind::Integer)
        | (Some(SettingValue::Boolean(_)), SettingKind::Boolean) => Ok(()),
        (Some(SettingValue::Number(value)), SettingKind::Number) if value.is_finite() => Ok(()),
        (Some(SettingValue::Number(_)), SettingKind::Number) => {
            Err(DescriptionError::DefaultNumber { name: name() })
        }
        (Some(SettingValue::Json(text)), SettingKind::Json) => {
            match serde_json::from_str::<serde::de::IgnoredAny>(text) {
                Ok(_) => Ok(()),
                Err(error) => Err(DescriptionError::DefaultJson { name: name(), message: error.to_string() }),
            }
        }
        (Some(value), wanted) => Err(DescriptionError::DefaultKind {
            name: name(),
            found: kind_name(kind_of(value)),
            wanted: kind_name(wanted),
        }),
    }
}

fn kind_of(value: &SettingValue) -> SettingKind {
    match value {
        SettingValue::Text(_) => SettingKind::Text,
        SettingValue::Integer(_) => SettingKind::Integer,
        SettingValue::Number(_) => SettingKind::Number,
        SettingValue::Boolean(_) => SettingKind::Boolean,
        SettingValue::Json(_) => SettingKind::Json,
    }
}

fn kind_name(kind: SettingKind) -> &'static str {
    match kind {
        SettingKind::Text => "text",
        SettingKind::Integer => "an integer",
        SettingKind::Number => "a number",
        SettingKind::Boolean => "a boolean",
        SettingKind::Json => "json",
    }
}

/// A name that was not checked for length.
fn shown(name: &str) -> String {
    let mut name = name.to_owned();
    crate::lines::cut(&mut name, NAME_BYTES);
    name
}

#[cfg(test)]
mod tests {
    use invoker_core::function::Port;

    use super::*;

    fn port(name: &str) -> Port {
        Port { name: name.to_owned(), content_type: None, schema: None, doc: String::new() }
    }

    fn setting(kind: SettingKind, default: SettingValue) -> Description {
        let spec = SettingSpec {
            name: "size".to_owned(),
            kind,
            required: false,
            default: Some(default),
            secret: false,
            doc: String::new(),
        };
        Description { settings: vec![spec], ..Description::default() }
    }

    fn states(kind: StateKind, prefetch: bool, ttl: Option<u64>) -> Description {
        let spec = StateSpec {
            name: "seen".to_owned(),
            kind,
            prefetch,
            ttl,
            version: 1,
            reads: Vec::new(),
            doc: String::new(),
        };
        Description { states: vec![spec], ..Description::default() }
    }

    fn refused(description: &Description) -> String {
        check(description).expect_err("refused").to_string()
    }

    #[test]
    fn names_must_be_there_once_short_and_printable() {
        let outputs = |names: &[&str]| Description {
            outputs: names.iter().map(|name| port(name)).collect(),
            ..Description::default()
        };
        assert_eq!(refused(&outputs(&["a", ""])), "`outputs[1]` has no name");
        assert_eq!(refused(&outputs(&["a", "b", "a"])), "`outputs` has \"a\" twice");
        assert!(refused(&outputs(&["a\n"])).starts_with("the name of `outputs[0]`, \"a\\n\", has a control"));
        assert!(refused(&outputs(&[&"x".repeat(129)])).contains("129 bytes long"));
        let many: Vec<_> = (0..257).map(|i| i.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert_eq!(refused(&outputs(&many)), "`outputs` has 257 entries, and at most 256 are served");
        assert_eq!(check(&outputs(&["a", "b"])), Ok(()));
    }

    #[test]
    fn defaults_must_be_of_their_kind() {
        let text = SettingValue::Text("3".to_owned());
        assert_eq!(
            refused(&setting(SettingKind::Integer, text.clone())),
            "the default of setting \"size\" is text, but the setting is an integer"
        );
        assert_eq!(check(&setting(SettingKind::Text, text)), Ok(()));
        let json = |text: &str| setting(SettingKind::Json, SettingValue::Json(text.to_owned()));
        assert!(refused(&json("{")).starts_with("the default of setting \"size\" is not JSON: EOF"));
        assert_eq!(check(&json("{\"a\": [1]}")), Ok(()));
        let number = |value| setting(SettingKind::Number, SettingValue::Number(value));
        assert!(refused(&number(f64::NAN)).ends_with("is not a finite number"));
        assert_eq!(check(&number(0.5)), Ok(()));
    }

    #[test]
    fn states_and_limits_must_make_sense() {
        assert!(refused(&states(StateKind::Map, true, None)).contains("only value states can be"));
        assert_eq!(
            refused(&states(StateKind::Value, true, Some(0))),
            "state \"seen\" lives for 0 milliseconds"
        );
        assert_eq!(check(&states(StateKind::Value, true, Some(1))), Ok(()));
        let none = Description { max_records: Some(0), ..Description::default() };
        assert_eq!(refused(&none), "`max-records` is 0");
        let none = Description { record_deadline: Some(0), ..Description::default() };
        assert_eq!(refused(&none), "`record-deadline` is 0");
    }

    #[test]
    fn properties_that_must_be_known_are_refused_and_others_ignored() {
        let properties = |name: &str| Description {
            properties: vec![(name.to_owned(), "1".to_owned())],
            ..Description::default()
        };
        assert!(refused(&properties("!timers")).starts_with("the property \"!timers\" is not known"));
        assert_eq!(check(&properties("timers")), Ok(()));
    }
}
