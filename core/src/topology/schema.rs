//! The types as JSON Schema, and as a reference for people. Both come from the types, so that neither can drift.

use std::fmt::Write;

use schemars::{Schema, schema_for};
use serde_json::{Map, Value};

use super::InvokerDeployment;
use crate::document::HostDocument;

/// JSON Schema of `topology.yaml`.
pub fn json_schema() -> Schema {
    schema_for!(InvokerDeployment)
}

/// `docs/topology.md`: every field with its type, its default and its meaning.
///
/// The docs of the fields are written for this: the meaning, then `Default: …` at the end where the field may be left
/// out.
pub fn reference() -> String {
    page(INTRODUCTION, "InvokerDeployment", &json_schema(), &["Metadata", "DeploymentSpec"], &[])
}

/// `docs/host.md`: what a host does, and every field of its document but those that a topology has too.
pub fn host_reference() -> String {
    let elsewhere = ["Kafka", "Redis"];
    page(HOST, "HostDocument", &schema_for!(HostDocument), &["EntityDocument"], &elsewhere)
}

/// An introduction, then the type `name`, those of `first` and all that they refer to, but for those told `elsewhere`.
fn page(introduction: &str, name: &str, schema: &Schema, first: &[&str], elsewhere: &[&str]) -> String {
    let mut page = String::from(introduction);
    let empty = Map::new();
    let root = schema.as_object().unwrap_or(&empty);
    let types = root.get("$defs").and_then(Value::as_object).unwrap_or(&empty);
    section(&mut page, name, root);
    let mut waiting = first.to_vec();
    let mut done: Vec<&str> = elsewhere.to_vec();
    while !waiting.is_empty() {
        let name = waiting.remove(0);
        let Some(kind) = types.get(name).and_then(Value::as_object) else { continue };
        if done.contains(&name) {
            continue;
        }
        done.push(name);
        section(&mut page, name, kind);
        let fields = kind.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        waiting.extend(fields.values().filter_map(referred).filter(|name| !done.contains(name)));
    }
    for name in elsewhere {
        page = page.replace(
            &format!("(#{})", name.to_lowercase()),
            &format!("(topology.md#{})", name.to_lowercase()),
        );
    }
    page
}

const HOST: &str = include_str!("../document/introduction.md");

const INTRODUCTION: &str = "\
# topology.yaml

Every field of the format. This page is made from the types in `core/src/topology` and a test holds it to them:
`INVOKER_BLESS=1 cargo test -p invoker-core --test reference` writes it anew.

One document per file, in YAML 1.2 or JSON. Unknown fields are refused.

- **Durations** are a whole number and `ms`, `s`, `m`, `h` or `d`, without a space: `100ms`.
- **Sizes** are a whole number and `B`, `KiB`, `MiB` or `GiB`, without a space: `64MiB`.
- **Quantities** are amounts as Kubernetes writes them: `500m`, `512Mi`.
- **Partitions** are numbers, and ranges in quotes that include both ends: `[\"0-2\", 5]`.
- Text that looks like a number or a boolean needs quotes: `version: \"1.0\"`.
";

fn section(page: &mut String, name: &str, kind: &Map<String, Value>) {
    let _ = write!(page, "\n## {name}\n\n{}\n", sentence(kind.get("description")));
    if let Some(fields) = kind.get("properties").and_then(Value::as_object) {
        page.push_str("\n| field | type | default | meaning |\n| --- | --- | --- | --- |\n");
        let required: Vec<&str> = kind
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        for (field, value) in fields {
            let text = sentence(value.get("description"));
            let (meaning, default) = text.split_once(" Default: ").unwrap_or((&text, "?"));
            let default = if required.contains(&field.as_str()) {
                "**required**"
            } else {
                default.trim_end_matches('.')
            };
            let _ = writeln!(page, "| `{field}` | {} | {default} | {meaning} |", type_of(value));
        }
        return;
    }
    page.push_str("\n| value | meaning |\n| --- | --- |\n");
    for (value, meaning) in choices(kind) {
        let _ = writeln!(page, "| `{value}` | {meaning} |");
    }
}

/// One line of text that may stand in a table.
fn sentence(description: Option<&Value>) -> String {
    let text = description.and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

fn choices(kind: &Map<String, Value>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if let Some(plain) = kind.get("enum").and_then(Value::as_array) {
        return plain.iter().map(|value| (text(value), String::new())).collect();
    }
    let several = kind.get("oneOf").and_then(Value::as_array).into_iter().flatten();
    let choice = |choice: &Value| {
        let meaning = sentence(choice.get("description"));
        match choice.get("enum").and_then(Value::as_array) {
            Some(plain) => plain.iter().map(|value| (text(value), meaning.clone())).collect(),
            None => vec![(choice.get("const").map(text).unwrap_or_default(), meaning)],
        }
    };
    several.flat_map(choice).collect()
}

/// The type that a field, its items or its values refer to.
fn referred(field: &Value) -> Option<&str> {
    let direct = field.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    let of_any = || field.get("anyOf").and_then(Value::as_array).into_iter().flatten().find_map(referred);
    let inner = || field.get("items").or_else(|| field.get("additionalProperties")).and_then(referred);
    direct.or_else(of_any).or_else(inner)
}

fn type_of(field: &Value) -> String {
    if let Some(items) = field.get("items") {
        return format!("list of {}", type_of(items));
    }
    if let Some(values) = field.get("additionalProperties").filter(|values| **values != Value::Bool(false)) {
        return format!("mapping of names to {}", type_of(values));
    }
    if let Some(name) = referred(field) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if field.get("x-kubernetes-int-or-string").is_some() {
        let partitions =
            field.get("pattern").and_then(Value::as_str).is_some_and(|pattern| pattern.contains("(-"));
        return if partitions { "partition or range" } else { "quantity" }.to_owned();
    }
    let pattern = field.get("pattern").and_then(Value::as_str).unwrap_or_default();
    if pattern.contains("ms|") {
        return "duration".to_owned();
    }
    if pattern.contains("KiB") {
        return "size".to_owned();
    }
    let kind = match field.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null"),
        kind => kind.and_then(Value::as_str),
    };
    match kind {
        Some("string") => "text",
        Some("integer") => "whole number",
        Some("boolean") => "`true` or `false`",
        Some(other) => other,
        None => "any",
    }
    .to_owned()
}
