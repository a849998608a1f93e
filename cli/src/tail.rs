//! `invoker tail`: the records of a topic.

use std::str::FromStr;
use std::time::{Duration, Instant};

use invoker_core::records::RecordRef;
use invoker_host::log::{Log, Topic, TopicPartition};

use crate::args::TailArgs;
use crate::data::log_failed;
use crate::error::{Error, Exit};
use crate::print::{Printer, utc};
use crate::reader::{self, Reader};
use crate::records::{Meta, printable, to_json};

/// Characters of a key, value or header that are shown.
const SHOWN: usize = 400;
/// Whether a topic that is followed has grown is looked up this often.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

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
    fn offset(self, reader: &mut Reader, place: &TopicPartition) -> Result<u64, Error> {
        let (start, end) = reader.bounds(place)?;
        Ok(match self {
            Self::Start => start,
            Self::End => end,
            Self::Offset(offset) => offset.max(start),
            Self::Time(time) => {
                let found = reader.source().offset_for_time(place, time);
                found.map_err(|error| log_failed(&format!("cannot read topic {:?}", place.topic), &error))?
            }
            Self::Last(count) => last(reader, place, (start, end), count)?,
        })
    }
}

/// The offset of the record so many in front of the end. Some offsets hold no record, so it is looked for.
fn last(
    reader: &mut Reader,
    place: &TopicPartition,
    (start, end): (u64, u64),
    count: u64,
) -> Result<u64, Error> {
    let mut window = count.saturating_mul(2).saturating_add(64);
    loop {
        let from = end.saturating_sub(window).max(start);
        let mut offsets = Vec::new();
        reader.read(place, from, |meta, _| {
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

/// Prints records, one partition after the other; or all partitions at once, as records come.
pub(crate) fn tail(log: &dyn Log, args: &TailArgs, printer: &mut Printer) -> Result<(), Error> {
    let from: From = args.from.parse()?;
    let topic = reader::topic(log, &args.topic)?;
    if let Some(partition) = args.partition.filter(|&partition| partition >= topic.partitions) {
        let what = format!("topic {:?} has no partition {partition}", topic.name);
        let why = format!("it has {}, the first of which is 0", topic.partitions);
        return Err(Error::new(Exit::Usage, what, why, "name another --partition"));
    }
    let mut reader = Reader::of(log)?;
    let mut show = Show { printer, left: args.limit.unwrap_or(u64::MAX) };
    let mut starts = Vec::new();
    for partition in (0..topic.partitions).filter(|&partition| args.wants(partition)) {
        let place = TopicPartition { topic: topic.name.clone(), partition };
        let from = from.offset(&mut reader, &place)?;
        if args.follow {
            starts.push((place, from));
        } else {
            reader.read(&place, from, |meta, record| show.take(meta, record))?;
        }
    }
    // Only now, as looking for a start reads its partition alone.
    for (place, from) in &starts {
        reader.assign(place, *from)?;
    }
    if args.follow { follow(log, reader, topic, args, show) } else { Ok(()) }
}

/// Prints at most so many records.
struct Show<'a> {
    printer: &'a mut Printer,
    left: u64,
}

impl Show<'_> {
    /// Says whether there is room for more.
    fn take(&mut self, meta: &Meta<'_>, record: RecordRef<'_>) -> Result<bool, Error> {
        if self.is_done() {
            return Ok(false);
        }
        self.left -= 1;
        self.printer.item(|| line(meta, record), || to_json(meta, record).into())?;
        Ok(!self.is_done())
    }

    fn is_done(&self) -> bool {
        self.left == 0 || self.printer.is_closed()
    }
}

impl TailArgs {
    fn wants(&self, partition: u32) -> bool {
        self.partition.is_none_or(|wanted| wanted == partition)
    }
}

/// Prints what comes, for as long as somebody wants it.
fn follow(
    log: &dyn Log,
    mut reader: Reader,
    mut topic: Topic,
    args: &TailArgs,
    mut show: Show<'_>,
) -> Result<(), Error> {
    let mut looked = Instant::now();
    while !show.is_done() {
        if let Some(place) = reader.poll()? {
            reader.hand_on(&place, u64::MAX, |meta, record| show.take(meta, record))?;
            show.printer.flush()?;
        }
        if looked.elapsed() > LOOK_AGAIN {
            follow_growth(log, &mut reader, &mut topic, args)?;
            looked = Instant::now();
        }
    }
    Ok(())
}

/// Reads the partitions that a topic was given meanwhile, from their beginning.
fn follow_growth(
    log: &dyn Log,
    reader: &mut Reader,
    topic: &mut Topic,
    args: &TailArgs,
) -> Result<(), Error> {
    // Whoever cannot be asked now is asked the next time.
    let Ok(Some(found)) = log.topics().describe(&topic.name) else { return Ok(()) };
    for partition in (topic.partitions..found.partitions).filter(|&partition| args.wants(partition)) {
        reader.assign(&TopicPartition { topic: found.name.clone(), partition }, 0)?;
    }
    topic.partitions = topic.partitions.max(found.partitions);
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

/// The same without an end.
pub(crate) fn whole(bytes: &[u8]) -> String {
    if bytes.is_empty() { shown(Some(bytes)) } else { printable(bytes, usize::MAX) }
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
