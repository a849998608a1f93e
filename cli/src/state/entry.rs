//! One value of a state, as it is shown.

use serde_json::{Map, Value};

use crate::records::bytes_field;
use crate::tail::{shown, whole};

/// How much of a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// What fits on a line.
    Line,
    Whole,
}

/// One entry of a state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) partition: u32,
    pub(super) state: &'a str,
    pub(super) key: &'a [u8],
    /// In maps.
    pub(super) field: Option<&'a [u8]>,
    pub(super) value: &'a [u8],
    /// Milliseconds since 1970; -1 = never.
    pub(super) expires: i64,
}

impl Entry<'_> {
    pub(super) fn text(&self, length: Length) -> String {
        let field = self.field.map(|field| format!("{}  ", shown(Some(field)))).unwrap_or_default();
        let value = if length == Length::Whole { whole(self.value) } else { shown(Some(self.value)) };
        format!("{}  {field}{value}", self.key_text())
    }

    pub(super) fn json(&self) -> Value {
        let mut object = self.key_object();
        if self.field.is_some() {
            bytes_field(&mut object, "field", self.field);
        }
        bytes_field(&mut object, "value", Some(self.value));
        if self.expires >= 0 {
            object.insert("expires".to_owned(), self.expires.into());
        }
        object.into()
    }

    pub(super) fn key_text(&self) -> String {
        format!("{}  {}", self.partition, shown(Some(self.key)))
    }

    pub(super) fn key_json(&self) -> Value {
        self.key_object().into()
    }

    fn key_object(&self) -> Map<String, Value> {
        let mut object = Map::new();
        object.insert("partition".to_owned(), self.partition.into());
        object.insert("state".to_owned(), self.state.into());
        bytes_field(&mut object, "key", Some(self.key));
        object
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: Entry<'_> =
        Entry { partition: 2, state: "s", key: b"k", field: None, value: b"17", expires: -1 };

    #[test]
    fn bytes_that_are_no_text_are_told_apart_from_text() {
        assert_eq!(ENTRY.json().to_string(), r#"{"key":"k","partition":2,"state":"s","value":"17"}"#);
        let entry = Entry { key: b"\xff", field: Some(b""), value: &[0, 0xfe], expires: 7, ..ENTRY };
        let told =
            r#"{"expires":7,"field":"","keyBase64":"/w==","partition":2,"state":"s","valueBase64":"AP4="}"#;
        assert_eq!(entry.json().to_string(), told);
        assert_eq!(entry.text(Length::Line), "2  \\xff  \"\"  \\u{0}\\xfe");
    }

    #[test]
    fn a_value_that_is_asked_for_is_shown_whole() {
        let value = "x".repeat(1000);
        let entry = Entry { value: value.as_bytes(), ..ENTRY };
        assert_eq!(entry.text(Length::Whole), format!("2  k  {value}"));
        assert!(entry.text(Length::Line).ends_with("x…"));
    }
}
