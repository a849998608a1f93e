//! The JSON form of a record, read and written.
//!
//! `key`, `value` and header values are text; bytes that are not UTF-8 stand as base64 in `keyBase64`, `valueBase64`.
//! In an input, a `value` that is not a string stands for its own JSON text. `null` or nothing = absent.
//! What is written can be read back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use invoker_core::records::RecordRef;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{DecodeError, Meta};

/// A record that owns its parts.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) timestamp: i64,
    pub(super) headers: Vec<(String, Option<Vec<u8>>)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    key: Option<&'a RawValue>,
    key_base64: Option<String>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    value_base64: Option<String>,
    timestamp: Option<i64>,
    #[serde(default)]
    headers: Vec<Header>,
    // Where a record came from; read over, so that what `tail` prints can be an input.
    #[serde(rename = "topic")]
    _topic: Option<String>,
    #[serde(rename = "partition")]
    _partition: Option<u32>,
    #[serde(rename = "offset")]
    _offset: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Header {
    name: String,
    value: Option<String>,
    value_base64: Option<String>,
}

impl Record {
    pub(super) fn parse(line: &[u8]) -> Result<Self, DecodeError> {
        let line: Line<'_> = serde_json::from_slice(line)?;
        let headers = line.headers.into_iter().map(|header| {
            let value = either("value", header.value.map(String::into_bytes), header.value_base64)?;
            Ok((header.name, value))
        });
        Ok(Self {
            key: either("key", line.key.map(raw_bytes).transpose()?, line.key_base64)?,
            value: either("value", line.value.map(raw_bytes).transpose()?, line.value_base64)?,
            timestamp: line.timestamp.unwrap_or(-1),
            headers: headers.collect::<Result<_, DecodeError>>()?,
        })
    }
}

fn raw_bytes(raw: &RawValue) -> Result<Vec<u8>, DecodeError> {
    if raw.get().starts_with('"') {
        return Ok(serde_json::from_str::<String>(raw.get())?.into_bytes());
    }
    Ok(raw.get().as_bytes().to_vec())
}

fn either(
    field: &'static str,
    text: Option<Vec<u8>>,
    base64: Option<String>,
) -> Result<Option<Vec<u8>>, DecodeError> {
    match (text, base64) {
        (Some(_), Some(_)) => Err(DecodeError::Twice(field)),
        (None, Some(base64)) => {
            STANDARD.decode(base64).map(Some).map_err(|source| DecodeError::Base64 { field, source })
        }
        (text, None) => Ok(text),
    }
}

/// Bytes as a field of an object: text, or base64 under the field's name with `Base64` behind it, or null.
pub fn bytes_field(object: &mut Map<String, Value>, field: &str, bytes: Option<&[u8]>) {
    match bytes.map(std::str::from_utf8) {
        None => object.insert(field.to_owned(), Value::Null),
        Some(Ok(text)) => object.insert(field.to_owned(), text.into()),
        Some(Err(_)) => {
            object.insert(format!("{field}Base64"), STANDARD.encode(bytes.unwrap_or_default()).into())
        }
    };
}

/// A record as an object that an input of JSON lines takes back.
pub fn to_json(meta: &Meta<'_>, record: RecordRef<'_>) -> Map<String, Value> {
    let mut object = Map::new();
    object.insert("topic".to_owned(), meta.topic.into());
    object.insert("partition".to_owned(), meta.partition.into());
    object.insert("offset".to_owned(), meta.offset.into());
    if record.timestamp >= 0 {
        object.insert("timestamp".to_owned(), record.timestamp.into());
    }
    bytes_field(&mut object, "key", record.key);
    bytes_field(&mut object, "value", record.value);
    if !record.headers.is_empty() {
        let headers = record.headers.iter().map(|&(name, value)| {
            let mut header = Map::new();
            header.insert("name".to_owned(), String::from_utf8_lossy(name).into());
            bytes_field(&mut header, "value", value);
            Value::Object(header)
        });
        object.insert("headers".to_owned(), headers.collect());
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let headers: &[(&[u8], Option<&[u8]>)] =
            &[(b"a", Some(b"1")), (b"a", Some(b"\xff")), (b"none", None)];
        let record =
            RecordRef { key: Some(b"\x00\xfe"), value: Some("Grüße\n".as_bytes()), timestamp: 17, headers };
        let line =
            serde_json::to_vec(&to_json(&Meta { topic: "t", partition: 1, offset: 2 }, record)).unwrap();
        let back = Record::parse(&line).unwrap();
        assert_eq!(back.key.as_deref(), record.key);
        assert_eq!(back.value.as_deref(), record.value);
        assert_eq!(back.timestamp, 17);
        let names: Vec<_> = back.headers.iter().map(|(n, v)| (n.as_bytes(), v.as_deref())).collect();
        assert_eq!(names, headers);
    }

    #[test]
    fn a_value_that_is_no_string_stands_for_its_own_text() {
        let record = Record::parse(br#"{"key": 7, "value": {"a": [1, 2.50]}}"#).unwrap();
        assert_eq!(record.key.as_deref(), Some(&b"7"[..]));
        assert_eq!(record.value.as_deref(), Some(&br#"{"a": [1, 2.50]}"#[..]));
        assert_eq!(record.timestamp, -1);
    }

    #[test]
    fn null_and_nothing_are_absent() {
        for line in [&br#"{"key":"k","value":null}"#[..], br#"{"key":"k"}"#] {
            assert_eq!(Record::parse(line).unwrap().value, None);
        }
    }

    #[test]
    fn wrong_lines_say_what_is_wrong() {
        let why = |line: &str| Record::parse(line.as_bytes()).unwrap_err().to_string();
        assert!(why("hello").contains("expected value at line 1 column 1"));
        assert!(why(r#"{"valeu":"x"}"#).contains("unknown field `valeu`"));
        assert_eq!(why(r#"{"key":"k","keyBase64":"aw=="}"#), "both \"key\" and \"keyBase64\" are given");
        assert!(why(r#"{"valueBase64":"%"}"#).starts_with("\"value\" is not base64"));
    }
}
