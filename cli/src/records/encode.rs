//! Records into lines of an output.

use invoker_core::records::RecordRef;

use super::json::to_json;

/// What one record of an output looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum OutputFormat {
    /// The value and a newline; an absent value is an empty line
    Value,
    /// Key, a tab, value and a newline
    KeyValue,
    /// A JSON object on one line, with topic, partition, offset, timestamp and headers
    Json,
}

/// Where a record stands.
#[derive(Clone, Copy, Debug)]
pub struct Meta<'a> {
    pub topic: &'a str,
    pub partition: u32,
    pub offset: u64,
}

impl OutputFormat {
    /// Appends the record, its newline included.
    pub fn encode(self, meta: &Meta<'_>, record: RecordRef<'_>, into: &mut Vec<u8>) {
        match self {
            Self::Value => into.extend_from_slice(record.value.unwrap_or_default()),
            Self::KeyValue => {
                into.extend_from_slice(record.key.unwrap_or_default());
                into.push(b'\t');
                into.extend_from_slice(record.value.unwrap_or_default());
            }
            // Objects of strings and numbers always have a text.
            Self::Json => into
                .extend_from_slice(serde_json::Value::Object(to_json(meta, record)).to_string().as_bytes()),
        }
        into.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(format: OutputFormat, key: Option<&[u8]>, value: Option<&[u8]>) -> String {
        let mut out = Vec::new();
        let meta = Meta { topic: "t", partition: 3, offset: 9 };
        format.encode(&meta, RecordRef { key, value, timestamp: 5, headers: &[] }, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_format_ends_a_record_with_a_newline() {
        assert_eq!(line(OutputFormat::Value, Some(b"k"), Some(b"v")), "v\n");
        assert_eq!(line(OutputFormat::Value, Some(b"k"), None), "\n");
        assert_eq!(line(OutputFormat::KeyValue, Some(b"k"), Some(b"v")), "k\tv\n");
        assert_eq!(
            line(OutputFormat::Json, None, Some(b"\xff")),
            "{\"key\":null,\"offset\":9,\"partition\":3,\"timestamp\":5,\"topic\":\"t\",\"valueBase64\":\"/w==\"}\n"
        );
    }
}
