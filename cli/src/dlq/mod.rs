//! `invoker dlq`: dead letters listed, shown, and sent back to the topics they came from.

mod letter;
mod replayed;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use invoker_core::names;
use invoker_core::records::RecordRef;
use invoker_host::log::{Commit, Log, Producer, Topic, TopicPartition};
use serde_json::json;

use self::letter::Letter;
use self::replayed::Replayed;
use crate::args::DlqArgs;
use crate::data::{log_failed, not_committed};
use crate::error::{Error, Exit, counted};
use crate::looking::Records;
use crate::print::Printer;
use crate::reader::Reader;

const HEAD: [&str; 7] = ["entity", "at", "from", "code", "key", "message", ""];
/// Bytes of one transaction that sends letters back.
const TRANSACTION_BYTES: usize = 4 << 20;
/// What Kafka takes beside a position, unless it is told otherwise.
const METADATA_BYTES: usize = 4096;

/// One line per letter.
pub(crate) fn list(records: &Records, args: &DlqArgs, printer: &mut Printer) -> Result<(), Error> {
    let mut rows = Vec::new();
    each(records, args, |letter| {
        printer.object(|| letter.json())?;
        rows.push(letter.cells());
        Ok(())
    })?;
    if rows.is_empty() {
        return printer.note("there are no dead letters");
    }
    printer.table(&HEAD, &rows)?;
    printer.note(&counted(rows.len(), "dead letter"))
}

/// Everything about each letter.
pub(crate) fn show(records: &Records, args: &DlqArgs, printer: &mut Printer) -> Result<(), Error> {
    let mut found = false;
    each(records, args, |letter| {
        found = true;
        printer.item(|| letter.text(), || letter.json())
    })?;
    if found { Ok(()) } else { printer.note("there are no dead letters") }
}

/// Sends letters back, each once: that it was sent commits in the same transaction as the record.
pub(crate) fn replay(records: &Records, args: &DlqArgs, printer: &mut Printer) -> Result<(), Error> {
    let mut reader = Reader::of(&*records.log)?;
    let again = DlqArgs { all: false, ..args.clone() };
    let (mut sent, mut kept) = (0, 0);
    for topic in topics(records, args)? {
        let mut sender: Option<Sender> = None;
        let sending = each_of(&mut reader, &topic, &again, &mut |letter| {
            if !letter.is_whole() {
                kept += 1;
                return printer.note(&letter.without_value());
            }
            let sender = match &mut sender {
                Some(sender) => sender,
                none => none.insert(Sender::start(records, &topic.name)?),
            };
            sender.send(&letter)
        });
        let Some(mut sender) = sender else {
            sending?;
            continue;
        };
        let ended = sending.and_then(|()| sender.commit());
        sent += sender.sent;
        ended.inspect_err(|_| sender.give_up())?;
    }
    printer.item(
        || match (sent, kept) {
            (0, 1..) => format!("none can be sent back; {} stay", counted(kept, "record")),
            (0, 0) => "there are no dead letters to send back".to_owned(),
            (_, _) => format!("sent {} back; a run of the topology takes them", counted(sent, "record")),
        },
        || json!({"replayed": sent, "kept": kept}),
    )
}

/// Hands on the letters that `args` asks for.
fn each(
    records: &Records,
    args: &DlqArgs,
    mut take: impl FnMut(Letter) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut reader = Reader::of(&*records.log)?;
    for topic in topics(records, args)? {
        each_of(&mut reader, &topic, args, &mut take)?;
    }
    Ok(())
}

/// Those of one topic.
fn each_of(
    reader: &mut Reader,
    topic: &Topic,
    args: &DlqArgs,
    take: &mut dyn FnMut(Letter) -> Result<(), Error>,
) -> Result<(), Error> {
    for partition in 0..topic.partitions {
        if !args.at.is_empty() && args.at.iter().all(|(wanted, _)| *wanted != partition) {
            continue;
        }
        let place = TopicPartition { topic: topic.name.clone(), partition };
        let done = load_replayed(reader, &place)?;
        let (start, _) = reader.bounds(&place)?;
        let from = if args.all { 0 } else { done.below() };
        let mut after = (from >= start).then_some(from);
        reader.read(&place, from, |meta, record| {
            let behind = after.replace(meta.offset + 1);
            let wanted = args.at.is_empty() || args.at.contains(&(meta.partition, meta.offset));
            let Some(mut letter) = Letter::parse(meta, record).filter(|_| wanted) else {
                return Ok(true);
            };
            letter.after = behind.unwrap_or(meta.offset);
            letter.replayed = done.contains(meta.offset);
            let of_entity = args.entity.as_ref().is_none_or(|entity| entity == letter.told("entity"));
            let of_code = args.code.as_ref().is_none_or(|code| code == letter.told("error-code"));
            if of_entity && of_code && (args.all || !letter.replayed) {
                take(letter)?;
            }
            Ok(true)
        })?;
    }
    Ok(())
}

/// The dead-letter topics: those of the topology that was given; else those that deployments known here have named,
/// and those with the usual name.
fn topics(records: &Records, args: &DlqArgs) -> Result<Vec<Topic>, Error> {
    let all = records.log.topics().list().map_err(|error| log_failed("cannot list topics", &error))?;
    let holds = |name: &str| {
        let usual = records.topics.is_none() && name.ends_with(".dead-letter");
        usual || records.dead_letters.contains(name)
    };
    let Some(wanted) = &args.topic else {
        return Ok(all.into_iter().filter(|topic| holds(&topic.name)).collect());
    };
    let names: Vec<_> = all.iter().map(|topic| &topic.name).filter(|name| holds(name)).cloned().collect();
    match all.into_iter().find(|topic| topic.name == *wanted) {
        Some(topic) => Ok(vec![topic]),
        None => {
            let what = format!("there is no topic {wanted:?}");
            let why = match names.as_slice() {
                [] => "there are no topics of dead letters".to_owned(),
                names => format!("topics of dead letters are {}", names.join(", ")),
            };
            Err(Error::new(Exit::Usage, what, why, "name another --topic, or leave it out"))
        }
    }
}

/// What of a partition was sent back.
fn load_replayed(reader: &Reader, place: &TopicPartition) -> Result<Replayed, Error> {
    let group = names::replayed_group(&place.topic);
    let committed = reader
        .source()
        .committed(&group, place)
        .map_err(|error| log_failed("cannot read what was sent back", &error))?;
    let Some(committed) = committed else { return Ok(Replayed::default()) };
    Replayed::from_committed(&committed).ok_or_else(|| {
        let what = format!("cannot read what of topic {:?} was sent back", place.topic);
        let why = format!("{:?} is no list of offsets", committed.metadata);
        Error::new(Exit::Data, what, why, "use the version that wrote it")
    })
}

/// Sends letters of one topic back.
struct Sender {
    producer: Box<dyn Producer>,
    /// Beside that of who finds letters, which reads a partition meanwhile.
    reader: Reader,
    is_service: bool,
    group: String,
    sent: usize,
    /// Per partition of dead letters that the open transaction touches: what will have been sent.
    open: BTreeMap<TopicPartition, Replayed>,
    begun: bool,
    unsent: usize,
}

impl Sender {
    /// Ends another who sends letters of this topic.
    fn start(records: &Records, topic: &str) -> Result<Self, Error> {
        let log: &dyn Log = &*records.log;
        let id = names::replayer_id(topic);
        let producer = log.producer(&id).map_err(|error| log_failed("cannot send dead letters", &error))?;
        let group = names::replayed_group(topic);
        let (reader, open) = (Reader::of(log)?, BTreeMap::new());
        let is_service = records.is_service;
        Ok(Self { producer, reader, is_service, group, sent: 0, open, begun: false, unsent: 0 })
    }

    fn send(&mut self, letter: &Letter) -> Result<(), Error> {
        let failed = |error| log_failed("cannot send a dead letter back", &error);
        let place = TopicPartition { topic: letter.topic.clone(), partition: letter.partition };
        if !self.begun {
            self.producer.begin().map_err(failed)?;
            self.begun = true;
        }
        if !self.open.contains_key(&place) {
            let known = load_replayed(&self.reader, &place)?;
            self.open.insert(place.clone(), known);
        }
        // Whoever was ended by the start of this one may have sent it meanwhile.
        if self.open.get(&place).is_some_and(|known| known.contains(letter.offset)) {
            return Ok(());
        }
        let Some((topic, partition)) = letter.origin() else {
            let what =
                format!("dead letter {}/{} does not say where it came from", letter.partition, letter.offset);
            return Err(Error::new(Exit::Data, what, "its headers are damaged", "leave it out with --at"));
        };
        let (handle, partitions) = self.producer.open(topic).map_err(failed)?;
        let headers: Vec<_> =
            letter.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref())).collect();
        let (key, value) = (letter.key.as_deref(), letter.value.as_deref());
        let record = RecordRef { key, value, timestamp: letter.timestamp, headers: &headers };
        self.producer.write(handle, partition % partitions.max(1), record).map_err(failed)?;
        if let Some(replayed) = self.open.get_mut(&place) {
            replayed.insert(letter.after..=letter.offset);
        }
        self.unsent += 1;
        if self.producer.pending_bytes() >= TRANSACTION_BYTES { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), Error> {
        if !self.begun {
            return Ok(());
        }
        let failed = |error| log_failed("cannot send dead letters back", &error);
        self.producer.flush().map_err(failed)?;
        for (place, replayed) in std::mem::take(&mut self.open) {
            let committed = replayed.to_committed();
            let bytes = committed.metadata.len();
            self.producer.add_offsets(&self.group, &[(place, committed)]).map_err(|error| match bytes {
                ..=METADATA_BYTES => failed(error),
                _ => scattered(bytes, &error),
            })?;
        }
        self.begun = false;
        match self.producer.commit() {
            Commit::Committed => {
                self.sent += std::mem::take(&mut self.unsent);
                Ok(())
            }
            other => {
                let what = format!("cannot send dead letters back ({} were sent before)", self.sent);
                let error = not_committed(what, other);
                Err(if self.is_service { Error { exit: Exit::Service, ..error } } else { error })
            }
        }
    }

    /// Leaves nothing open behind, which readers would wait for.
    fn give_up(&mut self) {
        if self.begun
            && let Err(error) = self.producer.abort()
        {
            tracing::debug!(%error, "abort what was not sent back");
        }
    }
}

/// The list of what was sent back has too many gaps.
fn scattered(bytes: usize, error: &invoker_host::log::Error) -> Error {
    let told = log_failed("cannot note which dead letters were sent back", error);
    let why = told.problems.first().map(|problem| problem.why.clone()).unwrap_or_default();
    let why = format!("they are not in a row, and the list of them has {bytes} bytes: {why}");
    let help = "send back those in between too, or raise offset.metadata.max.bytes in Kafka";
    Error::new(told.exit, "cannot note which dead letters were sent back", why, help)
}
