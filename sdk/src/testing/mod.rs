//! Runs a function natively, in `cargo test`, against an in-memory host: records in, outputs, rejects and state out.
//!
//! ```
//! use invoker_sdk::prelude::*;
//! use invoker_sdk::testing::{Test, record};
//!
//! /// Counts how often each word came.
//! #[function]
//! fn count(_: Record<'_>, total: &mut Value<u64>, counts: &mut Output<u64>) -> Result {
//!     let total = total.or_default()?;
//!     *total += 1;
//!     counts.send(*total)
//! }
//!
//! # fn main() {
//! let mut test = Test::<count>::new();
//! let outcome = test.process([record("").key("a"), record("").key("b"), record("").key("a")]);
//! assert_eq!(outcome.pairs("counts"), [("a", "1"), ("b", "1"), ("a", "2")]);
//! assert_eq!(test.state_text("total", "a").as_deref(), Some("2"));
//! # }
//! ```

pub(crate) mod host;
mod outcome;
mod record;
mod store;

#[cfg(feature = "json")]
mod cases;

#[cfg(feature = "json")]
pub use cases::check_cases;
pub use host::LogLine;
pub use outcome::{Outcome, Rejected, Sent};
pub use record::{Incoming, record};

pub use crate::bindings::invoker::udf::types::SettingValue;
pub use crate::logging::Level;

use crate::bindings::invoker::udf::types::{BatchResult, Description, InputBatch, StateKind};
use crate::error::{Error, Result};
use crate::function::Process;
use crate::instance::Instance;
use host::Context;
use std::fmt;
use std::time::Duration;

/// One instance of a function with a store of its own.
///
/// Wrong use, such as a state that the function does not declare, panics: this is for tests.
pub struct Test<F> {
    instance: Instance<F>,
    description: Description,
    context: Context,
    offset: u64,
    partition: u32,
    watermark: Option<i64>,
    attempt: u32,
    batch: usize,
}

#[expect(clippy::panic, reason = "a test that is wrong should say so and stop")]
impl<F: Process> Test<F> {
    /// With no setting given. Panics where the function needs one.
    pub fn new() -> Self {
        Self::with(Vec::<(String, SettingValue)>::new())
    }

    /// With these settings: `Test::<f>::with([("every", 10.into()), ("prefix", "> ".into())])`.
    pub fn with<N: Into<String>>(settings: impl IntoIterator<Item = (N, SettingValue)>) -> Self {
        match Self::start(settings) {
            Ok(test) => test,
            Err(error) => panic!("the function does not start: {error:?}"),
        }
    }

    /// The same, with the error that the function or its settings gave.
    pub fn start<N: Into<String>>(settings: impl IntoIterator<Item = (N, SettingValue)>) -> Result<Self> {
        let settings = settings.into_iter().map(|(name, value)| (name.into(), value)).collect();
        let description = F::describe();
        let instance =
            Instance::new(settings).map_err(|failure| Error::reject(failure.code, failure.message))?;
        let context = Context::new(description.states.clone());
        let partition = 0;
        Ok(Self {
            instance,
            description,
            context,
            offset: 0,
            partition,
            watermark: None,
            attempt: 0,
            batch: 1024,
        })
    }

    /// Hands over records. Those of one input that stand next to each other come in one batch, as they would from the host.
    #[track_caller]
    pub fn process<R: Into<Incoming>>(&mut self, records: impl IntoIterator<Item = R>) -> Outcome {
        let records: Vec<Incoming> = records.into_iter().map(Into::into).collect();
        let mut outcome = Outcome::default();
        let mut done = 0;
        while let Some(first) = records.get(done) {
            let batch =
                records.iter().skip(done).take(self.batch).take_while(|record| record.input == first.input);
            let batch: Vec<&Incoming> = batch.collect();
            let result = self.call(&batch);
            outcome.add(done, &batch, &result, &self.description);
            done += result.consumed as usize;
            self.offset += u64::from(result.consumed);
            if result.stopped.is_some() {
                break;
            }
            assert!(result.consumed > 0, "the function consumed nothing and did not say why");
        }
        outcome
    }

    fn call(&mut self, records: &[&Incoming]) -> BatchResult {
        let input = self.batch(records);
        let before = self.context.store.clone();
        self.context.begin(&input.keys);
        let instance = &mut self.instance;
        let result = host::with(&mut self.context, || instance.process(input));
        match result {
            Ok(result) => {
                result.states.iter().for_each(|update| self.context.apply(update));
                result
            }
            Err(failure) => {
                self.context.store = before;
                panic!("the function failed the whole batch: {} {}", failure.code, failure.message);
            }
        }
    }

    /// The same number of records in a batch as the host gives at most: 1024 unless said otherwise.
    pub fn set_batch(&mut self, records: usize) {
        self.batch = records.max(1);
    }

    /// The host's wall clock, in milliseconds since the Unix epoch; it stands still otherwise.
    pub fn set_now(&mut self, milliseconds: i64) {
        self.context.now = milliseconds;
    }

    /// Lets time pass, so that states with a time to live run out.
    pub fn advance(&mut self, time: Duration) {
        self.context.now += i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    }

    /// The watermark that comes with the next records.
    pub fn set_watermark(&mut self, milliseconds: Option<i64>) {
        self.watermark = milliseconds;
    }

    /// How often the next batch's first record was tried before.
    pub fn set_attempt(&mut self, attempt: u32) {
        self.attempt = attempt;
    }

    /// The partition that the next records come from.
    pub fn set_partition(&mut self, partition: u32) {
        self.partition = partition;
    }

    /// What a value state holds for a key, as stored.
    pub fn state(&self, name: &str, key: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        self.context.value(self.index(name), key.as_ref())
    }

    /// The same as text.
    pub fn state_text(&self, name: &str, key: impl AsRef<[u8]>) -> Option<String> {
        self.state(name, key).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What a map state holds in a field of a key, as stored.
    pub fn field(&self, name: &str, key: impl AsRef<[u8]>, field: impl AsRef<[u8]>) -> Option<Vec<u8>> {
        self.context.field(self.index(name), key.as_ref(), field.as_ref())
    }

    /// The same as text.
    pub fn field_text(&self, name: &str, key: impl AsRef<[u8]>, field: impl AsRef<[u8]>) -> Option<String> {
        self.field(name, key, field).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Puts a stored value into a value state.
    pub fn put_state(&mut self, name: &str, key: impl AsRef<[u8]>, stored: impl AsRef<[u8]>) {
        let state = self.index(name);
        self.context.put(state, key.as_ref(), Some(stored.as_ref()));
    }

    /// Puts a stored value into a field of a map state.
    pub fn put_field(
        &mut self,
        name: &str,
        key: impl AsRef<[u8]>,
        field: impl AsRef<[u8]>,
        stored: impl AsRef<[u8]>,
    ) {
        let state = self.index(name);
        self.context.put_field(state, key.as_ref(), field.as_ref(), Some(stored.as_ref()));
    }

    /// What the function has logged so far.
    pub fn logs(&self) -> &[LogLine] {
        &self.context.logs
    }

    fn index(&self, name: &str) -> u16 {
        match self.description.states.iter().position(|state| state.name == name) {
            Some(index) => index as u16,
            None => panic!("the function declares no state \"{name}\""),
        }
    }

    fn batch(&self, records: &[&Incoming]) -> InputBatch {
        let position =
            |name: &String| match self.description.inputs.iter().position(|input| input.name == *name) {
                Some(index) => index as u16,
                None => panic!("the function declares no input \"{name}\""),
            };
        let input = records.first().and_then(|record| record.input.as_ref()).map_or(0, position);
        let (keys, key_of) = record::keys(records);
        let prefetched = self.description.states.iter().enumerate();
        let prefetched = prefetched.filter(|(_, state)| state.kind == StateKind::Value && state.prefetch);
        let states = prefetched.map(|(index, _)| self.context.prefetch(index as u16, &keys)).collect();
        InputBatch {
            input,
            partition: self.partition,
            first_offset: self.offset,
            offset_deltas: (0..records.len() as u32).collect(),
            event_times: records.iter().map(|record| record.timestamp.unwrap_or(-1)).collect(),
            watermark: self.watermark,
            now: self.context.now,
            attempt: self.attempt,
            keys,
            key_of,
            values: record::values(records),
            headers: record::headers(records, self.description.headers),
            states,
        }
    }
}

impl<F: Process> Default for Test<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F> fmt::Debug for Test<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Test").field("offset", &self.offset).finish_non_exhaustive()
    }
}

macro_rules! settings {
    ($($type:ty, $kind:ident;)*) => {$(
        impl From<$type> for SettingValue {
            fn from(value: $type) -> Self {
                Self::$kind(value.into())
            }
        }
    )*};
}

settings! {
    &str, Text;
    String, Text;
    i32, Integer;
    i64, Integer;
    f64, Number;
    bool, Boolean;
}
