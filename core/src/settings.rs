//! The settings that a topology gives, held against those that a function declares.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::function::{SettingKind, SettingSpec, SettingValue};

/// A setting that does not fit the function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    #[error("setting {name:?} is not declared by the function, which knows {}", list(known))]
    Unknown { name: String, known: Vec<String> },
    #[error("setting {name:?} is required and not given")]
    Missing { name: String },
    #[error("setting {name:?} is {found} and must be {wanted}")]
    WrongType { name: String, wanted: &'static str, found: String },
}

impl SettingError {
    /// The setting it is about.
    pub fn name(&self) -> &str {
        match self {
            Self::Unknown { name, .. } | Self::Missing { name } | Self::WrongType { name, .. } => name,
        }
    }
}

fn list(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", "),
    }
}

/// What the function is given, in the order in which it declares it: what the topology says, else the default;
/// optional settings without either are left out. All errors are found, not only the first.
pub fn resolve(
    specs: &[SettingSpec],
    given: &BTreeMap<String, Value>,
) -> Result<Vec<(String, SettingValue)>, Vec<SettingError>> {
    let mut errors: Vec<_> = given
        .keys()
        .filter(|name| !specs.iter().any(|spec| spec.name == **name))
        .map(|name| {
            let known = specs.iter().map(|spec| spec.name.clone()).collect();
            SettingError::Unknown { name: name.clone(), known }
        })
        .collect();
    let mut settings = Vec::with_capacity(specs.len());
    for spec in specs {
        match (given.get(&spec.name), &spec.default) {
            (Some(value), _) => match typed(spec, value) {
                Ok(value) => settings.push((spec.name.clone(), value)),
                Err(error) => errors.push(error),
            },
            (None, Some(default)) => settings.push((spec.name.clone(), default.clone())),
            (None, None) if spec.required => errors.push(SettingError::Missing { name: spec.name.clone() }),
            (None, None) => {}
        }
    }
    if errors.is_empty() { Ok(settings) } else { Err(errors) }
}

fn typed(spec: &SettingSpec, value: &Value) -> Result<SettingValue, SettingError> {
    let wanted = match spec.kind {
        SettingKind::Text => "a text",
        SettingKind::Integer => "an integer of 64 bits",
        SettingKind::Number => "a number",
        SettingKind::Boolean => "true or false",
        SettingKind::Json => "any JSON",
    };
    let fits = match (spec.kind, value) {
        (SettingKind::Text, Value::String(text)) => Some(SettingValue::Text(text.clone())),
        (SettingKind::Integer, value) => value.as_i64().map(SettingValue::Integer),
        (SettingKind::Number, value) => value.as_f64().map(SettingValue::Number),
        (SettingKind::Boolean, value) => value.as_bool().map(SettingValue::Boolean),
        (SettingKind::Json, value) => Some(SettingValue::Json(value.to_string())),
        (SettingKind::Text, _) => None,
    };
    fits.ok_or_else(|| {
        // A secret must not show up in a message.
        let found = if spec.secret { "of another type".to_owned() } else { value.to_string() };
        SettingError::WrongType { name: spec.name.clone(), wanted, found }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn spec(name: &str, kind: SettingKind, required: bool, default: Option<SettingValue>) -> SettingSpec {
        SettingSpec { name: name.to_owned(), kind, required, default, secret: false, doc: String::new() }
    }

    fn given(value: Value) -> BTreeMap<String, Value> {
        value.as_object().unwrap().clone().into_iter().collect()
    }

    #[test]
    fn each_kind_takes_its_values_and_defaults_fill_in() {
        let specs = [
            spec("a", SettingKind::Text, true, None),
            spec("b", SettingKind::Integer, true, None),
            spec("c", SettingKind::Number, true, None),
            spec("d", SettingKind::Boolean, true, None),
            spec("e", SettingKind::Json, true, None),
            spec("f", SettingKind::Integer, false, Some(SettingValue::Integer(9))),
            spec("g", SettingKind::Text, false, None),
        ];
        let settings =
            resolve(&specs, &given(json!({"a": "x", "b": -1, "c": 2, "d": true, "e": {"k": [1]}})));
        let values: Vec<_> = settings.unwrap().into_iter().map(|(_, value)| value).collect();
        assert_eq!(
            values,
            [
                SettingValue::Text("x".to_owned()),
                SettingValue::Integer(-1),
                SettingValue::Number(2.0),
                SettingValue::Boolean(true),
                SettingValue::Json(r#"{"k":[1]}"#.to_owned()),
                SettingValue::Integer(9),
            ]
        );
    }

    #[test]
    fn every_misfit_is_named() {
        let specs =
            [spec("limit", SettingKind::Integer, true, None), spec("mode", SettingKind::Text, true, None)];
        let errors = resolve(&specs, &given(json!({"limit": 1.5, "limt": 1}))).unwrap_err();
        let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            [
                r#"setting "limt" is not declared by the function, which knows "limit", "mode""#,
                r#"setting "limit" is 1.5 and must be an integer of 64 bits"#,
                r#"setting "mode" is required and not given"#,
            ]
        );
    }

    #[test]
    fn a_secret_is_not_shown() {
        let specs = [SettingSpec { secret: true, ..spec("key", SettingKind::Integer, true, None) }];
        let errors = resolve(&specs, &given(json!({"key": "hunter2"}))).unwrap_err();
        assert_eq!(
            errors[0].to_string(),
            r#"setting "key" is of another type and must be an integer of 64 bits"#
        );
    }
}
