//! A dead letter: a record that could not be processed, with what the host put beside it.

use invoker_core::records::RecordRef;
use serde_json::{Map, Value, json};

use crate::print::utc;
use crate::records::{Meta, bytes_field, printable};
use crate::tail::shown;

/// The first of the headers that a host adds; the others follow it.
const FIRST: &[u8] = b"invoker-format";
const PREFIX: &[u8] = b"invoker-";
/// The format that this version reads.
const FORMAT: &str = "1";

/// A header that owns its parts.
pub(super) type Header = (Vec<u8>, Option<Vec<u8>>);

/// One dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Letter {
    /// Where it lies.
    pub(super) topic: String,
    pub(super) partition: u32,
    pub(super) offset: u64,
    /// No record lies between this and `offset`.
    pub(super) after: u64,
    /// What the host says of it, by name without `invoker-`.
    told: Vec<(String, String)>,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    /// As the record came.
    pub(super) headers: Vec<Header>,
    pub(super) timestamp: i64,
    pub(super) replayed: bool,
}

impl Letter {
    /// `None` where the record is no dead letter of a format known here.
    pub(super) fn parse(meta: &Meta<'_>, record: RecordRef<'_>) -> Option<Self> {
        // A letter that was sent back and failed again may carry an older set in front.
        let first = record.headers.iter().rposition(|&(name, _)| name == FIRST)?;
        let (mut headers, mut told) = (Vec::new(), Vec::new());
        for (at, &(name, value)) in record.headers.iter().enumerate() {
            match name.strip_prefix(PREFIX).filter(|_| at >= first) {
                Some(name) => told.push((lossy(name), lossy(value.unwrap_or_default()))),
                None => headers.push((name.to_vec(), value.map(Vec::from))),
            }
        }
        let letter = Self {
            topic: meta.topic.to_owned(),
            partition: meta.partition,
            offset: meta.offset,
            after: meta.offset,
            told,
            key: record.key.map(Vec::from),
            value: record.value.map(Vec::from),
            headers,
            timestamp: record.timestamp,
            replayed: false,
        };
        (letter.told("format") == FORMAT).then_some(letter)
    }

    /// What the host says under this name; empty where it says nothing.
    pub(super) fn told(&self, name: &str) -> &str {
        self.told.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str())
    }

    /// Whether all of the record is there: of one that was too large only its place is.
    pub(super) fn is_whole(&self) -> bool {
        self.told("left-out").is_empty()
    }

    /// Why one that is not whole is not sent back.
    pub(super) fn without_value(&self) -> String {
        format!(
            "{} {}/{} stays: it was too large for its topic ({} left out); the record is offset {} of {}/{}",
            self.topic,
            self.partition,
            self.offset,
            self.told("left-out"),
            self.told("offset"),
            self.told("topic"),
            self.told("partition"),
        )
    }

    /// Topic and partition that the record came from.
    pub(super) fn origin(&self) -> Option<(&str, u32)> {
        Some((self.told("topic"), self.told("partition").parse().ok()?))
    }

    /// On one line, for a list.
    pub(super) fn cells(&self) -> Vec<String> {
        let origin = format!("{}/{}/{}", self.told("topic"), self.told("partition"), self.told("offset"));
        let state = if self.replayed { "sent back" } else { "" };
        let at = format!("{}/{}", self.partition, self.offset);
        let (entity, code) = (self.told("entity").to_owned(), self.told("error-code").to_owned());
        let message = printable(self.told("error-message").as_bytes(), 80);
        let mut cells = vec![entity, at, origin, code, shown(self.key.as_deref()), message];
        cells.push(state.to_owned());
        cells
    }

    /// Everything, over several lines.
    pub(super) fn text(&self) -> String {
        let mut lines = vec![format!("{} {}/{}", self.topic, self.partition, self.offset)];
        let mut line = |name: &str, value: String| lines.push(format!("  {name:<10} {value}"));
        line("entity", self.told("entity").to_owned());
        let message = printable(self.told("error-message").as_bytes(), 4000);
        line("error", format!("{} ({}): {message}", self.told("error-code"), self.told("error-kind")));
        let place = (self.told("topic"), self.told("partition"), self.told("offset"));
        line("from", format!("topic {} partition {} offset {}", place.0, place.1, place.2));
        if let Some(time) = self.told("timestamp").parse().ok().filter(|&time| time >= 0) {
            line("time", utc(time));
        }
        line("function", self.told("function").to_owned());
        line("key", shown(self.key.as_deref()));
        if self.is_whole() {
            line("value", shown(self.value.as_deref()));
        } else {
            line("left out", format!("{}; they are where the record came from", self.told("left-out")));
        }
        for (name, value) in &self.headers {
            line("header", format!("{}={}", printable(name, 400), shown(value.as_deref())));
        }
        for text in self.told("log").lines() {
            line("log", printable(text.as_bytes(), 400));
        }
        if self.replayed {
            line("state", "sent back".to_owned());
        }
        lines.join("\n")
    }

    pub(super) fn json(&self) -> Value {
        let told: Map<String, Value> =
            self.told.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        let mut record = Map::new();
        bytes_field(&mut record, "key", self.key.as_deref());
        bytes_field(&mut record, "value", self.value.as_deref());
        let headers = self.headers.iter().map(|(name, value)| {
            let mut header = Map::new();
            header.insert("name".to_owned(), lossy(name).into());
            bytes_field(&mut header, "value", value.as_deref());
            Value::Object(header)
        });
        record.insert("headers".to_owned(), headers.collect());
        json!({
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "replayed": self.replayed,
            "failure": told,
            "record": record,
        })
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(headers: &[(&[u8], Option<&[u8]>)]) -> Option<Letter> {
        let meta = Meta { topic: "d.e.dead-letter", partition: 0, offset: 4 };
        Letter::parse(&meta, RecordRef { key: None, value: Some(b"v"), timestamp: 5, headers })
    }

    #[test]
    fn original_headers_are_told_from_those_of_the_host() {
        let parsed = letter(&[
            (b"trace", Some(b"1")),
            (b"invoker-format", Some(b"1")),
            (b"invoker-error-code", Some(b"old")),
            (b"trace", None),
            (b"invoker-format", Some(b"1")),
            (b"invoker-topic", Some(b"in")),
            (b"invoker-partition", Some(b"3")),
            (b"invoker-error-code", Some(b"bad-json")),
        ])
        .unwrap();
        assert_eq!(parsed.told("error-code"), "bad-json");
        assert_eq!(parsed.origin(), Some(("in", 3)));
        let names: Vec<_> = parsed.headers.iter().map(|(name, _)| lossy(name)).collect();
        assert_eq!(names, ["trace", "invoker-format", "invoker-error-code", "trace"]);
    }

    #[test]
    fn other_records_are_no_dead_letters() {
        assert_eq!(letter(&[(b"trace", Some(b"1"))]), None);
        assert_eq!(letter(&[(b"invoker-format", Some(b"2"))]), None);
    }
}
