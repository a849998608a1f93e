//! Numbers as people read them.

use std::time::Duration;

/// 1234567 → "1,234,567".
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The same, or that nobody knows.
pub(super) fn count_known(number: Option<u64>) -> String {
    number.map_or_else(|| "unknown".to_owned(), count)
}

/// 1234567.0 → "1.23M": three digits, or what there is.
pub(super) fn rate(number: f64) -> String {
    scaled(number, 1000.0, &["", "k", "M", "G", "T"])
}

/// 1536 → "1.50 KiB".
pub(super) fn bytes(number: u64) -> String {
    scaled(number as f64, 1024.0, &[" B", " KiB", " MiB", " GiB", " TiB"])
}

fn scaled(mut number: f64, base: f64, units: &[&str]) -> String {
    let mut units = units.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    let whole = number < base;
    while number >= base {
        let Some(next) = units.next() else { break };
        number /= base;
        unit = next;
    }
    let decimals = match number {
        _ if whole => 0,
        n if n >= 100.0 => 0,
        n if n >= 10.0 => 1,
        _ => 2,
    };
    format!("{number:.decimals$}{unit}")
}

/// "850 ms", "12.3 s", "3 min 20 s".
pub(super) fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        1..60 => format!("{:.1} s", time.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        assert_eq!(
            [0.0, 7.4, 999.0, 1234.0, 45_600.0, 999_000.0, 1.2e6].map(rate).join(" "),
            "0 7 999 1.23k 45.6k 999k 1.20M"
        );
        assert_eq!([0, 1023, 1536, 64 << 20].map(bytes).join(", "), "0 B, 1023 B, 1.50 KiB, 64.0 MiB");
        assert_eq!([0, 999, 1000, 1_234_567].map(count).join(" "), "0 999 1,000 1,234,567");
    }

    #[test]
    fn times_have_one_unit_that_fits() {
        let shown = [850, 12_300, 200_000].map(|ms| seconds(Duration::from_millis(ms)));
        assert_eq!(shown.join(", "), "850 ms, 12.3 s, 3 min 20 s");
    }
}
