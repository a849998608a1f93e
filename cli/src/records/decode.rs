//! Lines of an input into records.

use invoker_core::records::RecordRef;

use super::json;

/// What one line of an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum InputFormat {
    /// The value of a record without key, any bytes
    Lines,
    /// Key, a tab, value
    KeyValue,
    /// A JSON object with key, value, headers, timestamp
    Json,
}

/// Why a line is not a record.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("there is no tab between key and value")]
    NoTab,
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("{field:?} is not base64: {source}")]
    Base64 { field: &'static str, source: base64::DecodeError },
    #[error("both {0:?} and \"{0}Base64\" are given")]
    Twice(&'static str),
}

impl InputFormat {
    /// Hands the record of one line to `take`; a line that holds none (a blank one between JSON lines) to nobody.
    pub fn decode<R>(
        self,
        line: &[u8],
        take: impl FnOnce(RecordRef<'_>) -> R,
    ) -> Result<Option<R>, DecodeError> {
        let plain = |key, value| RecordRef { key, value: Some(value), timestamp: -1, headers: &[] };
        match self {
            Self::Lines => Ok(Some(take(plain(None, line)))),
            Self::KeyValue => {
                let tab = memchr::memchr(b'\t', line).ok_or(DecodeError::NoTab)?;
                let (key, value) = line.split_at(tab);
                Ok(Some(take(plain(Some(key), value.get(1..).unwrap_or_default()))))
            }
            Self::Json if line.iter().all(u8::is_ascii_whitespace) => Ok(None),
            Self::Json => {
                let record = json::Record::parse(line)?;
                let headers: Vec<_> =
                    record.headers.iter().map(|(name, value)| (name.as_bytes(), value.as_deref())).collect();
                Ok(Some(take(RecordRef {
                    key: record.key.as_deref(),
                    value: record.value.as_deref(),
                    timestamp: record.timestamp,
                    headers: &headers,
                })))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key_value(format: InputFormat, line: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        format.decode(line, |r| (r.key.map(Vec::from), r.value.map(Vec::from))).unwrap().unwrap()
    }

    #[test]
    fn a_line_is_a_value_of_any_bytes() {
        assert_eq!(key_value(InputFormat::Lines, b"a\tb\xff"), (None, Some(b"a\tb\xff".to_vec())));
        assert_eq!(key_value(InputFormat::Lines, b""), (None, Some(Vec::new())));
    }

    #[test]
    fn the_first_tab_ends_the_key() {
        assert_eq!(
            key_value(InputFormat::KeyValue, b"k\tv\tw"),
            (Some(b"k".to_vec()), Some(b"v\tw".to_vec()))
        );
        assert!(matches!(InputFormat::KeyValue.decode(b"kv", |_| ()), Err(DecodeError::NoTab)));
    }

    #[test]
    fn blank_lines_between_json_lines_are_no_records() {
        assert!(InputFormat::Json.decode(b" \t", |_| ()).unwrap().is_none());
    }
}
