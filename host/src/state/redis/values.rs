//! How a value lies in Redis: as its own bytes where it never expires, so that `redis-cli` shows what the function
//! stored. One with an expiry is `0xf5`, the milliseconds since the Unix epoch in digits, `:`, and its bytes. A value
//! that looks like that by itself has `0xf5 ':'` in front. (0xf5 occurs in no UTF-8 text.)

const MARK: u8 = 0xf5;

/// Appends the stored form.
pub(super) fn store(value: &[u8], expires: i64, out: &mut Vec<u8>) {
    if expires >= 0 {
        out.push(MARK);
        out.extend_from_slice(itoa::Buffer::new().format(expires).as_bytes());
        out.push(b':');
    } else if looks_marked(value) {
        out.extend([MARK, b':']);
    }
    out.extend_from_slice(value);
}

/// Takes a stored value apart: its expiry (-1 = never) and its bytes. `None`: nothing here writes such a value.
pub(super) fn take_apart(stored: &[u8]) -> Option<(i64, &[u8])> {
    if !looks_marked(stored) {
        return Some((-1, stored));
    }
    let rest = stored.get(1..)?;
    let colon = rest.iter().position(|byte| *byte == b':')?;
    let (digits, bytes) = (rest.get(..colon)?, rest.get(colon + 1..)?);
    if digits.is_empty() {
        return Some((-1, bytes));
    }
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, bytes))
}

fn looks_marked(bytes: &[u8]) -> bool {
    matches!(bytes, [MARK, b'0'..=b'9' | b':', ..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stored(value: &[u8], expires: i64) -> Vec<u8> {
        let mut out = Vec::new();
        store(value, expires, &mut out);
        out
    }

    proptest! {
        #[test]
        fn any_value_comes_back(
            value in prop::collection::vec(prop::sample::select(vec![0xf5, b':', b'1', b'-', 0, b'a']), 0..6),
            expires in prop_oneof![Just(-1i64), 0..=i64::MAX],
        ) {
            let kept = stored(&value, expires);
            prop_assert_eq!(take_apart(&kept), Some((expires, &value[..])));
        }
    }

    #[test]
    fn what_never_expires_is_stored_as_it_is() {
        for value in [&b""[..], b"17", &[0xff; 8], &[0xf5], &[0xf5, 0], "ü:1".as_bytes()] {
            assert_eq!(stored(value, -1), value);
        }
        assert_eq!(stored(b"17", 1_732_000_000_000), b"\xf51732000000000:17");
    }

    #[test]
    fn a_mark_without_an_end_is_damage() {
        for bytes in [&b"\xf512"[..], b"\xf512a:x", b"\xf599999999999999999999:x"] {
            assert_eq!(take_apart(bytes), None, "{bytes:?}");
        }
    }
}
