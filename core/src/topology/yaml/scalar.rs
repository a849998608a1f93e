//! What a plain scalar is: YAML 1.2's core schema, without the spellings that other versions of YAML read differently.

/// A scalar's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    Null,
    Boolean(bool),
    /// Whole number, with the text it was written as.
    Integer(i128, String),
    Number(f64, String),
    Text(String),
}

impl Scalar {
    /// Reads an unquoted scalar.
    pub(crate) fn plain(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Self::Null,
            "true" | "True" | "TRUE" => return Self::Boolean(true),
            "false" | "False" | "FALSE" => return Self::Boolean(false),
            _ => {}
        }
        if let Some(integer) = integer(text) {
            return Self::Integer(integer, text.to_owned());
        }
        match number(text) {
            Some(number) => Self::Number(number, text.to_owned()),
            None => Self::Text(text.to_owned()),
        }
    }

    /// How an error message calls it.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Boolean(value) => format!("the boolean {value}"),
            Self::Integer(_, raw) | Self::Number(_, raw) => format!("the number {raw}"),
            Self::Text(text) => format!("the text {:?}", shortened(text)),
        }
    }
}

/// At most 60 characters of a text.
pub(crate) fn shortened(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Decimal, `0x` and `0o`. A leading zero makes it text: YAML 1.1 would read an octal number.
fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix(['-', '+']) {
        Some(rest) => (text.starts_with('-'), rest),
        None => (false, text),
    };
    let (radix, digits) = match digits.get(..2) {
        Some("0x") => (16, digits.get(2..)?),
        Some("0o") => (8, digits.get(2..)?),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    if radix == 10 && digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -value } else { value })
}

fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let allowed = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    if !digits.bytes().any(|byte| byte.is_ascii_digit()) || !digits.bytes().all(allowed) {
        return None;
    }
    if digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.") && !digits.starts_with("0e") {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_follow_the_core_schema() {
        assert_eq!(Scalar::plain("~"), Scalar::Null);
        assert_eq!(Scalar::plain("true"), Scalar::Boolean(true));
        assert_eq!(Scalar::plain("-12"), Scalar::Integer(-12, "-12".to_owned()));
        assert_eq!(Scalar::plain("0x1F"), Scalar::Integer(31, "0x1F".to_owned()));
        assert_eq!(Scalar::plain("1.50"), Scalar::Number(1.5, "1.50".to_owned()));
        assert_eq!(Scalar::plain("1e3"), Scalar::Number(1000.0, "1e3".to_owned()));
        assert_eq!(Scalar::plain("99999999999999999999").describe(), "the number 99999999999999999999");
    }

    #[test]
    fn doubtful_spellings_are_text() {
        for text in [
            "yes",
            "off",
            "010",
            "1.2.3",
            "0-2",
            ".inf",
            "1_000",
            "e",
            "-",
            "1:30",
            "0x",
            "abc",
            "2026-01-02",
        ] {
            assert_eq!(Scalar::plain(text), Scalar::Text(text.to_owned()), "{text}");
        }
    }
}
