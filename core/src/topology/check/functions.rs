//! What shows only beside the functions: ports that exist, settings that fit, state that the delivery allows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::Findings;
use crate::document::Delivery;
use crate::function::{Description, Port};
use crate::settings::{self, SettingError};
use crate::topology::entity::{Assignment, StatefulEntity};
use crate::topology::parse::Document;
use crate::topology::problem::{Problems, listed, nearest};
use crate::topology::yaml::path_of_field;

/// What is known of the function of each entity, by the entity's name. An entity that is missing here is not checked.
pub type Functions = BTreeMap<String, Result<Arc<Description>, Unavailable>>;

/// Why a function is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    pub what: String,
    pub why: String,
    pub help: String,
}

/// Checks each entity against what its function declares. Expects a document that passed `check`.
pub fn check_functions(document: &Document, functions: &Functions) -> Result<(), Problems> {
    let mut findings = Findings { document, problems: Vec::new() };
    for (path, entity) in findings.entities() {
        match functions.get(&entity.name) {
            None => {}
            Some(Err(Unavailable { what, why, help })) => {
                findings.add(&format!("{path}.function"), what, why, help);
            }
            Some(Ok(description)) => {
                wired_inputs(&mut findings, &path, entity, description);
                wired_outputs(&mut findings, &path, entity, description);
                fitting_settings(&mut findings, &path, entity, description);
                fitting_state(&mut findings, &path, entity, description);
            }
        }
    }
    Problems::none_of(findings.problems)
}

/// One input of the document: its path, the name and the media type it gives.
struct Given<'a> {
    path: String,
    name: Option<&'a str>,
    format: Option<&'a str>,
}

fn given_inputs<'a>(path: &str, entity: &'a StatefulEntity) -> Vec<Given<'a>> {
    let one = entity.input_topic.iter().map(|_| Given {
        path: format!("{path}.inputTopic"),
        name: None,
        format: None,
    });
    let several = entity.inputs.iter().enumerate().map(|(index, input)| Given {
        path: format!("{path}.inputs[{index}]"),
        name: input.name.as_deref(),
        format: input.format.as_deref(),
    });
    one.chain(several).collect()
}

fn wired_inputs(findings: &mut Findings<'_>, path: &str, entity: &StatefulEntity, description: &Description) {
    let given = given_inputs(path, entity);
    let declared = &description.inputs;
    let only = if let [only] = declared.as_slice() { Some(only) } else { None };
    if declared.len() <= 1 && given.len() > 1 {
        let what = format!("{} inputs are wired, and the function has one", given.len());
        let why = "it could not tell their records apart";
        let help = "let one entity per topic run it, or use a function that declares several inputs";
        findings.add(&format!("{path}.inputs"), what, why, help);
        return;
    }
    let mut wired = BTreeSet::new();
    for input in &given {
        let port = match input.name {
            Some(name) => port_of(findings, &format!("{}.name", input.path), "input", name, declared),
            None if declared.len() > 1 => {
                let what = "it is open which input of the function this is";
                let why = format!("the function declares {}", names_of(declared));
                let help = "wire each of them under `inputs`, with its `name`";
                findings.add(&input.path, what, why, help);
                return;
            }
            None => only,
        };
        let Some(port) = port else { continue };
        if !wired.insert(port.name.as_str()) {
            let why = "an input of a function reads one topic";
            let help = "remove one of them, or name another input";
            findings.add(
                &format!("{}.name", input.path),
                format!("the input {:?} is wired twice", port.name),
                why,
                help,
            );
        }
        fitting_format(findings, input, port);
    }
    if declared.len() > 1 && !misnamed(&given, declared) {
        all_wired(findings, path, declared, &wired);
    }
}

fn all_wired(findings: &mut Findings<'_>, path: &str, declared: &[Port], wired: &BTreeSet<&str>) {
    let names = declared.iter().map(|port| port.name.as_str());
    let unwired: Vec<&str> = names.filter(|name| !wired.contains(name)).collect();
    let Some(first) = unwired.first() else { return };
    let names = listed(unwired.iter().copied());
    let what = match unwired.as_slice() {
        [_] => format!("the input {names} is not wired"),
        _ => format!("the inputs {names} are not wired"),
    };
    let why = "the function declares them all and expects their records";
    let help = format!("add `- {{ name: {first}, topic: … }}`");
    findings.add(&format!("{path}.inputs"), what, why, help);
}

/// Whether a wrong name was told already: it most likely is the one that is not wired.
fn misnamed(given: &[Given<'_>], declared: &[Port]) -> bool {
    given.iter().filter_map(|input| input.name).any(|name| !declared.iter().any(|port| port.name == name))
}

fn names_of(ports: &[Port]) -> String {
    listed(ports.iter().map(|port| port.name.as_str()))
}

fn port_of<'a>(
    findings: &mut Findings<'_>,
    path: &str,
    kind: &str,
    name: &str,
    declared: &'a [Port],
) -> Option<&'a Port> {
    let found = declared.iter().find(|port| port.name == name);
    if found.is_none() {
        let what = format!("the function declares no {kind} {name:?}");
        let why = declares(kind, declared.iter().map(|port| port.name.as_str()));
        let help = match nearest(name, declared.iter().map(|port| port.name.as_str())) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None if declared.is_empty() => "remove the name".to_owned(),
            None => "name one of them".to_owned(),
        };
        findings.add(path, what, why, help);
    }
    found
}

fn declares<'a>(kind: &str, mut names: impl Iterator<Item = &'a str>) -> String {
    match names.next() {
        None => format!("it declares no {kind}s"),
        Some(first) => format!("it declares {}", listed(std::iter::once(first).chain(names))),
    }
}

fn fitting_format(findings: &mut Findings<'_>, input: &Given<'_>, port: &Port) {
    if let (Some(given), Some(expected)) = (input.format, port.content_type.as_deref())
        && given != expected
    {
        let what = format!("the records are {given:?}, and the function expects {expected:?}");
        let why = "it would reject them one by one";
        let help = format!("write {expected:?}, or put a stage between that converts");
        findings.add(&format!("{}.format", input.path), what, why, help);
    }
}

fn wired_outputs(
    findings: &mut Findings<'_>,
    path: &str,
    entity: &StatefulEntity,
    description: &Description,
) {
    let declared = &description.outputs;
    if entity.output_topic.is_some() && declared.is_empty() {
        let why = "nothing would ever be written there";
        let help = "remove `outputTopic`, or use a function with an output";
        findings.add(&format!("{path}.outputTopic"), "the function declares no output", why, help);
    }
    for name in entity.outputs.keys() {
        port_of(findings, &path_of_field(&format!("{path}.outputs"), name), "output", name, declared);
    }
}

fn fitting_settings(
    findings: &mut Findings<'_>,
    path: &str,
    entity: &StatefulEntity,
    description: &Description,
) {
    let config = format!("{path}.config");
    let by_reference = "write `{ secretRef: { name: …, key: … } }`";
    for error in settings::misfits(&description.settings, &entity.config) {
        let here = path_of_field(&config, error.name());
        match &error {
            SettingError::Unknown { name, known } => unknown_setting(findings, &here, name, known, entity),
            SettingError::Missing { name } => missing_setting(findings, &config, name, description),
            SettingError::WrongType { name, wanted, found } => {
                let found = entity.config.get(name).map_or_else(|| found.clone(), kind_of);
                let what = format!("expected {wanted}, found {found}");
                findings.add(&here, what, "the function declares this type", format!("write {wanted}"));
            }
            SettingError::Inline { .. } => {
                let why = "it is a secret, and this file is kept and shown to many";
                findings.add(&here, "the secret stands here in the open", why, by_reference);
            }
            SettingError::BadReference { .. } | SettingError::Unresolved { .. } => {
                let why = "a reference names a Secret and a key in it";
                findings.add(&here, "not a reference to a secret", why, by_reference);
            }
        }
    }
}

fn unknown_setting(
    findings: &mut Findings<'_>,
    path: &str,
    name: &str,
    known: &[String],
    entity: &StatefulEntity,
) {
    let free = known.iter().map(String::as_str).filter(|known| !entity.config.contains_key(*known));
    let help = match nearest(name, free) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None => "remove it".to_owned(),
    };
    let why = declares("setting", known.iter().map(String::as_str));
    findings.add(path, format!("the function declares no setting {name:?}"), why, help);
}

fn missing_setting(findings: &mut Findings<'_>, path: &str, name: &str, description: &Description) {
    let doc = description.settings.iter().find(|spec| spec.name == name).map(|spec| spec.doc.trim());
    let why = match doc.filter(|doc| !doc.is_empty()) {
        Some(doc) => format!("the function requires it: {doc}"),
        None => "the function requires it and declares no default".to_owned(),
    };
    findings.add(
        path,
        format!("the setting {name:?} is missing"),
        why,
        format!("add `{name}: …` under `config`"),
    );
}

/// A value as a message calls it; what is long is only called by its type.
fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.chars().count() <= 60 => format!("the text {text:?}"),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

fn fitting_state(
    findings: &mut Findings<'_>,
    path: &str,
    entity: &StatefulEntity,
    description: &Description,
) {
    if description.states.is_empty() {
        return;
    }
    let why = format!(
        "the function keeps the state {}",
        listed(description.states.iter().map(|state| state.name.as_str()))
    );
    if entity.delivery == Some(Delivery::AtMostOnce) {
        let help = "write exactly-once or at-least-once, or use a function without state";
        findings.add(&format!("{path}.delivery"), "at-most-once is for functions without state", &why, help);
    }
    if entity.assignment == Some(Assignment::Group) {
        let help = "remove `assignment`, or use a function without state";
        findings.add(&format!("{path}.assignment"), "group is for functions without state", &why, help);
    }
}
