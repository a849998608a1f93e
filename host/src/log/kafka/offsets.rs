//! Adds positions to a transaction, for a bounded time.
//!
//! librdkafka 2.14 may never return from this call, whatever time-out it is given: it looks for the group's coordinator
//! first, does not count that against the time-out (its issue 5456), and keeps asking a broker that was the coordinator
//! until some broker changes state (its issue 5511). A lane that waits here for ever is a partition that stands still.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::bounded;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::ConsumerGroupMetadata;
use rdkafka::error::KafkaResult;
use rdkafka::producer::{BaseProducer, Producer as _};

use super::context::Context;

/// `None` = no answer in time: the call is left behind with its client, which must not be used again.
pub(super) fn send_offsets(
    client: &Arc<BaseProducer<Context>>,
    offsets: TopicPartitionList,
    group: ConsumerGroupMetadata,
    timeout: Duration,
) -> io::Result<Option<KafkaResult<()>>> {
    let (answer, answered) = bounded(1);
    let client = client.clone();
    std::thread::Builder::new().name("send offsets".to_owned()).spawn(move || {
        let result = client.send_offsets_to_transaction(&offsets, &group, timeout);
        // The last handle of a client that was given up waits for its threads, so it is dropped here.
        drop(client);
        // Nobody listens any more where this comes too late.
        let _ = answer.send(result);
    })?;
    Ok(answered.recv_timeout(timeout).ok())
}
