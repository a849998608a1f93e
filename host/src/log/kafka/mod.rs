//! Apache Kafka as the record log, through librdkafka.
//!
//! Owns: the traits of the log over Kafka, and which of librdkafka's settings the protocol stands on (`config.rs`).
//!
//! * **Reads** are read-committed, by assignment; records come in batches from librdkafka's queue (`native.rs`) and are
//!   copied once, into columns.
//! * **Positions** move past commit markers when the end of a partition is reached, so that an idle reader's position
//!   is the end.
//! * **Committed positions** wait for open transactions to end; a time-out is an error, never an older value.
//! * **Writes** carry key, value, headers, time and partition as given. One that the broker will not take ends its
//!   transaction, so what is too large is refused before it is written.
//! * **A transaction whose outcome is not known** finishes its producer: librdkafka would let a late request of it land
//!   in the next one.
//! * **Memory**: a source holds at most [`QUEUE_KIB`] fetched ahead, a producer [`WRITE_KIB`] not yet sent, plus a
//!   response of [`FETCH_BYTES`] on its way.

mod config;
mod context;
mod errors;
mod member;
mod native;
mod offsets;
mod producer;
mod source;
mod topics;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, Producer as _};

use super::{Committed, Error, Log, Member, Producer, Source, TopicPartition, Topics};
use config::Settings;
pub use config::{KafkaOptions, KafkaSasl, KafkaTls};
use context::Context;
use errors::{failed, retried};
use member::KafkaMember;
use producer::KafkaProducer;
use source::KafkaSource;
use topics::KafkaTopics;

/// Fetched ahead by one source, KiB.
const QUEUE_KIB: u32 = 16 << 10;
/// Waiting to be sent by one producer, KiB.
const WRITE_KIB: u32 = 64 << 10;
/// Largest response to a fetch.
const FETCH_BYTES: u32 = 8 << 20;

/// How long one question to Kafka may take before its asker hears of a time-out.
const ASK: Duration = Duration::from_secs(5);
/// How long the first answer may take, name look-up and log-in included.
const CONNECT: Duration = Duration::from_secs(10);

type Client = BaseConsumer<Context>;

/// See the module's words.
pub struct KafkaLog {
    settings: Settings,
    topics: Arc<KafkaTopics>,
    /// A client per group, for its committed positions.
    groups: Groups,
}

impl std::fmt::Debug for KafkaLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaLog").finish_non_exhaustive()
    }
}

impl KafkaLog {
    /// Connects, and makes sure that somebody answers.
    pub fn connect(options: KafkaOptions) -> Result<Self, Error> {
        let settings = Settings::of(options)?;
        let topics = Arc::new(KafkaTopics::connect(&settings)?);
        let groups = Groups { settings: settings.clone(), topics: topics.clone(), clients: Arc::default() };
        Ok(Self { settings, topics, groups })
    }
}

/// Clients that know one group each: Kafka answers for a group only to a client of it.
#[derive(Clone)]
struct Groups {
    settings: Settings,
    topics: Arc<KafkaTopics>,
    clients: Arc<Mutex<HashMap<String, Arc<Client>>>>,
}

impl Groups {
    fn client(&self, group: &str) -> Result<Arc<Client>, Error> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(group) {
            return Ok(client.clone());
        }
        let client: Client = self
            .settings
            .consumer(group)
            .create_with_context(Context::default())
            .map_err(failed("make a client of a group"))?;
        let client = Arc::new(client);
        clients.insert(group.to_owned(), client.clone());
        Ok(client)
    }

    /// Stable committed positions, in the order asked for.
    fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Result<Vec<Option<Committed>>, Error> {
        let client = self.client(group)?;
        let mut wanted = TopicPartitionList::new();
        for tp in partitions {
            wanted.add_partition(&tp.topic, tp.partition as i32);
        }
        let action = "read committed positions";
        let answer = client.committed_offsets(wanted, ASK);
        serve(&client);
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                // Whoever asks again asks with a new client, which looks for the coordinator anew.
                self.clients.lock().unwrap_or_else(PoisonError::into_inner).remove(group);
                return Err(client.context().explain(error, action));
            }
        };
        let found: Vec<_> = partitions.iter().map(|tp| committed(&answer, tp)).collect::<Result<_, _>>()?;
        // A topic that is not there looks like one without positions.
        for (tp, _) in partitions.iter().zip(&found).filter(|(_, found)| found.is_none()) {
            self.topics.check(tp)?;
        }
        Ok(found)
    }
}

/// Hears what librdkafka has to say on its own; a client that reads nothing would keep it for ever.
fn serve(client: &Client) {
    drop(client.poll(Duration::ZERO));
}

fn committed(answer: &TopicPartitionList, of: &TopicPartition) -> Result<Option<Committed>, Error> {
    let Some(found) = answer.find_partition(&of.topic, of.partition as i32) else { return Ok(None) };
    found.error().map_err(|error| errors::of_topic(error, &of.topic, "read committed positions"))?;
    Ok(match found.offset() {
        rdkafka::Offset::Offset(offset) => {
            Some(Committed { offset: offset as u64, metadata: found.metadata().to_owned() })
        }
        _ => None,
    })
}

impl Log for KafkaLog {
    fn topics(&self) -> &dyn Topics {
        self.topics.as_ref()
    }

    fn source(&self) -> Result<Box<dyn Source>, Error> {
        Ok(Box::new(KafkaSource::new(&self.settings, self.groups.clone())?))
    }

    fn producer(&self, transactional_id: &str) -> Result<Box<dyn Producer>, Error> {
        Ok(Box::new(KafkaProducer::start(transactional_id, self.groups.clone())?))
    }

    fn producer_within(&self, transactional_id: &str, open: Duration) -> Result<Box<dyn Producer>, Error> {
        let mut groups = self.groups.clone();
        groups.settings.set_transaction_timeout(open);
        Ok(Box::new(KafkaProducer::start(transactional_id, groups)?))
    }

    fn plain_producer(&self) -> Result<Option<Box<dyn Producer>>, Error> {
        Ok(Some(Box::new(KafkaProducer::plain(self.groups.clone())?)))
    }

    fn fence(&self, transactional_ids: &[String]) -> Result<(), Error> {
        let one = |id: &String| {
            let client = self.settings.transactional(id, self.settings.batch())?;
            init(&client, &self.settings)
        };
        for some in transactional_ids.chunks(super::FENCED_AT_ONCE) {
            std::thread::scope(|scope| {
                let running: Vec<_> = some.iter().map(|id| scope.spawn(|| one(id))).collect();
                let joined = running.into_iter().map(|thread| match thread.join() {
                    Ok(result) => result,
                    Err(_) => Err(Error::TimedOut { what: "a fence, whose thread panicked".to_owned() }),
                });
                joined.collect::<Result<(), Error>>()
            })?;
        }
        Ok(())
    }

    fn join(&self, group: &str, name: &str, topic: &str) -> Result<Box<dyn Member>, Error> {
        Ok(Box::new(KafkaMember::join(&self.settings, group, name, topic)?))
    }

    fn delete_group(&self, group: &str) -> Result<(), Error> {
        self.groups.clients.lock().unwrap_or_else(PoisonError::into_inner).remove(group);
        self.topics.delete_group(group)
    }

    fn group(&self, group: &str) -> Result<Vec<(TopicPartition, Committed)>, Error> {
        let mut all = Vec::new();
        for topic in self.topics.list()? {
            all.extend(
                (0..topic.partitions)
                    .map(|partition| TopicPartition { topic: topic.name.clone(), partition }),
            );
        }
        let committed = self.groups.committed(group, &all)?;
        Ok(all.into_iter().zip(committed).filter_map(|(tp, committed)| Some((tp, committed?))).collect())
    }
}

/// Ends every earlier producer of the id, and waits until their transactions have ended.
fn init(client: &BaseProducer<Context>, settings: &Settings) -> Result<(), Error> {
    let action = "start a transactional producer";
    // Whoever asks for the coordinator while librdkafka is still connecting may have to wait for its next try, half a
    // second later. The first answer replaces the addresses it was given by the brokers' own, the second comes from one
    // of these; the topic is any that is there.
    for _ in 0..2 {
        if let Err(error) = client.client().fetch_metadata(Some("__transaction_state"), ASK) {
            client.poll(Duration::from_millis(1));
            return Err(client.context().explain(error, action));
        }
    }
    retried(settings.patience(), || client.init_transactions(ASK))
        .map_err(|error| client.context().explain(error, action))
}

/// What a topic is made with beside its partitions.
type TopicConfig = BTreeMap<String, String>;
