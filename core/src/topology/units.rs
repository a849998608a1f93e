//! Durations, sizes, partitions and start positions as people write them. One form each, so that a file says the same
//! to every reader: a whole number and its unit, without a space.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::time;
use crate::document::StartPosition;

/// A duration in milliseconds, written as a whole number and one of `ms`, `s`, `m`, `h`, `d`: `100ms`, `5m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis(pub u64);

/// A size in bytes, written as a whole number and one of `B`, `KiB`, `MiB`, `GiB`: `64MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

/// Partitions `first` to `last`, both included: `"0-2"` in text, or the number of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartitionRange {
    pub first: u32,
    pub last: u32,
}

/// Where reading starts when nothing was committed yet: `earliest`, `latest`, `timestamp:2026-01-31T00:00:00Z` (or
/// milliseconds since the Unix epoch after the colon), or `offsets:0=120,1=98`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start(pub StartPosition);

/// An amount of a Kubernetes resource, e.g. `500m`, `2` or `1Gi`. Kubernetes reads it; nothing here does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity(pub String);

const DURATIONS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const SIZES: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// `what; why; help` of a text that is no such amount.
fn amount(text: &str, units: &[(&str, u64)], kind: &str, example: &str) -> Result<u64, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    let form = format!("a {kind} is a whole number and one of {}, without a space", names.join(", "));
    let Some((_, factor)) = units.iter().find(|(name, _)| *name == unit) else {
        let near = units.iter().filter(|_| !digits.is_empty()).find(|(name, _)| {
            name.eq_ignore_ascii_case(unit.trim())
                || name.to_lowercase().trim_end_matches("b") == unit.to_lowercase()
        });
        let help = match near {
            Some((name, _)) => format!("did you mean \"{digits}{name}\"?"),
            None => format!("write e.g. {example}"),
        };
        return Err(format!("{text:?} is not a {kind}; {form}; {help}"));
    };
    let number: Option<u64> = digits.parse().ok();
    match number.and_then(|number| number.checked_mul(*factor)) {
        Some(value) => Ok(value),
        None if digits.is_empty() => Err(format!("{text:?} is not a {kind}; {form}; write e.g. {example}")),
        None => Err(format!("{text:?} is too large; {form}; write a smaller number")),
    }
}

fn shown(value: u64, units: &[(&str, u64)]) -> String {
    let fits = |(_, factor): &&(&str, u64)| value != 0 && value.is_multiple_of(*factor);
    match units.iter().rev().find(fits).or(units.first()) {
        Some((name, factor)) => format!("{}{name}", value / factor),
        None => value.to_string(),
    }
}

impl FromStr for Millis {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        amount(text, &DURATIONS, "duration", "100ms or 5s").map(Self)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(self.0, &DURATIONS))
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        amount(text, &SIZES, "size", "64MiB").map(Self)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(self.0, &SIZES))
    }
}

impl PartitionRange {
    /// Its partitions in order.
    pub fn partitions(self) -> impl Iterator<Item = u32> {
        self.first..=self.last
    }
}

impl FromStr for PartitionRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let number =
            |part: &str| part.parse::<u32>().ok().filter(|_| part.bytes().all(|byte| byte.is_ascii_digit()));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Self { first, last }),
            (Some(first), Some(last)) => Err(format!(
                "{text:?} is not a range of partitions; it ends before it begins; did you mean \"{last}-{first}\"?"
            )),
            _ => Err(format!(
                "{text:?} is not a range of partitions; a range is its first and its last partition with a dash \
                 between; write e.g. \"0-2\", or 3 for one partition"
            )),
        }
    }
}

impl fmt::Display for PartitionRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

const START_FORMS: &str = "it is earliest, latest, timestamp:2026-01-31T00:00:00Z or offsets:0=120,1=98";

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{text:?} is not a start position; {why}; {START_FORMS}");
        let position = match text.split_once(':') {
            None if text == "earliest" => StartPosition::Earliest,
            None if text == "latest" => StartPosition::Latest,
            Some(("timestamp", time)) => {
                let millis = time.parse().ok().or_else(|| time::millis_of(time));
                StartPosition::Timestamp(
                    millis
                        .ok_or_else(|| wrong("the time is neither RFC 3339 nor milliseconds since 1970"))?,
                )
            }
            Some(("offsets", list)) => StartPosition::Offsets(offsets(list).map_err(|why| wrong(&why))?),
            _ => return Err(wrong("its first word is not known")),
        };
        Ok(Self(position))
    }
}

fn offsets(list: &str) -> Result<BTreeMap<u32, u64>, String> {
    let mut offsets = BTreeMap::new();
    for pair in list.split(',') {
        let parsed = pair.split_once('=').and_then(|(partition, offset)| {
            Some((partition.trim().parse::<u32>().ok()?, offset.trim().parse::<u64>().ok()?))
        });
        let (partition, offset) = parsed.ok_or_else(|| format!("{pair:?} is not partition=offset"))?;
        if offsets.insert(partition, offset).is_some() {
            return Err(format!("partition {partition} stands there twice"));
        }
    }
    Ok(offsets)
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            StartPosition::Earliest => f.write_str("earliest"),
            StartPosition::Latest => f.write_str("latest"),
            StartPosition::Timestamp(millis) => write!(f, "timestamp:{millis}"),
            StartPosition::Offsets(offsets) => {
                let pairs: Vec<String> =
                    offsets.iter().map(|(partition, offset)| format!("{partition}={offset}")).collect();
                write!(f, "offsets:{}", pairs.join(","))
            }
        }
    }
}

/// Text in, text out.
macro_rules! as_text {
    ($($type:ty, $expecting:literal);*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl de::Visitor<'_> for Text {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expecting)
                    }
                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                    fn visit_u64<E: de::Error>(self, number: u64) -> Result<$type, E> {
                        number.to_string().parse().map_err(E::custom)
                    }
                    fn visit_i64<E: de::Error>(self, number: i64) -> Result<$type, E> {
                        number.to_string().parse().map_err(E::custom)
                    }
                    fn visit_f64<E: de::Error>(self, number: f64) -> Result<$type, E> {
                        number.to_string().parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_any(Text)
            }
        }
    )*};
}

as_text! {
    Millis, "a duration such as 100ms";
    Bytes, "a size such as 64MiB";
    PartitionRange, "a partition or a range such as \"0-2\"";
    Start, "a start position such as earliest";
    Quantity, "a quantity such as 500m"
}

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(feature = "schema")]
mod schema;
#[cfg(test)]
mod tests;
