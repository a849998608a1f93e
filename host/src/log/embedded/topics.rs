//! The topics of the embedded log: known ones in memory, each with its partitions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::super::{Error, Topic as Described, TopicPartition, TopicSpec, Topics};
use super::partition::Partition;
use super::store::{Store, TOPICS, TopicRow, damaged, failed, topic_key};
use crate::db::{Batch, Sync};

#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: Arc<str>,
    pub(super) row: TopicRow,
    pub(super) partitions: Vec<Arc<Partition>>,
}

#[derive(Debug)]
pub(super) struct Registry {
    store: Arc<Store>,
    known: RwLock<BTreeMap<Arc<str>, Arc<Topic>>>,
    /// One topic is made at a time.
    making: Mutex<()>,
}

impl Registry {
    pub(super) fn open(store: Arc<Store>) -> Result<Self, Error> {
        let mut known = BTreeMap::new();
        for entry in store.rows.range(&[TOPICS], Some(&[TOPICS + 1])) {
            let (name, row) = entry.map_err(failed("list topics"))?;
            let name = std::str::from_utf8(name.get(1..).unwrap_or_default())
                .map_err(|error| damaged("read a topic's name", error))?;
            let row = serde_json::from_slice(&row).map_err(|error| damaged("read a topic's row", error))?;
            let topic = load(&store, name.into(), row)?;
            known.insert(Arc::clone(&topic.name), topic);
        }
        Ok(Self { store, known: RwLock::new(known), making: Mutex::default() })
    }

    pub(super) fn all(&self) -> Vec<Arc<Topic>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).values().map(Arc::clone).collect()
    }

    pub(super) fn get(&self, topic: &str) -> Option<Arc<Topic>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(topic).map(Arc::clone)
    }

    pub(super) fn topic(&self, topic: &str) -> Result<Arc<Topic>, Error> {
        self.get(topic).ok_or_else(|| Error::UnknownTopic { topic: topic.to_owned() })
    }

    pub(super) fn partition(&self, of: &TopicPartition) -> Result<Arc<Partition>, Error> {
        self.topic(&of.topic)?.partition(of.partition)
    }
}

impl Topic {
    /// Topics are never deleted here, so that they need no id.
    fn describe(&self) -> Described {
        Described { name: self.name.to_string(), partitions: self.row.partitions, id: None }
    }

    pub(super) fn partition(&self, partition: u32) -> Result<Arc<Partition>, Error> {
        self.partitions.get(partition as usize).map(Arc::clone).ok_or_else(|| Error::UnknownPartition {
            topic: self.name.to_string(),
            partition,
            count: self.row.partitions,
        })
    }
}

fn load(store: &Store, name: Arc<str>, row: TopicRow) -> Result<Arc<Topic>, Error> {
    let partitions = (0..row.partitions)
        .map(|partition| Partition::open(store, Arc::clone(&name), row.id, partition).map(Arc::new))
        .collect::<Result<_, Error>>()?;
    Ok(Arc::new(Topic { name, row, partitions }))
}

impl Topics for Registry {
    fn describe(&self, topic: &str) -> Result<Option<Described>, Error> {
        Ok(self.get(topic).map(|topic| topic.describe()))
    }

    fn list(&self) -> Result<Vec<Described>, Error> {
        Ok(self.all().into_iter().map(|topic| topic.describe()).collect())
    }

    fn create(&self, spec: &TopicSpec) -> Result<(), Error> {
        spec.check()?;
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.all();
        if known.iter().any(|topic| *topic.name == *spec.name) {
            return Err(Error::TopicExists { topic: spec.name.clone() });
        }
        let row = TopicRow {
            id: known.iter().map(|topic| topic.row.id + 1).max().unwrap_or(0),
            partitions: spec.partitions,
            retention_ms: spec.retention_ms,
            retention_bytes: spec.retention_bytes,
        };
        let text = serde_json::to_vec(&row).map_err(|error| damaged("write a topic's row", error))?;
        let mut batch = Batch::new();
        batch.put(&self.store.rows, &topic_key(&spec.name), &text);
        self.store.db.write(batch, Sync::Now).map_err(failed("create a topic"))?;
        let topic = load(&self.store, spec.name.as_str().into(), row)?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(Arc::clone(&topic.name), topic);
        Ok(())
    }
}
