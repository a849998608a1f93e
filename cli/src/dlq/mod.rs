//! `invoker dlq`: dead letters listed, shown, and sent back to the topics they came from.

mod letter;
mod replayed;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use invoker_core::records::RecordRef;
use invoker_host::log::{Commit, Log, Producer, TopicPartition};
use serde_json::json;

use self::letter::Letter;
use self::replayed::Replayed;
use crate::args::DlqArgs;
use crate::data::{log_failed, not_committed};
use crate::deployments::Deployment;
use crate::error::{Error, Exit, counted};
use crate::print::Printer;
use crate::reader;

const HEAD: [&str; 7] = ["entity", "at", "from", "code", "key", "message", ""];
/// Bytes of one transaction that sends letters back.
const TRANSACTION_BYTES: usize = 4 << 20;

/// One line per letter.
pub(crate) fn list(
    log: &dyn Log,
    deployments: &[Deployment],
    args: &DlqArgs,
    printer: &mut Printer,
) -> Result<(), Error> {
    let mut rows = Vec::new();
    each(log, deployments, args, |letter| {
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
pub(crate) fn show(
    log: &dyn Log,
    deployments: &[Deployment],
    args: &DlqArgs,
    printer: &mut Printer,
) -> Result<(), Error> {
    let mut found = false;
    each(log, deployments, args, |letter| {
        found = true;
        printer.item(|| letter.text(), || letter.json())
    })?;
    if found { Ok(()) } else { printer.note("there are no dead letters") }
}

/// Sends letters back, each once: that it was sent commits in the same transaction as the record.
pub(crate) fn replay(
    log: &dyn Log,
    deployments: &[Deployment],
    args: &DlqArgs,
    printer: &mut Printer,
) -> Result<(), Error> {
    let producer =
        log.producer("invoker-dlq.replay").map_err(|error| log_failed("cannot send dead letters", &error))?;
    let mut sender = Sender { producer, sent: 0, open: BTreeMap::new(), unsent: 0 };
    let again = DlqArgs { all: false, ..args.clone() };
    each(log, deployments, &again, |letter| sender.send(log, &letter))?;
    sender.commit()?;
    let sent = sender.sent;
    printer.item(
        || match sent {
            0 => "there are no dead letters to send back".to_owned(),
            _ => format!("sent {} back; a run of the topology takes them", counted(sent, "record")),
        },
        || json!({"replayed": sent}),
    )
}

/// Hands on the letters that `args` asks for.
fn each(
    log: &dyn Log,
    deployments: &[Deployment],
    args: &DlqArgs,
    mut take: impl FnMut(Letter) -> Result<(), Error>,
) -> Result<(), Error> {
    for topic in topics(log, deployments)? {
        let replayed = load_replayed(log, &topic.name)?;
        for partition in 0..topic.partitions {
            let place = TopicPartition { topic: topic.name.clone(), partition };
            let done = replayed.get(&partition);
            let mut after = None;
            reader::read(log, &place, 0, |meta, record| {
                let behind = after.replace(meta.offset + 1);
                let wanted = args.at.is_empty() || args.at.contains(&(meta.partition, meta.offset));
                let Some(mut letter) = Letter::parse(meta, record).filter(|_| wanted) else {
                    return Ok(true);
                };
                letter.after = behind.unwrap_or(meta.offset);
                letter.replayed = done.is_some_and(|done| done.contains(meta.offset));
                let of_entity = args.entity.as_ref().is_none_or(|entity| entity == letter.told("entity"));
                let of_code = args.code.as_ref().is_none_or(|code| code == letter.told("error-code"));
                if of_entity && of_code && (args.all || !letter.replayed) {
                    take(letter)?;
                }
                Ok(true)
            })?;
        }
    }
    Ok(())
}

/// The dead-letter topics that deployments named, and those with the usual name.
fn topics(log: &dyn Log, deployments: &[Deployment]) -> Result<Vec<invoker_host::log::Topic>, Error> {
    let all = log.topics().list().map_err(|error| log_failed("cannot list topics", &error))?;
    let named = |name: &str| {
        let mut entities = deployments.iter().flat_map(|deployment| &deployment.document.entities);
        entities.any(|entity| entity.dead_letter_topic == name)
    };
    Ok(all.into_iter().filter(|topic| topic.name.ends_with(".dead-letter") || named(&topic.name)).collect())
}

fn group(topic: &str) -> String {
    format!("invoker-dlq.{topic}.replayed")
}

fn load_replayed(log: &dyn Log, topic: &str) -> Result<BTreeMap<u32, Replayed>, Error> {
    let committed =
        log.group(&group(topic)).map_err(|error| log_failed("cannot read what was sent back", &error))?;
    let parse = |(place, committed): (TopicPartition, _)| match Replayed::from_committed(&committed) {
        Some(replayed) => Ok((place.partition, replayed)),
        None => {
            let what = format!("cannot read what of topic {topic:?} was sent back");
            let why = format!("{:?} is no list of offsets", committed.metadata);
            Err(Error::new(Exit::Data, what, why, "use the version that wrote it"))
        }
    };
    committed.into_iter().map(parse).collect()
}

struct Sender {
    producer: Box<dyn Producer>,
    sent: usize,
    /// Per partition of dead letters that the open transaction touches: what will have been sent.
    open: BTreeMap<TopicPartition, Replayed>,
    unsent: usize,
}

impl Sender {
    fn send(&mut self, log: &dyn Log, letter: &Letter) -> Result<(), Error> {
        let failed = |error| log_failed("cannot send a dead letter back", &error);
        let place = TopicPartition { topic: letter.topic.clone(), partition: letter.partition };
        if self.open.is_empty() {
            self.producer.begin().map_err(failed)?;
        }
        if !self.open.contains_key(&place) {
            let known = load_replayed(log, &letter.topic)?.remove(&letter.partition).unwrap_or_default();
            self.open.insert(place.clone(), known);
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
        if self.open.is_empty() {
            return Ok(());
        }
        let failed = |error| log_failed("cannot send dead letters back", &error);
        for (place, replayed) in std::mem::take(&mut self.open) {
            let group = group(&place.topic);
            self.producer.add_offsets(&group, &[(place, replayed.to_committed())]).map_err(failed)?;
        }
        self.producer.flush().map_err(failed)?;
        match self.producer.commit() {
            Commit::Committed => {
                self.sent += std::mem::take(&mut self.unsent);
                Ok(())
            }
            other => {
                let what = format!("cannot send dead letters back ({} were sent before)", self.sent);
                Err(not_committed(what, other))
            }
        }
    }
}
