//! Cases: what goes into a function and what must come of it, as `cases.yaml` says. Owns the shape of the file and
//! how what stands in it becomes bytes; not how a case is run or compared.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use invoker_core::topology::{self, Placed};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Exit};
use crate::plan::invalid;

/// Names of the file in a project, and of the folder that may stand in its place.
const FILES: [&str; 3] = ["cases.yaml", "cases.yml", "cases.json"];
const FOLDER: &str = "cases";

/// One case. It starts with empty state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) settings: BTreeMap<String, Value>,
    /// What the function sees as the host's clock, milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) now: Option<i64>,
    pub(super) input: Vec<Given>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) output: Vec<Expected>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) rejects: Vec<Reject>,
    /// Afterwards: by name of the state and key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) state: BTreeMap<String, BTreeMap<String, Option<Value>>>,
}

/// A record that goes in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Given {
    /// Name of the input, where the function has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timestamp: Option<i64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) headers: BTreeMap<String, String>,
}

/// A record that must come out. What is not said of it is not compared, but its key and value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Expected {
    /// Name of the output, where the function has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value_base64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) partition: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) headers: Option<BTreeMap<String, String>>,
}

/// A record that must fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Reject {
    /// Its place in `input`, from 0.
    pub(super) record: usize,
    pub(super) code: String,
    /// A part of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
}

/// A file of cases.
#[derive(Debug)]
pub(super) struct CaseFile {
    pub(super) path: PathBuf,
    pub(super) text: String,
    pub(super) cases: Placed<Vec<Case>>,
}

impl CaseFile {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let source = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::new(Exit::File, format!("cannot read cases {source:?}"), error, "check the file")
        })?;
        if text.trim().is_empty() {
            return Err(none(&source, "the file is empty"));
        }
        let cases = topology::read(&source, text.as_bytes())
            .map_err(|problems| Error { exit: Exit::File, ..invalid(&problems) })?;
        let file = Self { path: path.to_owned(), text, cases };
        file.check()?;
        Ok(file)
    }

    /// `cases.yaml:3`, where the case begins.
    pub(super) fn place(&self, case: usize) -> String {
        let line = self.cases.place(&format!("[{case}]")).map_or(0, |at| at.line);
        format!("{}:{line}", self.path.display())
    }

    fn check(&self) -> Result<(), Error> {
        if self.cases.value.is_empty() {
            return Err(none(&self.path.display().to_string(), "the list is empty"));
        }
        let mut names = std::collections::BTreeSet::new();
        for (at, case) in self.cases.value.iter().enumerate() {
            if !names.insert(&case.name) {
                let what = format!("{}: two cases are named {:?}", self.place(at), case.name);
                return Err(Error::new(Exit::File, what, "a name tells cases apart", "give it another name"));
            }
            let decoded = case
                .input
                .iter()
                .map(|g| g.bytes().err())
                .chain(case.output.iter().map(|e| e.bytes().err()))
                .flatten()
                .next();
            if let Some(why) = decoded {
                let what = format!("{}: case {:?} cannot be read", self.place(at), case.name);
                return Err(Error::new(
                    Exit::File,
                    what,
                    why,
                    "give text in `value`, or bytes in base64 in `valueBase64`, and not both",
                ));
            }
            if let Some(reject) = case.rejects.iter().find(|reject| reject.record >= case.input.len()) {
                let what =
                    format!("{}: case {:?} has no record {}", self.place(at), case.name, reject.record);
                let why = format!("it has {} in `input`, counted from 0", case.input.len());
                return Err(Error::new(Exit::File, what, why, "name the record that is to fail"));
            }
        }
        Ok(())
    }
}

fn none(source: &str, why: &str) -> Error {
    let help = "begin with `- { name: …, input: [{ value: … }], output: [{ value: … }] }`";
    Error::new(Exit::File, format!("there are no cases in {source:?}"), why, help)
}

/// The files of cases of a project: one named by hand, or `cases.yaml`, or all of the folder `cases`.
pub(super) fn files(folder: &Path, named: Option<&Path>) -> Result<Vec<PathBuf>, Error> {
    if let Some(path) = named {
        return Ok(vec![path.to_owned()]);
    }
    let mut found: Vec<PathBuf> =
        FILES.iter().map(|name| folder.join(name)).filter(|path| path.is_file()).collect();
    let inner = std::fs::read_dir(folder.join(FOLDER)).into_iter().flatten().flatten();
    let is_cases = |path: &PathBuf| {
        path.extension().is_some_and(|kind| ["yaml", "yml", "json"].iter().any(|known| kind == *known))
    };
    let mut of_folder: Vec<_> = inner.map(|entry| entry.path()).filter(is_cases).collect();
    of_folder.sort();
    found.extend(of_folder);
    if found.is_empty() {
        let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let what = format!("there are no cases in {:?}", shown.display().to_string());
        let why = format!("it has no {} and no folder {FOLDER:?} with such files", FILES.join(", no "));
        let help = "write a cases.yaml: `- { name: …, input: [{ value: … }] }`, and `invoker test --update` adds what comes out";
        return Err(Error::new(Exit::File, what, why, help));
    }
    Ok(found)
}

/// Key and value as bytes.
pub(super) type KeyValue = (Option<Vec<u8>>, Option<Vec<u8>>);

impl Given {
    pub(super) fn bytes(&self) -> Result<KeyValue, String> {
        key_value(&self.key, &self.key_base64, &self.value, &self.value_base64)
    }
}

impl Expected {
    pub(super) fn bytes(&self) -> Result<KeyValue, String> {
        key_value(&self.key, &self.key_base64, &self.value, &self.value_base64)
    }
}

fn key_value(
    key: &Option<Value>,
    key_base64: &Option<String>,
    value: &Option<Value>,
    value_base64: &Option<String>,
) -> Result<KeyValue, String> {
    Ok((bytes("key", key, key_base64)?, bytes("value", value, value_base64)?))
}

fn bytes(field: &str, text: &Option<Value>, base64: &Option<String>) -> Result<Option<Vec<u8>>, String> {
    match (text, base64) {
        (Some(_), Some(_)) => Err(format!("both {field:?} and \"{field}Base64\" are given")),
        (None, Some(base64)) => STANDARD
            .decode(base64)
            .map(Some)
            .map_err(|error| format!("\"{field}Base64\" is not base64: {error}")),
        (Some(text), None) => Ok(Some(bytes_of(text))),
        (None, None) => Ok(None),
    }
}

/// Text stands for itself, anything else for its JSON text.
pub(super) fn bytes_of(value: &Value) -> Vec<u8> {
    match value {
        Value::String(text) => text.clone().into_bytes(),
        other => other.to_string().into_bytes(),
    }
}

/// Whether bytes are what a case says: text to the byte, anything else as JSON of the same meaning.
pub(super) fn says(expected: &Value, found: &[u8]) -> bool {
    if let Value::String(text) = expected {
        return text.as_bytes() == found;
    }
    serde_json::from_slice::<Value>(found).is_ok_and(|found| same(expected, &found))
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a == b || (!(a.is_i64() && b.is_i64()) && a.as_f64() == b.as_f64())
        }
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<CaseFile, Error> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cases.yaml");
        std::fs::write(&path, text).unwrap();
        CaseFile::read(&path)
    }

    #[test]
    fn text_stands_for_itself_and_the_rest_for_json() {
        let file = read("- name: a\n  input:\n    - { key: 7, value: { b: [1, x] } }\n    - value: plain\n")
            .unwrap();
        let input = &file.cases.value[0].input;
        assert_eq!(input[0].bytes().unwrap(), (Some(b"7".to_vec()), Some(br#"{"b":[1,"x"]}"#.to_vec())));
        assert_eq!(input[1].bytes().unwrap(), (None, Some(b"plain".to_vec())));
    }

    #[test]
    fn json_is_compared_by_meaning_and_text_by_byte() {
        assert!(says(&json!({"a": 1, "b": [2.0]}), br#"{ "b": [2], "a": 1.0 }"#));
        assert!(!says(&json!({"a": 1}), br#"{"a": 1, "b": 2}"#));
        assert!(says(&json!("1"), b"1") && !says(&json!("1"), b"1 "));
        assert!(!says(&json!(9_007_199_254_740_993_i64), b"9007199254740992"));
    }

    #[test]
    fn mistakes_name_line_and_field() {
        let told = |text: &str| read(text).unwrap_err().to_string();
        let typo = told("- name: a\n  inptu: []\n");
        assert!(typo.contains("cases.yaml:2:3: ") && typo.contains("did you mean \"input\"?"), "{typo}");
        let twice = told("- { name: a, input: [] }\n- { name: a, input: [] }\n");
        assert!(twice.contains("cases.yaml:2: two cases are named \"a\""), "{twice}");
        let beyond = told("- { name: a, input: [], rejects: [{ record: 0, code: x }] }\n");
        assert!(beyond.contains("has no record 0"), "{beyond}");
        let both = told("- { name: a, input: [{ value: x, valueBase64: eA== }] }\n");
        assert!(both.contains("both \"value\" and \"valueBase64\" are given"), "{both}");
        assert!(told("").contains("the file is empty") && told("[]").contains("the list is empty"));
        assert!(told("name: a\n").contains("expected a list"));
    }
}
