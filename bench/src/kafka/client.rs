//! The calls of librdkafka that a fast loop by hand needs and the crate does not offer. The one file of the benches that is
//! unsafe.

#![expect(unsafe_code, reason = "calls into librdkafka, each with its proof")]

use std::ffi::CString;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, Producer};
use rdkafka::types::RDKafkaErrorCode as Code;

/// Messages taken at once.
const TAKE: usize = 4096;

/// Takes messages of a consumer's partitions in batches.
pub(super) struct Batches<'a> {
    held: Vec<Message>,
    queue: NonNull<sys::rd_kafka_queue_t>,
    taken: Vec<*mut sys::rd_kafka_message_t>,
    /// Must outlive the messages.
    consumer: PhantomData<&'a BaseConsumer>,
}

impl<'a> Batches<'a> {
    pub(super) fn of(consumer: &'a BaseConsumer) -> Result<Self> {
        // SAFETY: the consumer is alive; the call returns a new reference or null.
        let queue = unsafe { sys::rd_kafka_queue_get_consumer(consumer.client().native_ptr()) };
        let queue = NonNull::new(queue).context("the consumer has no queue")?;
        let taken = vec![ptr::null_mut(); TAKE];
        Ok(Self { held: Vec::with_capacity(TAKE), queue, taken, consumer: PhantomData })
    }

    /// Waits for a first message, then takes what is there. What was taken before is destroyed.
    pub(super) fn take(&mut self, wait: Duration) -> Result<&[Message]> {
        self.held.clear();
        // SAFETY: the queue is alive; the message returned is ours.
        let first = unsafe { sys::rd_kafka_consume_queue(self.queue.as_ptr(), wait.as_millis() as i32) };
        let Some(first) = NonNull::new(first).map(Message) else { return Ok(&self.held) };
        self.keep(first)?;
        // SAFETY: `taken` has room for as many pointers as are asked for; what is written there is ours.
        let count = unsafe {
            sys::rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, self.taken.as_mut_ptr(), TAKE)
        };
        for at in 0..usize::try_from(count)? {
            let message = self.taken.get(at).copied().and_then(NonNull::new).map(Message);
            message.map_or(Ok(()), |message| self.keep(message))?;
        }
        Ok(&self.held)
    }

    fn keep(&mut self, message: Message) -> Result<()> {
        match Code::from(message.get().err) {
            Code::NoError => self.held.push(message),
            Code::PartitionEOF => {}
            code => bail!("read: {code}"),
        }
        Ok(())
    }
}

impl Drop for Batches<'_> {
    fn drop(&mut self) {
        // SAFETY: the reference that `of` got, given back once.
        unsafe { sys::rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// A record that was read.
pub(super) struct Message(NonNull<sys::rd_kafka_message_t>);

impl Message {
    fn get(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the message lives until `drop`.
        unsafe { self.0.as_ref() }
    }

    pub(super) fn partition(&self) -> i32 {
        self.get().partition
    }

    pub(super) fn offset(&self) -> i64 {
        self.get().offset
    }

    pub(super) fn value(&self) -> &[u8] {
        let message = self.get();
        if message.payload.is_null() {
            return &[];
        }
        // SAFETY: the payload has as many bytes as is said, while the message lives.
        unsafe { std::slice::from_raw_parts(message.payload.cast::<u8>(), message.len) }
    }

    fn timestamp(&self) -> i64 {
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive; the kind is written to a place of ours.
        unsafe { sys::rd_kafka_message_timestamp(self.0.as_ptr(), &raw mut kind) }
    }

    /// Its headers, taken out of it; null where it has none.
    fn take_headers(&self) -> *mut sys::rd_kafka_headers_t {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is alive; headers that are written belong to us from here on.
        let found = unsafe { sys::rd_kafka_message_detach_headers(self.0.as_ptr(), &raw mut headers) };
        if Code::from(found) == Code::NoError { headers } else { ptr::null_mut() }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: it was taken from a queue and is destroyed once.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

/// Writes to one topic.
pub(super) struct Writer<'a> {
    producer: &'a BaseProducer,
    topic: NonNull<sys::rd_kafka_topic_t>,
    /// Of one batch of [`Writer::add`].
    batch: Vec<sys::rd_kafka_message_t>,
}

impl<'a> Writer<'a> {
    pub(super) fn to(producer: &'a BaseProducer, topic: &str) -> Result<Self> {
        // Records for partitions that are not known yet fail.
        producer.client().fetch_metadata(Some(topic), Duration::from_secs(10))?;
        let name = CString::new(topic)?;
        // SAFETY: the producer is alive, the name is copied.
        let made = unsafe {
            sys::rd_kafka_topic_new(producer.client().native_ptr(), name.as_ptr(), ptr::null_mut())
        };
        let topic = NonNull::new(made).context("open the output topic")?;
        Ok(Self { producer, topic, batch: Vec::new() })
    }

    /// Writes value, timestamp and headers of a message to the partition it came from.
    pub(super) fn copy(&self, message: &Message) -> Result<()> {
        let value = message.value();
        self.write(message.partition(), None, value, message.timestamp(), message.take_headers())
    }

    /// Writes a record of now, with one header or none.
    pub(super) fn write_new(
        &self,
        partition: i32,
        key: Option<&[u8]>,
        value: &[u8],
        header: Option<(&str, &str)>,
    ) -> Result<()> {
        let headers = header.map_or(ptr::null_mut(), |(name, text)| {
            let (at, length) = (name.as_ptr().cast(), name.len() as isize);
            // SAFETY: a new list; name and value are copied.
            unsafe {
                let headers = sys::rd_kafka_headers_new(1);
                sys::rd_kafka_header_add(headers, at, length, text.as_ptr().cast(), text.len() as isize);
                headers
            }
        });
        self.write(partition, key, value, 0, headers)
    }

    fn write(
        &self,
        partition: i32,
        key: Option<&[u8]>,
        value: &[u8],
        timestamp: i64,
        headers: *mut sys::rd_kafka_headers_t,
    ) -> Result<()> {
        use sys::rd_kafka_vtype_t as Kind;
        type Field = sys::rd_kafka_vu_s__bindgen_ty_1;
        let memory = |bytes: Option<&[u8]>| Field {
            mem: sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
                ptr: bytes.map_or(ptr::null_mut(), |bytes| bytes.as_ptr().cast_mut().cast()),
                size: bytes.map_or(0, <[u8]>::len),
            },
        };
        let fields = [
            (Kind::RD_KAFKA_VTYPE_RKT, Field { rkt: self.topic.as_ptr() }),
            (Kind::RD_KAFKA_VTYPE_PARTITION, Field { i32_: partition }),
            (Kind::RD_KAFKA_VTYPE_MSGFLAGS, Field { i: sys::RD_KAFKA_MSG_F_COPY }),
            (Kind::RD_KAFKA_VTYPE_KEY, memory(key)),
            (Kind::RD_KAFKA_VTYPE_VALUE, memory(Some(value))),
            (Kind::RD_KAFKA_VTYPE_TIMESTAMP, Field { i64_: timestamp.max(0) }),
            (Kind::RD_KAFKA_VTYPE_HEADERS, Field { headers }),
        ];
        let fields = fields.map(|(vtype, u)| sys::rd_kafka_vu_t { vtype, u });
        let count = if headers.is_null() { fields.len() - 1 } else { fields.len() };
        loop {
            // SAFETY: producer and topic are alive; the value is copied; headers go over to it where it succeeds.
            let error = unsafe {
                sys::rd_kafka_produceva(self.producer.client().native_ptr(), fields.as_ptr(), count)
            };
            if error.is_null() {
                return Ok(());
            }
            // SAFETY: an error that was returned is ours.
            let code = unsafe {
                let code = sys::rd_kafka_error_code(error);
                sys::rd_kafka_error_destroy(error);
                Code::from(code)
            };
            self.wait_for_room(code)?;
        }
    }

    /// Puts the value of a message, and nothing else, into a batch for [`Writer::write_batch`]. The message must live until
    /// then.
    pub(super) fn add(&mut self, message: &Message) {
        let message = message.get();
        // SAFETY: all zeroes is a message without anything.
        let mut copy: sys::rd_kafka_message_t = unsafe { std::mem::zeroed() };
        (copy.payload, copy.len, copy.partition) = (message.payload, message.len, message.partition);
        self.batch.push(copy);
    }

    /// Writes what was added, one call per run of records of a partition.
    pub(super) fn write_batch(&mut self) -> Result<()> {
        let mut batch = std::mem::take(&mut self.batch);
        for run in batch.chunk_by_mut(|one, next| one.partition == next.partition) {
            let mut done = 0;
            while let Some(left) = run.get_mut(done..).filter(|left| !left.is_empty()) {
                let Some(partition) = left.first().map(|first| first.partition) else { break };
                let flags = sys::RD_KAFKA_MSG_F_COPY;
                // SAFETY: the topic is alive; as many messages as is said, whose payloads live and are copied.
                let taken = unsafe {
                    sys::rd_kafka_produce_batch(
                        self.topic.as_ptr(),
                        partition,
                        flags,
                        left.as_mut_ptr(),
                        left.len() as i32,
                    )
                };
                done += usize::try_from(taken)?;
                if let Some(refused) = run.get(done) {
                    self.wait_for_room(Code::from(refused.err))?;
                }
            }
        }
        batch.clear();
        self.batch = batch;
        Ok(())
    }

    fn wait_for_room(&self, code: Code) -> Result<()> {
        if code != Code::QueueFull {
            bail!("write: {code}");
        }
        std::thread::sleep(Duration::from_millis(1));
        self.producer.poll(Duration::ZERO);
        Ok(())
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        // SAFETY: the reference that `to` got, given back once, before its producer goes.
        unsafe { sys::rd_kafka_topic_destroy(self.topic.as_ptr()) }
    }
}

/// Returns when everything written was acknowledged; the crate's own takes at least 100 ms.
pub(super) fn flush(producer: &BaseProducer) -> Result<()> {
    // SAFETY: the producer is alive. Only errors are reported, so nothing has to be served meanwhile.
    let code = unsafe { sys::rd_kafka_flush(producer.client().native_ptr(), 60_000) };
    match Code::from(code) {
        Code::NoError => Ok(()),
        code => bail!("flush: {code}"),
    }
}
