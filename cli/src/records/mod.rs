//! How records look in files and on a screen: formats of input and output lines, and bytes as text.
//! Owns no files.

mod decode;
mod encode;
mod json;

pub use decode::{DecodeError, InputFormat};
pub use encode::{Meta, OutputFormat};
pub use json::{bytes_field, to_json};

use std::path::Path;

/// Whether the name of a file says that it holds JSON lines.
pub fn is_json_lines(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jsonl" || extension == "ndjson")
}

/// Bytes for a human: UTF-8 as it is, control characters and other bytes escaped, cut at `limit` characters.
pub fn printable(bytes: &[u8], limit: usize) -> String {
    let mut text = String::new();
    for (shown, c) in bytes.utf8_chunks().flat_map(characters).enumerate() {
        if shown == limit {
            text.push('…');
            break;
        }
        text.push_str(&c);
    }
    text
}

fn characters<'a>(chunk: std::str::Utf8Chunk<'a>) -> impl Iterator<Item = String> + use<'a> {
    let valid = chunk.valid().chars().map(|c| match c {
        '\t' | '\n' | '\r' | '\\' => c.escape_default().to_string(),
        c if c.is_control() => c.escape_unicode().to_string(),
        c => c.to_string(),
    });
    valid.chain(chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_without_moving_the_cursor() {
        assert_eq!(printable("Grüße".as_bytes(), 80), "Grüße");
        assert_eq!(printable(b"a\tb\n\x1b[2J\xff\\", 80), "a\\tb\\n\\u{1b}[2J\\xff\\\\");
    }

    #[test]
    fn long_bytes_are_cut() {
        assert_eq!(printable(b"abcdef", 3), "abc…");
        assert_eq!(printable(b"abc", 3), "abc");
    }

    #[test]
    fn the_name_of_a_file_gives_the_format() {
        assert!(is_json_lines(Path::new("a/b.jsonl")) && is_json_lines(Path::new("b.ndjson")));
        assert!(!is_json_lines(Path::new("a.json")) && !is_json_lines(Path::new("jsonl")));
    }
}
