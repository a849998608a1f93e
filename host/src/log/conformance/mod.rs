//! Facts that hold for every record log: one function each, run against a [`Subject`]. Topics and ids are fresh in each,
//! so that a shared server will do, and nothing is assumed that Kafka does not promise: offsets may have gaps, and what
//! is committed may show a moment later.
//!
//! Owns no log: `log_conformance!` makes the tests of one.

mod fencing;
mod groups;
mod polling;
mod records;
mod topics;
mod transactions;

pub use fencing::*;
pub use groups::*;
pub use polling::*;
pub use records::*;
pub use topics::*;
pub use transactions::*;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use invoker_core::records::{RecordBatch, RecordRef};

use super::{Commit, Log, PollLimit, Producer, Source, TopicPartition, TopicSpec};

/// A log under test.
#[derive(Clone)]
pub struct Subject {
    pub log: Arc<dyn Log>,
    /// After this, what should have come will not come.
    pub patience: Duration,
}

impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subject").field("patience", &self.patience).finish_non_exhaustive()
    }
}

/// More than any test writes.
const ALL: PollLimit = PollLimit { records: 100_000, bytes: 1 << 28 };

/// How long the tests watch for what must not come.
const MOMENT: Duration = Duration::from_millis(100);

/// A record as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub offset: u64,
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

fn records(batch: &RecordBatch) -> Vec<Record> {
    let columns = batch.offsets.iter().zip(&batch.timestamps).zip(batch.keys.iter().zip(batch.values.iter()));
    let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
    let record = |(i, ((&offset, &timestamp), (key, value)))| Record {
        offset,
        timestamp,
        key: owned(key),
        value: owned(value),
        headers: batch.headers.of(i).map(|(name, value)| (name.to_vec(), owned(value))).collect(),
    };
    columns.enumerate().map(record).collect()
}

fn texts(records: &[Record]) -> Vec<String> {
    let text =
        |record: &Record| String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
    records.iter().map(text).collect()
}

fn value(text: &str) -> RecordRef<'_> {
    RecordRef { key: None, value: Some(text.as_bytes()), timestamp: 1000, headers: &[] }
}

fn at(topic: &str, partition: u32) -> TopicPartition {
    TopicPartition { topic: topic.to_owned(), partition }
}

impl Subject {
    pub fn new(log: Arc<dyn Log>, patience: Duration) -> Self {
        Self { log, patience }
    }

    /// A name that nobody used before.
    fn fresh(&self, what: &str) -> String {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        format!("{what}-{}-{since}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
    }

    fn topic(&self, partitions: u32) -> String {
        let name = self.fresh("topic");
        let spec = TopicSpec { name: name.clone(), partitions, ..TopicSpec::default() };
        self.log.topics().create(&spec).expect("create a topic");
        name
    }

    fn producer(&self) -> Box<dyn Producer> {
        self.log.producer(&self.fresh("producer")).expect("make a producer")
    }

    fn source(&self) -> Box<dyn Source> {
        self.log.source().expect("make a source")
    }

    /// Writes in one transaction.
    fn write(&self, topic: &str, partition: u32, records: &[RecordRef<'_>]) {
        let mut producer = self.producer();
        self.write_with(producer.as_mut(), topic, partition, records);
    }

    fn write_with(
        &self,
        producer: &mut dyn Producer,
        topic: &str,
        partition: u32,
        records: &[RecordRef<'_>],
    ) {
        producer.begin().expect("begin");
        add(producer, topic, partition, records);
        assert_eq!(producer.commit(), Commit::Committed);
    }

    /// Polls until a slot is at the end of its partition and `count` records have come.
    fn drain(&self, source: &mut dyn Source, slot: usize, of: &TopicPartition, count: usize) -> Vec<Record> {
        let (deadline, mut batch) = (Instant::now() + self.patience, RecordBatch::default());
        let mut all = Vec::new();
        while all.len() < count || source.position(slot) < source.bounds(of).expect("bounds").1 {
            assert!(Instant::now() < deadline, "{} of {count} records came: {:?}", all.len(), texts(&all));
            if source.poll(ALL, MOMENT, &mut batch).expect("poll") == Some(slot) {
                all.extend(records(&batch));
            }
        }
        all
    }

    /// Everything in a partition, which must be `count` records.
    fn read(&self, topic: &str, partition: u32, count: usize) -> Vec<Record> {
        let mut source = self.source();
        let of = at(topic, partition);
        let slot = source.assign(&of, 0).expect("assign");
        let all = self.drain(source.as_mut(), slot, &of, count);
        assert_eq!(all.len(), count, "{:?}", texts(&all));
        all
    }

    /// Waits until a condition holds.
    fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + self.patience;
        while !holds() {
            assert!(Instant::now() < deadline, "waited in vain until {what}");
            std::thread::yield_now();
        }
    }
}

/// Adds records to the open transaction.
fn add(producer: &mut dyn Producer, topic: &str, partition: u32, records: &[RecordRef<'_>]) {
    let (handle, _) = producer.open(topic).expect("open a topic");
    for record in records {
        producer.write(handle, partition, *record).expect("write a record");
    }
}

/// Makes a test of every fact: a module name, and an expression that gives something to keep alive and the [`Subject`].
#[macro_export]
macro_rules! log_conformance {
    ($module:ident, $subject:expr) => {
        $crate::log_conformance!(@ $module, $subject,
            keeps_the_order_of_a_partition, offsets_rise_and_the_end_is_a_position, keys_and_values_come_back,
            headers_come_back, timestamps_are_kept_and_missing_ones_stamped, a_record_over_the_limit_is_refused,
            a_large_record_passes,
            a_transaction_shows_everywhere_or_nowhere, what_is_not_committed_is_not_seen,
            what_was_aborted_is_never_seen, what_needs_no_transaction_is_seen_by_itself, a_producer_goes_on_after_an_abort, positions_commit_with_the_records,
            two_producers_share_a_partition, an_empty_transaction_commits, pending_bytes_are_of_this_transaction,
            an_older_producer_is_fenced, a_fenced_producer_leaves_nothing, fencing_needs_no_producer,
            fencing_an_unknown_id_is_fine, fencing_frees_the_positions,
            metadata_comes_back, a_group_without_positions_has_none, committed_positions_are_stable,
            groups_are_listed_and_deleted, a_member_alone_is_given_every_partition,
            positions_of_unknown_partitions_are_refused,
            seeking_reads_again, a_paused_slot_keeps_its_position, a_paused_slot_can_be_sought,
            what_was_fetched_before_a_seek_never_comes, an_unassigned_slot_gives_nothing,
            polls_keep_their_limits, a_record_larger_than_the_limit_comes_alone, partitions_take_turns,
            a_commit_wakes_a_waiting_poll, nothing_is_none, a_position_out_of_range_is_an_error_until_seek,
            reading_goes_on_at_any_position, offsets_are_found_by_time,
            topics_are_described, a_topic_is_made_once, unknown_topics_and_partitions_are_named,
            topic_names_follow_kafka,
        );
    };
    (@ $module:ident, $subject:expr, $($fact:ident),* $(,)?) => {
        mod $module {
            use super::*;
            $(#[test] fn $fact() {
                let (_kept, subject) = $subject;
                $crate::log::conformance::$fact(&subject);
            })*
        }
    };
}
