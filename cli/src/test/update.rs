//! `--update`: writes what came out into the file of cases. Only the expectations of cases that came out otherwise are
//! replaced; comments, order and style of everything else stay.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;

use super::cases::{Case, CaseFile};
use super::flow;
use crate::error::{Error, Exit};

/// The parts of a case that are written.
const PARTS: [&str; 3] = ["output", "rejects", "state"];

/// The file with the expectations of `outcomes` (by index of the case) in place of its own.
pub(super) fn updated(file: &CaseFile, outcomes: &BTreeMap<usize, Case>) -> Result<String, Error> {
    if file.path.extension().is_some_and(|kind| kind == "json") {
        return json(file, outcomes);
    }
    let mut lines: Vec<String> = file.text.lines().map(str::to_owned).collect();
    let mut edits = Vec::new();
    for (&case, outcome) in outcomes {
        for part in PARTS {
            edits.extend(edit(file, &lines, case, part, outcome)?);
        }
    }
    // From the last to the first, so that the places of those before stay true.
    edits.sort_by_key(|edit| edit.first);
    for edit in edits.into_iter().rev() {
        lines.splice(edit.first..edit.end, edit.lines);
    }
    let mut text = lines.join("\n");
    text.push('\n');
    Ok(text)
}

fn json(file: &CaseFile, outcomes: &BTreeMap<usize, Case>) -> Result<String, Error> {
    let merged = |(at, case): (usize, &Case)| match outcomes.get(&at) {
        None => case.clone(),
        Some(outcome) => Case {
            output: outcome.output.clone(),
            rejects: outcome.rejects.clone(),
            state: outcome.state.clone(),
            ..case.clone()
        },
    };
    let cases: Vec<Case> = file.cases.value.iter().enumerate().map(merged).collect();
    let mut text = Vec::new();
    let style = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, style);
    serde::Serialize::serialize(&cases, &mut serializer)
        .map_err(|error| Error::internal("cannot write the cases", error))?;
    text.push(b'\n');
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// A field of a case: the lines that it takes, counted from 0, and how far it is indented.
struct Block {
    first: usize,
    end: usize,
    indent: usize,
}

/// Lines that take the place of others.
struct Edit {
    first: usize,
    end: usize,
    lines: Vec<String>,
}

fn edit(
    file: &CaseFile,
    lines: &[String],
    case: usize,
    part: &str,
    outcome: &Case,
) -> Result<Option<Edit>, Error> {
    let written = text_of(part, outcome);
    let old = block(file, lines, case, part);
    if old.is_none() && written.is_empty() {
        return Ok(None);
    }
    let place = match old {
        Some(block) => block,
        // Behind everything else that the case says.
        None => {
            let name = block(file, lines, case, "name").or_else(|| block(file, lines, case, "input"));
            let name = name.ok_or_else(|| on_one_line(file, case))?;
            let end = end_of(file, lines, case, name.first);
            Block { first: end, end, indent: name.indent }
        }
    };
    let starts = |line: &String| {
        let trimmed = line.trim_start().trim_start_matches("- ").trim_start();
        trimmed.starts_with(part)
    };
    if place.first != place.end && !lines.get(place.first).is_some_and(starts) {
        return Err(on_one_line(file, case));
    }
    // The first field of a case shares its line with the mark of the list.
    let marked = lines.get(place.first).filter(|_| place.first != place.end);
    let marked = marked.filter(|line| line.trim_start().starts_with("- "));
    let written = match (written.as_slice(), marked) {
        ([], Some(_)) => vec![format!("{part}: {}", if part == "state" { "{}" } else { "[]" })],
        _ => written,
    };
    let mut new: Vec<String> =
        written.iter().map(|line| format!("{}{line}", " ".repeat(place.indent))).collect();
    if let (Some(marked), Some(first)) = (marked, new.first_mut()) {
        let mark = marked.find("- ").unwrap_or_default();
        first.replace_range(mark..=mark, "-");
    }
    Ok(Some(Edit { first: place.first, end: place.end, lines: new }))
}

fn on_one_line(file: &CaseFile, case: usize) -> Error {
    let what = format!("{}: the case cannot be updated", file.place(case));
    let why = "it stands in braces, where there is no line of its own for each field";
    Error::new(Exit::File, what, why, "write its fields on lines of their own: `- name: …`, `  input: …`")
}

fn block(file: &CaseFile, lines: &[String], case: usize, part: &str) -> Option<Block> {
    let at = file.cases.place(&format!("[{case}].{part}"))?;
    let (first, indent) = (at.line as usize - 1, at.column as usize - 1);
    let following = ["name", "settings", "now", "input", "output", "rejects", "state"].iter();
    let next = following
        .filter_map(|other| file.cases.place(&format!("[{case}].{other}")))
        .filter(|other| *other > at)
        .min()
        .map(|other| other.line as usize - 1);
    let end = match next {
        Some(next) => trimmed(lines, first, next),
        None => end_of(file, lines, case, first),
    };
    Some(Block { first, end, indent })
}

/// The line behind the last one of a case.
fn end_of(file: &CaseFile, lines: &[String], case: usize, first: usize) -> usize {
    let next = file.cases.place(&format!("[{}]", case + 1)).map_or(lines.len(), |at| at.line as usize - 1);
    trimmed(lines, first, next)
}

/// Blank lines and comments in front of what follows belong to that.
fn trimmed(lines: &[String], first: usize, end: usize) -> usize {
    let mut end = end.min(lines.len());
    while end > first + 1 {
        let line = lines.get(end - 1).map(|line| line.trim()).unwrap_or_default();
        if !line.is_empty() && !line.starts_with('#') {
            break;
        }
        end -= 1;
    }
    end
}

/// A part in block style, without indentation; empty where there is nothing to say.
fn text_of(part: &str, outcome: &Case) -> Vec<String> {
    let items: Vec<String> = match part {
        "output" => outcome.output.iter().map(flow::record).collect(),
        "rejects" => outcome.rejects.iter().map(|reject| flow::reject(reject, None)).collect(),
        _ => return state(outcome),
    };
    if items.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![format!("{part}:")];
    lines.extend(items.iter().map(|item| format!("  - {item}")));
    lines
}

fn state(outcome: &Case) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, keys) in outcome.state.iter().filter(|(_, keys)| !keys.is_empty()) {
        let mut line = format!("  {}: {{ ", quoted(name));
        for (at, (key, value)) in keys.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            let _ = write!(
                line,
                "{comma}{}: {}",
                quoted(key),
                Value::to_string(value.as_ref().unwrap_or(&Value::Null))
            );
        }
        line.push_str(" }");
        lines.push(line);
    }
    if !lines.is_empty() {
        lines.insert(0, "state:".to_owned());
    }
    lines
}

fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    let word = plain && name.starts_with(|c: char| c.is_ascii_alphabetic());
    let reserved = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    if word && !reserved.contains(&name.to_ascii_lowercase().as_str()) {
        return name.to_owned();
    }
    Value::from(name).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::cases::{Expected, Reject};
    use super::*;

    fn file(name: &str, text: &str) -> CaseFile {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        CaseFile::read(&path).unwrap()
    }

    fn outcome(value: &str) -> Case {
        Case {
            name: String::new(),
            settings: BTreeMap::new(),
            now: None,
            input: Vec::new(),
            output: vec![Expected { value: Some(value.into()), ..Expected::default() }],
            rejects: vec![Reject { record: 0, code: "bad".to_owned(), message: None }],
            state: BTreeMap::from([(
                "total".to_owned(),
                BTreeMap::from([("a b".to_owned(), Some(2.into()))]),
            )]),
        }
    }

    #[test]
    fn only_what_came_out_otherwise_is_written_anew() {
        let text = "# about\n- name: one  # first\n  output:\n    - value: old\n  input:\n    - value: x\n\n# two is next\n- name: two\n  input: [{ value: y }]\n  output: []\n";
        let written = updated(&file("c.yaml", text), &BTreeMap::from([(0, outcome("new"))])).unwrap();
        assert_eq!(
            written,
            "# about\n- name: one  # first\n  output:\n    - { value: \"new\" }\n  input:\n    - value: x\n  rejects:\n    - { record: 0, code: \"bad\" }\n  state:\n    total: { \"a b\": 2 }\n\n# two is next\n- name: two\n  input: [{ value: y }]\n  output: []\n"
        );
        let again = file("c.yaml", &written);
        assert_eq!(again.cases.value[0].output, outcome("new").output);
        assert_eq!(updated(&again, &BTreeMap::from([(0, outcome("new"))])).unwrap(), written);
    }

    #[test]
    fn a_new_case_is_filled_in() {
        let text = "- input: [{ value: x }]\n  name: one\n";
        let written = updated(&file("c.yaml", text), &BTreeMap::from([(0, outcome("n"))])).unwrap();
        assert!(
            written.starts_with("- input: [{ value: x }]\n  name: one\n  output:\n    - { value: \"n\" }\n"),
            "{written}"
        );
        assert_eq!(file("c.yaml", &written).cases.value[0].rejects.len(), 1);
    }

    #[test]
    fn what_is_gone_is_removed_and_braces_are_refused() {
        let nothing = Case { output: Vec::new(), rejects: Vec::new(), state: BTreeMap::new(), ..outcome("") };
        let text = "- name: one\n  output:\n    - value: old\n  input: [{ value: x }]\n";
        let written = updated(&file("c.yaml", text), &BTreeMap::from([(0, nothing)])).unwrap();
        assert_eq!(written, "- name: one\n  input: [{ value: x }]\n");
        let nothing = Case { output: Vec::new(), rejects: Vec::new(), state: BTreeMap::new(), ..outcome("") };
        let first = file("c.yaml", "- output: [{ value: old }]\n  name: one\n  input: []\n");
        let written = updated(&first, &BTreeMap::from([(0, nothing)])).unwrap();
        assert_eq!(written, "- output: []\n  name: one\n  input: []\n");
        let braces = file("c.yaml", "- { name: one, input: [{ value: x }], output: [] }\n");
        let error = updated(&braces, &BTreeMap::from([(0, outcome("n"))])).unwrap_err();
        assert!(error.to_string().contains("c.yaml:1: the case cannot be updated"), "{error}");
    }

    #[test]
    fn json_is_written_whole() {
        let written = updated(
            &file("c.json", r#"[{"name":"one","input":[{"value":"x"}]}]"#),
            &BTreeMap::from([(0, outcome("n"))]),
        )
        .unwrap();
        let read: Vec<Case> = serde_json::from_str(&written).unwrap();
        assert_eq!((read[0].name.as_str(), &read[0].output), ("one", &outcome("n").output));
    }
}
