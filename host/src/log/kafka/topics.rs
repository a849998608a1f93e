//! Topics and groups: described, made, removed.

use std::time::Instant;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::config::Settings;
use super::context::{AdminContext, Context};
use super::errors::{failed, of_topic};
use super::native;
use super::{ASK, CONNECT, Client, TopicConfig, serve};
use crate::log::{Error, Topic, TopicPartition, TopicSpec, Topics};

/// Group of the client that only asks about topics.
const NO_GROUP: &str = "invoker.source";

/// Kafka's own default of what a topic takes, for whoever may not look.
pub(super) const DEFAULT_LIMIT: usize = 1_048_588;

/// See the module's words.
pub(super) struct KafkaTopics {
    client: Client,
    /// Sees what is not committed, too.
    uncommitted: Client,
    admin: AdminClient<AdminContext>,
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(ASK)).operation_timeout(Some(ASK))
}

impl KafkaTopics {
    /// Fails where nobody answers, with what was heard meanwhile.
    pub(super) fn connect(settings: &Settings) -> Result<Self, Error> {
        let action = "connect to Kafka";
        let client: Client =
            settings.consumer(NO_GROUP).create_with_context(Context::default()).map_err(failed(action))?;
        let uncommitted: Client = settings
            .consumer(NO_GROUP)
            .set("isolation.level", "read_uncommitted")
            .create_with_context(Context::default())
            .map_err(failed(action))?;
        let admin = settings.admin().create().map_err(failed(action))?;
        let deadline = Instant::now() + CONNECT;
        loop {
            // In short steps: what is wrong with a connection is heard between them.
            match client.fetch_metadata(None, ASK / 5) {
                Ok(_) => return Ok(Self { client, uncommitted, admin }),
                Err(error) => {
                    serve(&client);
                    let error = client.context().explain(error, action);
                    if !error.is_retryable() || Instant::now() > deadline {
                        return Err(error);
                    }
                }
            }
        }
    }

    fn metadata(&self, topic: Option<&str>) -> Result<rdkafka::metadata::Metadata, Error> {
        let action = "look at topics";
        let metadata = self.client.fetch_metadata(topic, ASK);
        serve(&self.client);
        metadata.map_err(|error| self.client.context().explain(error, action))
    }

    /// `None` where there is no such topic.
    fn partitions(&self, topic: &str) -> Result<Option<u32>, Error> {
        let metadata = self.metadata(Some(topic))?;
        let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
            return Ok(None);
        };
        match found.error().map(Code::from) {
            Some(Code::UnknownTopicOrPartition) => Ok(None),
            Some(code) => Err(of_topic(KafkaError::MetadataFetch(code), topic, "look at a topic")),
            None => Ok(Some(found.partitions().len() as u32)),
        }
    }

    /// One past the last offset of a partition, committed or not.
    pub(super) fn written(&self, of: &TopicPartition) -> Result<u64, Error> {
        let ends = self.uncommitted.fetch_watermarks(&of.topic, of.partition as i32, ASK);
        serve(&self.uncommitted);
        match ends {
            Ok((_, end)) => Ok(end.max(0) as u64),
            Err(error) => {
                self.check(of)?;
                Err(self.uncommitted.context().explain(error, "look for the end of a partition"))
            }
        }
    }

    /// Names what is not there.
    pub(super) fn check(&self, of: &TopicPartition) -> Result<(), Error> {
        let topic = of.topic.clone();
        match self.partitions(&topic)? {
            None => Err(Error::UnknownTopic { topic }),
            Some(count) if of.partition >= count => {
                Err(Error::UnknownPartition { topic, partition: of.partition, count })
            }
            Some(_) => Ok(()),
        }
    }

    /// The largest batch that a topic takes, bytes.
    pub(super) fn limit(&self, topic: &str) -> Result<usize, Error> {
        let (topic, options) = (ResourceSpecifier::Topic(topic), options());
        let asked = self.admin.describe_configs([&topic], &options);
        let described = pollster::block_on(asked).map_err(failed("look at the configuration of a topic"))?;
        let limit = described.into_iter().find_map(|resource| {
            let resource = resource.ok()?;
            resource.get("max.message.bytes")?.value.as_ref()?.parse().ok()
        });
        Ok(limit.unwrap_or(DEFAULT_LIMIT))
    }

    pub(super) fn delete_group(&self, group: &str) -> Result<(), Error> {
        let action = "delete a group";
        let deleted =
            pollster::block_on(self.admin.delete_groups(&[group], &options())).map_err(failed(action))?;
        match deleted.into_iter().next() {
            Some(Err((_, Code::GroupIdNotFound))) | Some(Ok(_)) | None => Ok(()),
            Some(Err((_, code))) => Err(failed(action)(KafkaError::AdminOp(code))),
        }
    }

    /// A topic is there for everybody when each of its partitions has a leader.
    fn wait_for_leaders(&self, spec: &TopicSpec) -> Result<(), Error> {
        let deadline = Instant::now() + CONNECT;
        loop {
            let metadata = self.metadata(Some(&spec.name))?;
            let led = metadata.topics().iter().any(|topic| {
                topic.partitions().len() == spec.partitions as usize
                    && topic.partitions().iter().all(|partition| partition.leader() >= 0)
            });
            if led {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Error::TimedOut {
                    what: format!("leaders of the partitions of {:?}", spec.name),
                });
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

impl Topics for KafkaTopics {
    fn describe(&self, topic: &str) -> Result<Option<Topic>, Error> {
        let Some(partitions) = self.partitions(topic)? else { return Ok(None) };
        let id = native::topic_id(&self.client, topic, ASK)
            .map_err(|code| of_topic(KafkaError::MetadataFetch(code), topic, "look at a topic"))?;
        Ok(Some(Topic { name: topic.to_owned(), partitions, id }))
    }

    fn list(&self) -> Result<Vec<Topic>, Error> {
        let metadata = self.metadata(None)?;
        let ours =
            metadata.topics().iter().filter(|topic| topic.error().is_none() && !is_internal(topic.name()));
        let mut topics: Vec<_> = ours
            .map(|topic| Topic {
                name: topic.name().to_owned(),
                partitions: topic.partitions().len() as u32,
                id: None,
            })
            .collect();
        topics.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    fn create(&self, spec: &TopicSpec) -> Result<(), Error> {
        spec.check()?;
        let action = "create a topic";
        let mut config = TopicConfig::new();
        if let Some(time) = spec.retention_ms {
            config.insert("retention.ms".to_owned(), time.to_string());
        }
        if let Some(bytes) = spec.retention_bytes {
            config.insert("retention.bytes".to_owned(), bytes.to_string());
        }
        config.extend(spec.config.clone());
        // -1 = the broker's default.
        let copies = spec.replication_factor.map_or(-1, i32::from);
        let mut topic = NewTopic::new(&spec.name, spec.partitions as i32, TopicReplication::Fixed(copies));
        for (name, value) in &config {
            topic = topic.set(name, value);
        }
        let made =
            pollster::block_on(self.admin.create_topics([&topic], &options())).map_err(failed(action))?;
        match made.into_iter().next() {
            Some(Err((_, Code::TopicAlreadyExists))) => Err(Error::TopicExists { topic: spec.name.clone() }),
            Some(Err((_, code))) => Err(of_topic(KafkaError::AdminOp(code), &spec.name, action)),
            _ => self.wait_for_leaders(spec),
        }
    }
}

fn is_internal(topic: &str) -> bool {
    matches!(topic, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
}
