//! The settings that a topology gives, held against those that a function declares.
//!
//! A secret stands in a topology by reference, `{ secretRef: { name, key } }`. Who starts a host looks the references
//! up (`reveal`) in memory; no document that is kept or sent holds the secret itself.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::function::{SettingKind, SettingSpec, SettingValue};
use crate::topology::SecretRef;

/// A setting that does not fit the function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    #[error("setting {name:?} is not declared by the function, which knows {}", list(known))]
    Unknown { name: String, known: Vec<String> },
    #[error("setting {name:?} is required and not given")]
    Missing { name: String },
    #[error("setting {name:?} is {found} and must be {wanted}")]
    WrongType { name: String, wanted: &'static str, found: String },
    #[error("setting {name:?} is a secret and must be given by reference: {{ secretRef: {{ name, key }} }}")]
    Inline { name: String },
    #[error("setting {name:?} is no reference to a secret: it must be {{ secretRef: {{ name, key }} }}")]
    BadReference { name: String },
    #[error("setting {name:?} refers to key {key:?} of the secret {secret:?}, which is not there")]
    Unresolved { name: String, secret: String, key: String },
}

impl SettingError {
    /// The setting it is about.
    pub fn name(&self) -> &str {
        match self {
            Self::Unknown { name, .. }
            | Self::Missing { name }
            | Self::WrongType { name, .. }
            | Self::Inline { name }
            | Self::BadReference { name }
            | Self::Unresolved { name, .. } => name,
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
    let mut errors: Vec<_> = unknown(specs, given).collect();
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

/// What is wrong with settings as a topology gives them: references need not be looked up, and a secret may only be
/// given by one.
pub fn misfits(specs: &[SettingSpec], given: &BTreeMap<String, Value>) -> Vec<SettingError> {
    let mut errors: Vec<_> = unknown(specs, given).collect();
    for spec in specs {
        let name = || spec.name.clone();
        match given.get(&spec.name).map(|value| (value, reference(value))) {
            Some((_, Reference::To(_))) => {}
            Some((_, Reference::Malformed)) => errors.push(SettingError::BadReference { name: name() }),
            Some(_) if spec.secret => errors.push(SettingError::Inline { name: name() }),
            Some((value, Reference::None)) => errors.extend(typed(spec, value).err()),
            None if spec.required && spec.default.is_none() => {
                errors.push(SettingError::Missing { name: name() })
            }
            None => {}
        }
    }
    errors
}

/// Replaces each reference by the secret that `look_up` finds; its text is read as the type of the setting.
pub fn reveal(
    specs: &[SettingSpec],
    given: &BTreeMap<String, Value>,
    look_up: impl Fn(&SecretRef) -> Option<String>,
) -> Result<BTreeMap<String, Value>, Vec<SettingError>> {
    let (mut revealed, mut errors) = (BTreeMap::new(), Vec::new());
    for (name, value) in given {
        let secret = match reference(value) {
            Reference::None => {
                revealed.insert(name.clone(), value.clone());
                continue;
            }
            Reference::Malformed => {
                errors.push(SettingError::BadReference { name: name.clone() });
                continue;
            }
            Reference::To(secret) => secret,
        };
        let kind = specs.iter().find(|spec| spec.name == *name).map_or(SettingKind::Text, |spec| spec.kind);
        match look_up(&secret) {
            Some(text) => revealed.insert(name.clone(), value_of(kind, text)),
            None => {
                let (name, key) = (name.clone(), secret.key.unwrap_or_default());
                errors.push(SettingError::Unresolved { name, secret: secret.name, key });
                continue;
            }
        };
    }
    if errors.is_empty() { Ok(revealed) } else { Err(errors) }
}

fn value_of(kind: SettingKind, text: String) -> Value {
    match kind {
        SettingKind::Text => Value::String(text),
        _ => serde_json::from_str(text.trim()).unwrap_or(Value::String(text)),
    }
}

enum Reference {
    None,
    To(SecretRef),
    Malformed,
}

/// An object whose only field is `secretRef` is a reference, whatever the type of the setting.
fn reference(value: &Value) -> Reference {
    let Some(fields) = value.as_object().filter(|fields| fields.len() == 1) else { return Reference::None };
    let Some(target) = fields.get("secretRef") else { return Reference::None };
    match serde_json::from_value::<SecretRef>(target.clone()) {
        Ok(secret) if secret.key.is_some() => Reference::To(secret),
        _ => Reference::Malformed,
    }
}

fn unknown(specs: &[SettingSpec], given: &BTreeMap<String, Value>) -> impl Iterator<Item = SettingError> {
    given.keys().filter(|name| !specs.iter().any(|spec| spec.name == **name)).map(|name| {
        let known = specs.iter().map(|spec| spec.name.clone()).collect();
        SettingError::Unknown { name: name.clone(), known }
    })
}

fn typed(spec: &SettingSpec, value: &Value) -> Result<SettingValue, SettingError> {
    if let Reference::To(secret) = reference(value) {
        let (name, key) = (spec.name.clone(), secret.key.unwrap_or_default());
        return Err(SettingError::Unresolved { name, secret: secret.name, key });
    }
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
mod tests;
