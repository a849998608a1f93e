//! The stored form of a value. Most are stored as they are, so that other tools read them.
//!
//! A value with an expiry is `00 '1' <milliseconds> ':' <value>`; one without that begins with a zero byte itself is
//! `00 '0' <value>`.

/// The stored form, if it is another one.
pub(super) fn encode(value: &[u8], expires: i64) -> Option<Vec<u8>> {
    match (expires, value.first()) {
        (0.., _) => Some([b"\x001", expires.to_string().as_bytes(), b":", value].concat()),
        (_, Some(0)) => Some([b"\x000", value].concat()),
        _ => None,
    }
}

/// A value and its expiry, -1 = never. A form that nobody writes is taken as it is.
pub(super) fn decode(stored: Option<&[u8]>) -> (Option<&[u8]>, i64) {
    let Some(stored) = stored else { return (None, -1) };
    match stored {
        [0, b'0', value @ ..] => (Some(value), -1),
        [0, b'1', rest @ ..] => with_expiry(rest).unwrap_or((Some(stored), -1)),
        _ => (Some(stored), -1),
    }
}

fn with_expiry(rest: &[u8]) -> Option<(Option<&[u8]>, i64)> {
    let colon = rest.iter().position(|&byte| byte == b':')?;
    let (digits, value) = (rest.get(..colon)?, rest.get(colon + 1..)?);
    Some((Some(value), std::str::from_utf8(digits).ok()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_comes_back() {
        for (value, expires) in [
            (&b"7"[..], -1),
            (b"7", 0),
            (b"", -1),
            (b"", 5),
            (b"\x001:2", -1),
            (b"\x00", 1_700_000_000_000),
            (b"a:b", 9),
        ] {
            let stored = encode(value, expires).unwrap_or_else(|| value.to_vec());
            assert_eq!(decode(Some(&stored)), (Some(value), expires), "{value:?} {expires}");
        }
        assert_eq!(decode(None), (None, -1));
    }

    #[test]
    fn what_needs_no_other_form_is_readable() {
        assert_eq!(encode(b"42", -1), None);
    }
}
