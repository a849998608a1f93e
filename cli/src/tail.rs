//! `invoker tail`: the records of a topic.

use std::str::FromStr;

use invoker_core::records::RecordRef;
use invoker_host::log::{Log, Source, TopicPartition};

use crate::args::TailArgs;
use crate::data::log_failed;
use crate::error::{Error, Exit};
use crate::print::{Printer, utc};
use crate::reader;
use crate::records::{Meta, printable, to_json};

/// Characters of a key, value or header that are shown.
const SHOWN: usize = 400;

/// Where to start in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Start,
    End,
    Offset(u64),
    Time(i64),
    /// So many in front of the end.
    Last(u64),
}

impl FromStr for From {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let parsed = match text {
            "start" => Some(Self::Start),
            "end" => Some(Self::End),
            _ => match (text.strip_prefix('@'), text.strip_prefix('-')) {
                (Some(time), _) => time.parse().ok().map(Self::Time),
                (_, Some(count)) => count.parse().ok().map(Self::Last),
                _ => text.parse().ok().map(Self::Offset),
            },
        };
        parsed.ok_or_else(|| {
            let help = "give start, end, an offset, @MILLISECONDS or -N";
            Error::new(Exit::Usage, format!("--from {text:?} is not understood"), "", help)
        })
    }
}

impl From {
    fn offset(self, log: &dyn Log, source: &dyn Source, place: &TopicPartition) -> Result<u64, Error> {
        let failed = |error| log_failed(&format!("cannot read topic {:?}", place.topic), &error);
        let (start, end) = source.bounds(place).map_err(failed)?;
        Ok(match self {
            Self::Start => start,
            Self::End => end,
            Self::Offset(offset) => offset,
            Self::Time(time) => source.offset_for_time(place, time).map_err(failed)?,
            Self::Last(count) => last(log, place, (start, end), count)?,
        })
    }
}

/// The offset of the record so many in front of the end. Some offsets hold no record, so it is looked for.
fn last(log: &dyn Log, place: &TopicPartition, (start, end): (u64, u64), count: u64) -> Result<u64, Error> {
    let mut window = count.saturating_mul(2).saturating_add(64);
    loop {
        let from = end.saturating_sub(window).max(start);
        let mut offsets = Vec::new();
        reader::read(log, place, from, |meta, _| {
            offsets.push(meta.offset);
            Ok(true)
        })?;
        let skip = (offsets.len() as u64).checked_sub(count);
        match skip {
            Some(skip) => return Ok(offsets.get(skip as usize).copied().unwrap_or(end)),
            None if from == start => return Ok(start),
            None => window = window.saturating_mul(4),
        }
    }
}

/// Prints records, one partition after the other.
pub(crate) fn tail(log: &dyn Log, args: &TailArgs, printer: &mut Printer) -> Result<(), Error> {
    let from: From = args.from.parse()?;
    let topic = reader::topic(log, &args.topic)?;
    if let Some(partition) = args.partition.filter(|&partition| partition >= topic.partitions) {
        let what = format!("topic {:?} has no partition {partition}", topic.name);
        let why = format!("it has {}, the first of which is 0", topic.partitions);
        return Err(Error::new(Exit::Usage, what, why, "name another --partition"));
    }
    let source = reader::source(log)?;
    let mut left = args.limit.unwrap_or(u64::MAX);
    for partition in (0..topic.partitions).filter(|&p| args.partition.is_none_or(|wanted| wanted == p)) {
        let place = TopicPartition { topic: topic.name.clone(), partition };
        let from = from.offset(log, &*source, &place)?;
        reader::read(log, &place, from, |meta, record| {
            if left == 0 || printer.is_closed() {
                return Ok(false);
            }
            left -= 1;
            printer.item(|| line(meta, record), || to_json(meta, record).into())?;
            Ok(true)
        })?;
    }
    Ok(())
}

fn line(meta: &Meta<'_>, record: RecordRef<'_>) -> String {
    let mut text = format!("{}/{}", meta.partition, meta.offset);
    if record.timestamp >= 0 {
        text.push_str(&format!("  {}", utc(record.timestamp)));
    }
    text.push_str(&format!("  {}  {}", shown(record.key), shown(record.value)));
    for (name, value) in record.headers {
        text.push_str(&format!("  {}={}", printable(name, SHOWN), shown(*value)));
    }
    text
}

/// Bytes on a screen; what is absent is not the same as what is empty.
pub(crate) fn shown(bytes: Option<&[u8]>) -> String {
    match bytes {
        None => "-".to_owned(),
        Some(b"") => "\"\"".to_owned(),
        Some(bytes) => printable(bytes, SHOWN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_to_start_from_are_understood() {
        let parsed: Vec<From> = ["start", "end", "17", "@1700", "-5"].map(|t| t.parse().unwrap()).into();
        assert_eq!(parsed, [From::Start, From::End, From::Offset(17), From::Time(1700), From::Last(5)]);
        assert!(
            "yesterday".parse::<From>().unwrap_err().to_string().contains("\"yesterday\" is not understood")
        );
    }

    #[test]
    fn a_record_is_one_line_whatever_is_in_it() {
        let headers: &[(&[u8], Option<&[u8]>)] = &[(b"h", None)];
        let record = RecordRef { key: None, value: Some(b"a\nb"), timestamp: 0, headers };
        let meta = Meta { topic: "t", partition: 2, offset: 7 };
        assert_eq!(line(&meta, record), "2/7  1970-01-01T00:00:00.000Z  -  a\\nb  h=-");
    }
}
