//! From what a function returned to what the log and the cache keep.

use std::ops::Range;
use std::time::{Duration, Instant};

use invoker_core::function::HeaderUse;
use invoker_core::partitioner::partition_of;
use invoker_core::records::{HeaderColumns, RecordBatch, RecordRef};
use invoker_engine::OutputBatch;

use super::failure::{Failure, Kind};
use super::{LaneSpec, Trouble};
use crate::log::{self, Producer, TopicHandle};

/// Headers of one record, borrowed.
type Headers<'a> = Vec<(&'a [u8], Option<&'a [u8]>)>;

/// What is known of a failure: headers of its dead letter.
pub(super) type Provenance = Vec<(&'static str, String)>;
/// The lines that the function logged last.
pub(super) const LOG: &str = "invoker-log";
/// What of the record a dead letter does not hold.
const LEFT_OUT: &str = "invoker-left-out";

/// Longest text that a letter without its record's value has of the failure, bytes, and what all of them are less than.
const LONGEST: usize = 1024;
const LETTER: usize = 8192;

/// A dead letter that the topic does not take.
#[derive(Debug)]
pub(super) struct TooLarge {
    pub(super) topic: String,
    pub(super) bytes: usize,
    pub(super) limit: usize,
}

/// The producers of a lane, with their topics opened.
pub(super) struct Writer {
    /// Of its transactions.
    pub(super) producer: Box<dyn Producer>,
    /// What records are written with where they go without transactions.
    plain: Option<Box<dyn Producer>>,
    /// Something was written without a transaction, and whether the log has it is not known.
    under_way: bool,
    /// Per output of the function.
    outputs: Vec<Option<Output>>,
    dead_letters: Option<Output>,
    headers: HeaderUse,
    /// A transaction is open.
    pub(super) open: bool,
    opened_at: Instant,
}

/// An opened topic.
#[derive(Clone, Debug)]
struct Output {
    topic: String,
    handle: TopicHandle,
    partitions: u32,
    /// Largest record, bytes.
    limit: usize,
}

impl Writer {
    pub(super) fn open(
        mut producer: Box<dyn Producer>,
        mut plain: Option<Box<dyn Producer>>,
        spec: &LaneSpec,
    ) -> Result<Self, Trouble> {
        let writes = plain.as_mut().unwrap_or(&mut producer);
        let mut open = |topic: &String| {
            let producer = &mut *writes;
            let (handle, partitions) = producer.open(topic).map_err(Trouble::log("open an output topic"))?;
            let limit = producer.record_limit(handle);
            Ok(Output { topic: topic.clone(), handle, partitions, limit })
        };
        let outputs = spec.entity.outputs.iter().map(|topic| topic.as_ref().map(&mut open).transpose());
        let outputs = outputs.collect::<Result<Vec<_>, Trouble>>()?;
        let wanted = spec.entity.on_failure == invoker_core::document::OnFailure::DeadLetter;
        let dead_letters = if wanted { Some(open(&spec.entity.dead_letter_topic)?) } else { None };
        let headers = spec.program.description().headers;
        Ok(Self {
            producer,
            plain,
            under_way: false,
            outputs,
            dead_letters,
            headers,
            open: false,
            opened_at: Instant::now(),
        })
    }

    /// Whether outputs go without transactions.
    pub(super) fn is_plain(&self) -> bool {
        self.plain.is_some()
    }

    /// Makes sure that records can be written.
    pub(super) fn begin_records(&mut self) -> Result<(), Trouble> {
        match &mut self.plain {
            None => self.begin(),
            Some(plain) if !self.under_way => {
                plain.begin().map_err(Trouble::log("begin to write"))?;
                self.under_way = true;
                Ok(())
            }
            Some(_) => Ok(()),
        }
    }

    /// Makes sure that the log has what was written without a transaction.
    pub(super) fn deliver(&mut self) -> Result<(), Trouble> {
        if let Some(plain) = &mut self.plain
            && self.under_way
        {
            self.under_way = false;
            plain.flush().map_err(Trouble::log("flush outputs"))?;
        }
        Ok(())
    }

    /// Makes sure that a transaction is open.
    pub(super) fn begin(&mut self) -> Result<(), Trouble> {
        if !self.open {
            self.producer.begin().map_err(Trouble::log("begin a transaction"))?;
            self.open = true;
            self.opened_at = Instant::now();
        }
        Ok(())
    }

    /// How long a transaction has been open.
    pub(super) fn open_for(&self) -> Duration {
        if self.open { self.opened_at.elapsed() } else { Duration::ZERO }
    }

    pub(super) fn pending_bytes(&self) -> usize {
        match &self.plain {
            Some(plain) if self.under_way => plain.pending_bytes(),
            None if self.open => self.producer.pending_bytes(),
            _ => 0,
        }
    }

    /// Whether the log will take every output; otherwise the record to blame.
    pub(super) fn check(&self, batch: &RecordBatch, outputs: &OutputBatch) -> Result<(), (usize, Failure)> {
        let smallest = self.outputs.iter().flatten().map(|output| output.limit).min().unwrap_or(usize::MAX);
        let small =
            batch.bytes() + outputs.values.data.len() + outputs.keys.as_ref().map_or(0, |c| c.data.len());
        let headers = outputs.headers.as_ref().map_or(0, |h| h.names.data.len() + h.values.data.len());
        if small + headers <= smallest && outputs.partitions.is_empty() {
            return Ok(());
        }
        for (at, &source) in outputs.sources.iter().enumerate() {
            let Some(output) = self.output(outputs, at) else { continue };
            let record = self.record(batch, outputs, at, source as usize);
            let mut list = Vec::new();
            collect(self.headers_of(batch, outputs, at, source as usize), &mut list);
            let bytes = size(record, &list);
            if bytes > output.limit {
                let why = format!(
                    "an output of {bytes} bytes for topic {:?} is over its limit of {}",
                    output.topic, output.limit
                );
                return Err((source as usize, Failure::new(Kind::OutputTooLarge, "output-too-large", why)));
            }
            let wanted = outputs.partitions.get(at).copied().unwrap_or(-1);
            if wanted >= 0 && wanted as u32 >= output.partitions {
                let why =
                    format!("topic {:?} has {} partitions, not {wanted}", output.topic, output.partitions);
                return Err((source as usize, Failure::new(Kind::BadResult, "no-such-partition", why)));
            }
        }
        Ok(())
    }

    /// Writes checked outputs; `partition` is that of the batch. Returns how many were written.
    pub(super) fn write(
        &mut self,
        batch: &RecordBatch,
        partition: u32,
        outputs: &OutputBatch,
    ) -> Result<u64, log::Error> {
        let mut written = 0;
        let mut headers = Headers::new();
        for (at, &source) in outputs.sources.iter().enumerate() {
            let Some(output) = self.output(outputs, at) else { continue };
            let (handle, partitions) = (output.handle, output.partitions);
            headers.clear();
            collect(self.headers_of(batch, outputs, at, source as usize), &mut headers);
            let record = RecordRef { headers: &headers, ..self.record(batch, outputs, at, source as usize) };
            let to = match (outputs.partitions.get(at), record.key) {
                (Some(&wanted), _) if wanted >= 0 => wanted as u32,
                (_, Some(key)) => partition_of(key, partitions),
                // Without a key the source's partition decides, so that a repeated run writes the same.
                (_, None) => partition % partitions.max(1),
            };
            self.plain.as_mut().unwrap_or(&mut self.producer).write(handle, to, record)?;
            written += 1;
        }
        Ok(written)
    }

    /// Whether the dead letter of a record may be more than its topic takes, whatever is left out.
    pub(super) fn may_not_bury(&self, batch: &RecordBatch, at: usize) -> bool {
        let key = batch.keys.get(at).map_or(0, <[u8]>::len);
        self.dead_letters.as_ref().is_some_and(|output| key + LETTER > output.limit)
    }

    /// Writes a record that failed, as it came, with what is known of the failure behind its headers. Where that is
    /// more than the topic takes, the function's log is left out, then the record's value and headers, whose place is known, and long texts are cut.
    /// `Err` = it does not fit even so; how large it is, and the limit.
    pub(super) fn dead_letter(
        &mut self,
        batch: &RecordBatch,
        at: usize,
        partition: u32,
        mut provenance: Provenance,
    ) -> Result<Result<(), TooLarge>, log::Error> {
        let Some(output) = &self.dead_letters else { return Ok(Ok(())) };
        let mut headers: Headers<'_> = batch.headers.of(at).collect();
        let mut record = RecordRef {
            key: batch.keys.get(at),
            value: batch.values.get(at),
            timestamp: batch.timestamps.get(at).copied().unwrap_or(-1),
            headers: &[],
        };
        let whole = size(record, &headers);
        let told =
            |provenance: &Provenance| -> usize { provenance.iter().map(|(n, v)| n.len() + v.len()).sum() };
        if whole + told(&provenance) > output.limit {
            provenance.retain(|(name, _)| *name != LOG);
        }
        if whole + told(&provenance) > output.limit {
            (headers, record.value) = (Headers::new(), None);
            provenance.push((LEFT_OUT, format!("value and headers, {whole} bytes")));
            for (_, text) in &mut provenance {
                text.truncate(text.floor_char_boundary(LONGEST));
            }
        }
        let bytes = size(record, &headers) + told(&provenance);
        if bytes > output.limit {
            return Ok(Err(TooLarge { topic: output.topic.clone(), bytes, limit: output.limit }));
        }
        headers.extend(provenance.iter().map(|(name, value)| (name.as_bytes(), Some(value.as_bytes()))));
        let record = RecordRef { headers: &headers, ..record };
        let producer = self.plain.as_mut().unwrap_or(&mut self.producer);
        producer.write(output.handle, partition % output.partitions.max(1), record).map(Ok)
    }

    fn output(&self, outputs: &OutputBatch, at: usize) -> Option<&Output> {
        let port = outputs.ports.get(at).copied().unwrap_or(0);
        self.outputs.get(usize::from(port))?.as_ref()
    }

    /// Output `at`, without headers.
    fn record<'a>(
        &self,
        batch: &'a RecordBatch,
        outputs: &'a OutputBatch,
        at: usize,
        source: usize,
    ) -> RecordRef<'a> {
        RecordRef {
            key: match &outputs.keys {
                Some(keys) => keys.get(at),
                None => batch.keys.get(source),
            },
            value: outputs.values.get(at),
            timestamp: match outputs.event_times.get(at) {
                Some(&time) => time,
                None => batch.timestamps.get(source).copied().unwrap_or(-1),
            },
            headers: &[],
        }
    }

    /// Whose headers output `at` carries: its own, its source's, or none.
    fn headers_of<'a>(
        &self,
        batch: &'a RecordBatch,
        outputs: &'a OutputBatch,
        at: usize,
        source: usize,
    ) -> Option<(&'a HeaderColumns, usize)> {
        match (&outputs.headers, self.headers) {
            (Some(own), _) => Some((own, at)),
            (None, HeaderUse::Drop) => None,
            (None, _) => Some((&batch.headers, source)),
        }
    }
}

/// Bytes of a record with these headers.
fn size(record: RecordRef<'_>, headers: &Headers<'_>) -> usize {
    let headers: usize = headers.iter().map(|(n, v)| n.len() + v.map_or(0, <[u8]>::len)).sum();
    record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + headers
}

fn collect<'a>(from: Option<(&'a HeaderColumns, usize)>, into: &mut Headers<'a>) {
    if let Some((columns, at)) = from
        && !columns.names.is_empty()
    {
        into.extend(columns.of(at));
    }
}

/// The range that is left of `range` behind its first `done` records.
pub(super) fn rest(range: Range<usize>, done: usize) -> Range<usize> {
    range.start + done..range.end
}
