//! `invoker inspect`: what a component declares, or how a topology fits together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use invoker_core::document::EntityDocument;
use invoker_core::function::{Port, SettingSpec, SettingValue, StateKind, StateSpec};
use invoker_core::function_name::Place;
use invoker_engine::Function;
use serde_json::{Value, json};

use crate::args::{InspectArgs, ServiceArgs};
use crate::environment::Environment;
use crate::error::{Error, Exit};
use crate::functions;
use crate::plan::{self, Loaded, Plan};
use crate::print::Printer;
use crate::registry::{self, Declared};
use crate::services::Chosen;

/// Shows a `.wasm` file, a function project, a topology, or a function by name.
pub(crate) fn inspect(
    args: &InspectArgs,
    environment: &Environment,
    printer: &mut Printer,
) -> Result<(), Error> {
    let path = &args.what;
    let environment = &environment.with_registry(args.of.registry.as_ref());
    if let Some(name) = name_of_function(path, environment)? {
        return registry::inspect(name, &args.of, environment, printer);
    }
    let metadata = path.metadata().map_err(|error| {
        let what = format!("cannot read {:?}", path.display().to_string());
        Error::new(Exit::Usage, what, error, "name a .wasm file, a function project or a topology")
    })?;
    let is_yaml = |path: &Path| path.extension().is_some_and(|e| e == "yaml" || e == "yml");
    let is_topology = if metadata.is_dir() { path.join(plan::FILE).is_file() } else { is_yaml(path) };
    if is_topology {
        let loaded = Loaded::read(path, environment)?;
        let on = Chosen::new(&ServiceArgs::default(), loaded.resource(), None)?;
        return topology(&loaded.plan(BTreeMap::new(), &on)?, printer);
    }
    let absolute: PathBuf = std::path::absolute(path).unwrap_or_else(|_| path.clone());
    let component = functions::locate(&absolute.to_string_lossy(), Path::new(""), environment)?;
    let engine = functions::engine(environment)?;
    let function = functions::load(&engine, &component)?;
    printer.item(
        || {
            let lines = lines(function.digest(), &Declared::of(&function), "  ");
            format!("{}\n{}", component.display(), lines.join("\n"))
        },
        || object(&component, &function),
    )
}

/// Whether this is the name of a function and no path: nothing of that name is there, and it has a version, or there is
/// a registry to find one in.
fn name_of_function<'a>(path: &'a Path, environment: &Environment) -> Result<Option<&'a str>, Error> {
    let Some(text) = path.to_str().filter(|_| !path.exists()) else { return Ok(None) };
    let Ok(Place::Registry(name)) = Place::of(text) else { return Ok(None) };
    let is_file = [".wasm", ".yaml", ".yml"].iter().any(|kind| text.ends_with(kind));
    let is_known = name.host.is_some() || environment.registries.registry(None)?.is_some();
    Ok((!is_file && (name.pick.is_some() || is_known)).then_some(text))
}

fn topology(plan: &Plan, printer: &mut Printer) -> Result<(), Error> {
    printer.note(&format!("deployment {}", plan.document.deployment))?;
    for entity in &plan.document.entities {
        let function = plan.functions.get(&entity.id);
        printer.note(&format!("\nentity {}", entity.id))?;
        for line in entity_lines(plan, entity) {
            printer.note(&line)?;
        }
        if let Some(function) = function {
            printer.note(&format!("  function     {}", entity.function))?;
            for line in lines(function.digest(), &Declared::of(function), "    ") {
                printer.note(&line)?;
            }
        }
    }
    printer.object(|| {
        let functions: serde_json::Map<String, Value> = plan
            .functions
            .iter()
            .map(|(entity, function)| (entity.clone(), object(Path::new(""), function)))
            .collect();
        json!({"document": plan.document, "topics": plan.topics, "functions": functions})
    })
}

fn entity_lines(plan: &Plan, entity: &EntityDocument) -> Vec<String> {
    let topic = |name: &str| match plan.topics.get(name) {
        Some(partitions) => format!("{name} ({partitions} partitions)"),
        None => name.to_owned(),
    };
    let mut lines: Vec<String> =
        entity.inputs.iter().map(|input| format!("  reads        {}", topic(&input.topic))).collect();
    let outputs = entity.outputs.iter().flatten();
    lines.extend(outputs.map(|output| format!("  writes       {}", topic(output))));
    lines.push(format!("  on failure   {}", name_of(&json!(entity.on_failure))));
    lines.push(format!("  delivery     {}", name_of(&json!(entity.delivery))));
    lines
}

/// The name that a value has in documents.
fn name_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What a function declares; `digest` is that of its component.
pub(crate) fn lines(digest: &str, declared: &Declared, indent: &str) -> Vec<String> {
    let description = &declared.description;
    let mut lines = Vec::new();
    let mut line = |name: &str, text: String| lines.push(format!("{indent}{name:<10} {}", text.trim_end()));
    line("digest", digest.to_owned());
    line("size", format!("{} bytes", declared.size));
    let made = [declared.language.as_deref(), declared.sdk.as_deref()];
    if made.iter().any(Option::is_some) {
        line("made with", made.into_iter().flatten().collect::<Vec<_>>().join(", "));
    }
    description.inputs.iter().for_each(|port| line("input", port_text(port)));
    description.outputs.iter().for_each(|port| line("output", port_text(port)));
    description.states.iter().for_each(|state| line("state", state_text(state)));
    description.settings.iter().for_each(|setting| line("setting", setting_text(setting)));
    line("headers", name_of(&json!(description.headers)));
    description.properties.iter().for_each(|(name, value)| line("property", format!("{name} = {value}")));
    declared.imports.iter().for_each(|import| line("import", import.clone()));
    lines
}

fn port_text(port: &Port) -> String {
    let kind = port.content_type.as_deref().unwrap_or("bytes");
    format!("{} ({kind})  {}", port.name, port.doc)
}

fn state_text(state: &StateSpec) -> String {
    let kind = match state.kind {
        StateKind::Value => "one value per key",
        StateKind::Map => "a map per key",
        StateKind::SortedMap => "a sorted map per key",
    };
    let ttl = state.ttl.map(|ttl| format!(", kept for {ttl} ms")).unwrap_or_default();
    format!("{} ({kind}, version {}{ttl})  {}", state.name, state.version, state.doc)
}

fn setting_text(setting: &SettingSpec) -> String {
    let kind = name_of(&json!(setting.kind));
    let default = match (&setting.default, setting.required) {
        (Some(default), _) => format!(", default {}", value_text(default)),
        (None, true) => ", required".to_owned(),
        (None, false) => String::new(),
    };
    format!("{} ({kind}{default})  {}", setting.name, setting.doc)
}

fn value_text(value: &SettingValue) -> String {
    match value {
        SettingValue::Text(text) => format!("{text:?}"),
        SettingValue::Integer(number) => number.to_string(),
        SettingValue::Number(number) => number.to_string(),
        SettingValue::Boolean(boolean) => boolean.to_string(),
        SettingValue::Json(text) => text.clone(),
    }
}

fn object(path: &Path, function: &Function) -> Value {
    json!({
        "path": path.display().to_string(),
        "digest": function.digest(),
        "size": function.size(),
        "language": function.language(),
        "sdk": function.sdk(),
        "imports": function.imports(),
        "description": **function.description(),
    })
}
