//! Ranges: of a blob that is pulled (`Range: bytes=…`), and of a chunk that is pushed (`Content-Range: FIRST-LAST`).

use std::ops::Range;

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All: no range, several, or one of another unit.
    All,
    Part(Range<u64>),
    /// Nothing of the content lies in the range.
    Nothing,
}

/// Reads a `Range` header for content of `size` bytes.
pub(crate) fn wanted(header: Option<&str>, size: u64) -> Wanted {
    let Some(range) = header.and_then(|header| header.trim().strip_prefix("bytes=")) else {
        return Wanted::All;
    };
    if range.contains(',') {
        return Wanted::All;
    }
    let Some((first, last)) = range.trim().split_once('-') else { return Wanted::All };
    let range = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Some(first), None) if last.is_empty() => first..size,
        (None, Some(length)) if first.is_empty() => size.saturating_sub(length)..size,
        (Some(_), Some(_)) => return Wanted::Nothing,
        _ => return Wanted::All,
    };
    if range.is_empty() { Wanted::Nothing } else { Wanted::Part(range) }
}

/// First byte and length of a chunk: `0-1023`.
pub(crate) fn chunk(header: &str) -> Option<(u64, u64)> {
    let (first, last) = header.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    let length = last.checked_sub(first)?.checked_add(1)?;
    Some((first, length))
}

/// Digits only: what Rust takes for a number may have a sign.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_to_what_is_there() {
        let of = |header: &str| wanted(Some(header), 100);
        assert_eq!(of("bytes=0-9"), Wanted::Part(0..10));
        assert_eq!(of("bytes=90-"), Wanted::Part(90..100));
        assert_eq!(of("bytes=-10"), Wanted::Part(90..100));
        assert_eq!(of("bytes=-1000"), Wanted::Part(0..100));
        assert_eq!(of("bytes=90-18446744073709551615"), Wanted::Part(90..100));
        assert_eq!(of("bytes=100-"), Wanted::Nothing);
        assert_eq!(of("bytes=9-0"), Wanted::Nothing);
        assert_eq!(of("bytes=-0"), Wanted::Nothing);
    }

    #[test]
    fn what_is_no_single_range_of_bytes_asks_for_all() {
        for header in ["bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "bytes=-", "bytes=+1-+2", "bytes"] {
            assert_eq!(wanted(Some(header), 100), Wanted::All, "{header}");
        }
        assert_eq!(wanted(None, 100), Wanted::All);
    }

    #[test]
    fn a_chunk_names_its_first_and_last_byte() {
        assert_eq!(chunk("0-1023"), Some((0, 1024)));
        assert_eq!(chunk("5-5"), Some((5, 1)));
        for bad in ["", "-", "5", "5-4", "bytes 0-1/2", "+0-1", "0-18446744073709551615", "0-1-2"] {
            assert_eq!(chunk(bad), None, "{bad}");
        }
    }
}
