//! The calls of librdkafka that the crate does not offer: taking records in batches, and writing them with time and
//! headers without an allocation each. The one file of this folder that is unsafe.

#![expect(unsafe_code, reason = "calls into librdkafka, each with its proof")]

use std::ffi::{CStr, CString, c_void};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;
use std::time::Duration;

use invoker_core::records::{HeaderColumns, RecordBatch, RecordRef};
use rdkafka::bindings as sys;
use rdkafka::consumer::Consumer as _;
use rdkafka::producer::{BaseProducer, Producer as _};
use rdkafka::types::RDKafkaErrorCode;

use super::Client;
use super::context::Context;

fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}

/// The queue that all assigned partitions of a consumer feed.
pub(super) struct Queue {
    queue: NonNull<sys::rd_kafka_queue_t>,
    /// What librdkafka logs, which it would print itself when it meets it among records.
    lines: NonNull<sys::rd_kafka_queue_t>,
    taken: Vec<*mut sys::rd_kafka_message_t>,
    /// Must outlive the queues.
    client: Arc<Client>,
}

// SAFETY: librdkafka's queues may be used from any thread; the pointers in `taken` are null between calls.
unsafe impl Send for Queue {}

impl Queue {
    /// `None` = the client has no consumer queue, which no consumer lacks.
    pub(super) fn of(client: &Arc<Client>, most: usize) -> Option<Self> {
        let native = client.client().native_ptr();
        // SAFETY: the client lives as long as `client`, which this keeps; the call returns a new reference or null.
        let queue = NonNull::new(unsafe { sys::rd_kafka_queue_get_consumer(native) })?;
        // SAFETY: as above; the call returns a new queue.
        let lines = NonNull::new(unsafe { sys::rd_kafka_queue_new(native) })?;
        // SAFETY: both are alive; librdkafka takes a reference of its own.
        unsafe { sys::rd_kafka_set_log_queue(native, lines.as_ptr()) };
        Some(Self { queue, lines, taken: vec![ptr::null_mut(); most], client: client.clone() })
    }

    /// Hands on what librdkafka logged.
    pub(super) fn hear(&self) {
        // SAFETY: the queue is alive; the event returned is ours until it is destroyed.
        while let Some(event) = NonNull::new(unsafe { sys::rd_kafka_queue_poll(self.lines.as_ptr(), 0) }) {
            let (mut facility, mut text, mut level) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the event is alive; if it is a line of the log, what is written are C strings that live as long.
            unsafe {
                let found =
                    sys::rd_kafka_event_log(event.as_ptr(), &raw mut facility, &raw mut text, &raw mut level);
                if found == 0 {
                    let (facility, text) =
                        (CStr::from_ptr(facility).to_string_lossy(), CStr::from_ptr(text).to_string_lossy());
                    self.client.context().line(level, &facility, &text);
                }
                sys::rd_kafka_event_destroy(event.as_ptr());
            }
        }
    }

    /// Waits for a first message, then takes what is there.
    pub(super) fn take(&mut self, wait: Duration, mut into: impl FnMut(Message)) {
        if !wait.is_zero() {
            // A batch call would wait until the batch is full.
            // SAFETY: the queue is alive; the message returned is ours.
            match Message::new(unsafe { sys::rd_kafka_consume_queue(self.queue.as_ptr(), millis(wait)) }) {
                Some(message) => into(message),
                None => return,
            }
        }
        // SAFETY: `taken` has room for as many pointers as are asked for; what is written there is ours.
        let count = unsafe {
            sys::rd_kafka_consume_batch_queue(
                self.queue.as_ptr(),
                0,
                self.taken.as_mut_ptr(),
                self.taken.len(),
            )
        };
        for place in self.taken.iter_mut().take(usize::try_from(count).unwrap_or(0)) {
            Message::new(std::mem::replace(place, ptr::null_mut())).into_iter().for_each(&mut into);
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the client is alive, and goes on without the queue of lines; each reference that `of` got is given back
        // once.
        unsafe {
            sys::rd_kafka_set_log_queue(self.client.client().native_ptr(), ptr::null_mut());
            sys::rd_kafka_queue_destroy(self.lines.as_ptr());
            sys::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

/// What came from a partition: a record, its end, or trouble. It keeps the response alive that it lies in.
pub(super) struct Message(NonNull<sys::rd_kafka_message_t>);

// SAFETY: a message belongs to whoever took it, on whatever thread.
unsafe impl Send for Message {}

impl Message {
    fn new(message: *mut sys::rd_kafka_message_t) -> Option<Self> {
        NonNull::new(message).map(Self)
    }

    fn get(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: the message lives until it is destroyed, in `drop`.
        unsafe { self.0.as_ref() }
    }

    /// `None` for a record.
    pub(super) fn error(&self) -> Option<RDKafkaErrorCode> {
        match RDKafkaErrorCode::from(self.get().err) {
            RDKafkaErrorCode::NoError => None,
            code => Some(code),
        }
    }

    /// Stands for the topic, the same for all messages of one source; 0 = of no topic.
    pub(super) fn topic_id(&self) -> usize {
        self.get().rkt as usize
    }

    pub(super) fn topic(&self) -> String {
        if self.get().rkt.is_null() {
            return String::new();
        }
        // SAFETY: the topic handle lives as long as the message; its name is a C string.
        let name = unsafe { CStr::from_ptr(sys::rd_kafka_topic_name(self.get().rkt)) };
        name.to_string_lossy().into_owned()
    }

    pub(super) fn partition(&self) -> i32 {
        self.get().partition
    }

    pub(super) fn offset(&self) -> i64 {
        self.get().offset
    }

    /// What is said about the trouble.
    pub(super) fn text(&self) -> String {
        // SAFETY: an error message's payload, if any, is a C string; the call looks at it and at `err` only.
        let text = unsafe { sys::rd_kafka_message_errstr(self.0.as_ptr()) };
        // SAFETY: the call returns null or a C string that lives as long as the message.
        NonNull::new(text.cast_mut()).map_or_else(String::new, |text| unsafe {
            CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned()
        })
    }

    /// Bytes of key and value.
    pub(super) fn bytes(&self) -> usize {
        self.get().len + self.get().key_len
    }

    /// Appends the record.
    pub(super) fn copy_to(&self, batch: &mut RecordBatch) {
        let message = self.get();
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: the message is alive; the kind is written to a place of ours.
        let timestamp = unsafe { sys::rd_kafka_message_timestamp(message, &raw mut kind) };
        batch.offsets.push(message.offset as u64);
        batch.timestamps.push(timestamp);
        // SAFETY: key and payload are null or hold as many bytes as is said, while the message lives.
        unsafe {
            batch.keys.push(bytes(message.key, message.key_len));
            batch.values.push(bytes(message.payload, message.len));
        }
        self.copy_headers(&mut batch.headers);
    }

    fn copy_headers(&self, into: &mut HeaderColumns) {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is alive; the headers stay its own.
        let found = unsafe { sys::rd_kafka_message_headers(self.0.as_ptr(), &raw mut headers) };
        if RDKafkaErrorCode::from(found) == RDKafkaErrorCode::NoError {
            for at in 0.. {
                let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
                // SAFETY: `headers` is alive; what is written are pointers into it. Past the last one it says so.
                let found = unsafe {
                    sys::rd_kafka_header_get_all(headers, at, &raw mut name, &raw mut value, &raw mut size)
                };
                if RDKafkaErrorCode::from(found) != RDKafkaErrorCode::NoError {
                    break;
                }
                // SAFETY: a name is a C string, a value null or as long as is said.
                unsafe {
                    into.names.push(Some(CStr::from_ptr(name).to_bytes()));
                    into.values.push(bytes(value.cast_mut(), size));
                }
            }
        }
        into.ends.push(into.names.len() as u32);
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: it was taken from a queue and is destroyed once.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

/// # Safety
/// `data` is null or points at `len` bytes that live for `'a`.
unsafe fn bytes<'a>(data: *mut c_void, len: usize) -> Option<&'a [u8]> {
    // SAFETY: as the caller says.
    (!data.is_null()).then(|| unsafe { slice::from_raw_parts(data.cast::<u8>().cast_const(), len) })
}

/// A topic that a producer writes to.
pub(super) struct Topic(NonNull<sys::rd_kafka_topic_t>);

// SAFETY: topic handles may be used from any thread.
unsafe impl Send for Topic {}

impl Topic {
    /// It must be dropped before its producer is.
    pub(super) fn open(producer: &BaseProducer<Context>, name: &str) -> Option<Self> {
        let name = CString::new(name).ok()?;
        // SAFETY: the producer is alive, the name is copied, and no configuration means the producer's own.
        let topic = unsafe {
            sys::rd_kafka_topic_new(producer.client().native_ptr(), name.as_ptr(), ptr::null_mut())
        };
        NonNull::new(topic).map(Self)
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: the reference that `open` got, given back once.
        unsafe { sys::rd_kafka_topic_destroy(self.0.as_ptr()) }
    }
}

/// Hands a copy of the record to the producer's queue.
pub(super) fn produce(
    producer: &BaseProducer<Context>,
    topic: &Topic,
    partition: u32,
    record: RecordRef<'_>,
) -> Result<(), RDKafkaErrorCode> {
    use sys::rd_kafka_vtype_t as Kind;
    let memory = |bytes: Option<&[u8]>| sys::rd_kafka_vu_s__bindgen_ty_1 {
        mem: sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
            ptr: bytes.map_or(ptr::null_mut(), |bytes| bytes.as_ptr().cast_mut().cast()),
            size: bytes.map_or(0, <[u8]>::len),
        },
    };
    let headers = headers(record);
    let fields = [
        (Kind::RD_KAFKA_VTYPE_RKT, sys::rd_kafka_vu_s__bindgen_ty_1 { rkt: topic.0.as_ptr() }),
        (Kind::RD_KAFKA_VTYPE_PARTITION, sys::rd_kafka_vu_s__bindgen_ty_1 { i32_: partition as i32 }),
        (Kind::RD_KAFKA_VTYPE_MSGFLAGS, sys::rd_kafka_vu_s__bindgen_ty_1 { i: sys::RD_KAFKA_MSG_F_COPY }),
        (Kind::RD_KAFKA_VTYPE_KEY, memory(record.key)),
        (Kind::RD_KAFKA_VTYPE_VALUE, memory(record.value)),
        // Zero means now.
        (Kind::RD_KAFKA_VTYPE_TIMESTAMP, sys::rd_kafka_vu_s__bindgen_ty_1 { i64_: record.timestamp.max(0) }),
        (Kind::RD_KAFKA_VTYPE_HEADERS, sys::rd_kafka_vu_s__bindgen_ty_1 { headers }),
    ];
    let fields = fields.map(|(vtype, u)| sys::rd_kafka_vu_t { vtype, u });
    let count = if headers.is_null() { fields.len() - 1 } else { fields.len() };
    // SAFETY: producer and topic are alive and belong together; key and value live for the call and are copied by it.
    let error = unsafe { sys::rd_kafka_produceva(producer.client().native_ptr(), fields.as_ptr(), count) };
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: an error that the call returned is ours to destroy; headers stay ours when it fails.
    unsafe {
        let code = sys::rd_kafka_error_code(error);
        sys::rd_kafka_error_destroy(error);
        if !headers.is_null() {
            sys::rd_kafka_headers_destroy(headers);
        }
        Err(code.into())
    }
}

/// The headers of a record; null where it has none.
fn headers(record: RecordRef<'_>) -> *mut sys::rd_kafka_headers_t {
    if record.headers.is_empty() {
        return ptr::null_mut();
    }
    // SAFETY: a new list; each name and value lives for the call, which copies it.
    unsafe {
        let headers = sys::rd_kafka_headers_new(record.headers.len());
        for (name, value) in record.headers {
            let (data, size) = value.map_or((ptr::null(), 0), |value| (value.as_ptr(), value.len()));
            sys::rd_kafka_header_add(
                headers,
                name.as_ptr().cast(),
                name.len() as isize,
                data.cast(),
                size as isize,
            );
        }
        headers
    }
}

/// Returns when everything written was acknowledged or has failed; false = it took too long.
pub(super) fn flush(producer: &BaseProducer<Context>, wait: Duration) -> bool {
    // SAFETY: the producer is alive. Without reports of success nothing has to be served meanwhile.
    let result = unsafe { sys::rd_kafka_flush(producer.client().native_ptr(), millis(wait)) };
    RDKafkaErrorCode::from(result) == RDKafkaErrorCode::NoError
}

/// Drops what was written and not sent.
pub(super) fn purge(producer: &BaseProducer<Context>) {
    // SAFETY: the producer is alive.
    unsafe { sys::rd_kafka_purge(producer.client().native_ptr(), sys::RD_KAFKA_PURGE_F_QUEUE) };
}

/// The id of a topic's incarnation; `None` where Kafka gives none.
pub(super) fn topic_id(
    client: &Client,
    topic: &str,
    wait: Duration,
) -> Result<Option<String>, RDKafkaErrorCode> {
    let Ok(name) = CString::new(topic) else { return Ok(None) };
    let native = client.client().native_ptr();
    // SAFETY: the client is alive; names and options are copied by the calls, and what is made is destroyed below, once.
    let event = unsafe {
        let queue = sys::rd_kafka_queue_new(native);
        let options = sys::rd_kafka_AdminOptions_new(
            native,
            sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS,
        );
        sys::rd_kafka_AdminOptions_set_request_timeout(options, millis(wait), ptr::null_mut(), 0);
        let topics = sys::rd_kafka_TopicCollection_of_topic_names([name.as_ptr()].as_mut_ptr(), 1);
        sys::rd_kafka_DescribeTopics(native, topics, options, queue);
        let event = sys::rd_kafka_queue_poll(queue, millis(wait));
        sys::rd_kafka_TopicCollection_destroy(topics);
        sys::rd_kafka_AdminOptions_destroy(options);
        sys::rd_kafka_queue_destroy(queue);
        event
    };
    let event = Event(NonNull::new(event).ok_or(RDKafkaErrorCode::OperationTimedOut)?);
    event.topic_id()
}

/// The answer to a question to Kafka.
struct Event(NonNull<sys::rd_kafka_event_t>);

impl Event {
    fn topic_id(&self) -> Result<Option<String>, RDKafkaErrorCode> {
        // SAFETY: the event is alive.
        match RDKafkaErrorCode::from(unsafe { sys::rd_kafka_event_error(self.0.as_ptr()) }) {
            RDKafkaErrorCode::NoError => {}
            code => return Err(code),
        }
        let mut count = 0;
        // SAFETY: the event is alive, and what its parts point at lives as long; a result that it is not is null. The
        // list holds `count` topics.
        unsafe {
            let result = sys::rd_kafka_event_DescribeTopics_result(self.0.as_ptr());
            if result.is_null() {
                return Ok(None);
            }
            let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
            if count == 0 {
                return Ok(None);
            }
            let error = sys::rd_kafka_TopicDescription_error(*topics);
            match RDKafkaErrorCode::from(sys::rd_kafka_error_code(error)) {
                RDKafkaErrorCode::NoError => {}
                RDKafkaErrorCode::UnknownTopicOrPartition => return Ok(None),
                code => return Err(code),
            }
            let id = sys::rd_kafka_TopicDescription_topic_id(*topics);
            // Brokers that know no ids say zero.
            if sys::rd_kafka_Uuid_most_significant_bits(id) == 0
                && sys::rd_kafka_Uuid_least_significant_bits(id) == 0
            {
                return Ok(None);
            }
            let text = CStr::from_ptr(sys::rd_kafka_Uuid_base64str(id));
            Ok(Some(text.to_string_lossy().into_owned()))
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: it was taken from a queue and is destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}
