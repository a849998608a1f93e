//! Stands between the host and the function, and writes down what each call gave. Owns nothing of how records are
//! batched, retried or given up: that is the host's, as in production.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use invoker_core::function::{Description, SettingValue};
use invoker_engine::{BatchResult, CallError, InputBatch, LogLine, StateAccess};
use invoker_host::program::{Processor, Program, StartOptions};

/// A record of one input: index of the input, offset.
pub(super) type Place = (u16, u64);

/// One record that the function sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) from: Place,
    /// Index into the function's outputs.
    pub(super) port: u16,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    /// `None` = that of its source.
    pub(super) timestamp: Option<i64>,
    /// -1 = by key.
    pub(super) partition: i32,
    /// `None` = those of its source, or none, as the function declares.
    pub(super) headers: Option<Vec<(String, Option<Vec<u8>>)>>,
}

/// How calls are made.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Manner {
    /// Every call gets an instance of its own, so that nothing is remembered but state.
    pub(super) fresh: bool,
    /// What the function is told as the host's clock.
    pub(super) now: Option<i64>,
    /// Only the time of calls is kept, not what they gave.
    pub(super) time_only: bool,
}

/// What was written down.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) sent: Vec<Sent>,
    pub(super) lines: Vec<LogLine>,
    pub(super) calls: u64,
    pub(super) records: u64,
    /// Inside the function.
    pub(super) time: Duration,
}

/// A function whose calls are written down.
pub(super) struct Recorder {
    inner: Arc<dyn Program>,
    manner: Manner,
    notes: Arc<Mutex<Notes>>,
}

impl Recorder {
    pub(super) fn new(inner: Arc<dyn Program>, manner: Manner) -> Self {
        Self { inner, manner, notes: Arc::default() }
    }

    pub(super) fn notes(&self) -> Arc<Mutex<Notes>> {
        Arc::clone(&self.notes)
    }
}

pub(super) fn lock(notes: &Mutex<Notes>) -> MutexGuard<'_, Notes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Program for Recorder {
    fn digest(&self) -> &str {
        self.inner.digest()
    }

    fn description(&self) -> &Description {
        self.inner.description()
    }

    fn start(&self, options: StartOptions<'_>) -> Result<Box<dyn Processor>, CallError> {
        let again = Again {
            program: Arc::clone(&self.inner),
            deployment: options.deployment.to_owned(),
            entity: options.entity.to_owned(),
            settings: options.settings.to_vec(),
            memory_bytes: options.memory_bytes,
            output_bytes: options.output_bytes,
            init_deadline: options.init_deadline,
            notes: Arc::clone(&self.notes),
        };
        let inner = again.start()?;
        Ok(Box::new(Recording { inner, again, used: false, manner: self.manner }))
    }
}

/// What an instance is started with, to start another.
struct Again {
    program: Arc<dyn Program>,
    deployment: String,
    entity: String,
    settings: Vec<(String, SettingValue)>,
    memory_bytes: usize,
    output_bytes: usize,
    init_deadline: Duration,
    notes: Arc<Mutex<Notes>>,
}

impl Again {
    fn start(&self) -> Result<Box<dyn Processor>, CallError> {
        let notes = Arc::clone(&self.notes);
        self.program.start(StartOptions {
            deployment: &self.deployment,
            entity: &self.entity,
            settings: &self.settings,
            memory_bytes: self.memory_bytes,
            output_bytes: self.output_bytes,
            init_deadline: self.init_deadline,
            log: Arc::new(move |line| lock(&notes).lines.push(line)),
        })
    }
}

struct Recording {
    inner: Box<dyn Processor>,
    again: Again,
    used: bool,
    manner: Manner,
}

impl Processor for Recording {
    fn process(
        &mut self,
        batch: &InputBatch<'_>,
        state: Box<dyn StateAccess>,
        deadline: Duration,
    ) -> (Result<BatchResult, CallError>, Box<dyn StateAccess>) {
        if self.manner.fresh && self.used {
            match self.again.start() {
                Ok(inner) => self.inner = inner,
                Err(error) => return (Err(error), state),
            }
        }
        self.used = true;
        let batch = InputBatch { now: self.manner.now.unwrap_or(batch.now), ..*batch };
        let began = Instant::now();
        let (result, state) = self.inner.process(&batch, state, deadline);
        let took = began.elapsed();
        let mut notes = lock(&self.again.notes);
        notes.time += took;
        notes.calls += 1;
        if let Ok(result) = &result {
            notes.records += u64::from(result.consumed);
            if !self.manner.time_only {
                notes.add(&batch, result);
            }
        }
        drop(notes);
        (result, state)
    }
}

impl Notes {
    /// What a call gave for its records takes the place of what an earlier one gave, which the host dropped.
    fn add(&mut self, batch: &InputBatch<'_>, result: &BatchResult) {
        let place = |record: usize| {
            let delta = batch.offset_deltas.get(record).copied().unwrap_or_default();
            (batch.input, batch.first_offset + u64::from(delta))
        };
        let done: BTreeSet<Place> = (0..result.consumed as usize).map(place).collect();
        self.sent.retain(|sent| !done.contains(&sent.from));
        let outputs = &result.outputs;
        for (i, &source) in outputs.sources.iter().enumerate() {
            let source = source as usize;
            let own_key = || {
                let key = usize::try_from(batch.key_of.get(source).copied().unwrap_or(-1)).ok()?;
                batch.keys.get(key)
            };
            let key = outputs.keys.as_ref().map_or_else(own_key, |keys| keys.get(i));
            let time = outputs.event_times.get(i).copied().filter(|&time| time != -1);
            self.sent.push(Sent {
                from: place(source),
                port: outputs.ports.get(i).copied().unwrap_or_default(),
                key: key.map(<[u8]>::to_vec),
                value: outputs.values.get(i).map(<[u8]>::to_vec),
                timestamp: time,
                partition: outputs.partitions.get(i).copied().unwrap_or(-1),
                headers: outputs.headers.as_ref().map(|headers| {
                    let pair = |(name, value): (&[u8], Option<&[u8]>)| {
                        (String::from_utf8_lossy(name).into_owned(), value.map(<[u8]>::to_vec))
                    };
                    headers.of(i).map(pair).collect()
                }),
            });
        }
    }
}
