//! One instance of a function: takes a batch apart, gives it to the function record by record, and puts together the
//! result. A failed record is taken back: nothing of it stays in the outputs or the states.

use crate::bindings::invoker::udf::types::{BatchResult, Failure, InputBatch, Reject, SettingValue};
use crate::call::Call;
use crate::column::end;
use crate::error::Result;
use crate::function::{Parts, Process};
use crate::record::{Batch, Record};
use crate::setting;
use std::fmt;
use std::mem;
use std::rc::Rc;

/// A call ends early when it has sent so much: the host calls again for the rest, and neither side holds too much.
const OUTPUT_BYTES: usize = 8 << 20;

/// A function that is ready for batches.
#[doc(hidden)]
pub struct Instance<F> {
    function: F,
    call: Rc<Call>,
    /// Per state, whether the host hands it over with the batch.
    prefetched: Vec<bool>,
}

/// How far a call came.
struct Progress {
    consumed: usize,
    stopped: Option<Failure>,
    rejects: Vec<Reject>,
}

impl<F: Process> Instance<F> {
    /// Checks the settings, puts the function together and starts it.
    pub fn new(settings: Vec<(String, SettingValue)>) -> Result<Self, Failure> {
        Self::start(settings).map_err(|error| error.into_failure())
    }

    fn start(settings: Vec<(String, SettingValue)>) -> Result<Self> {
        let description = F::describe();
        let mut parts = Parts::new(description.headers, settings);
        let mut function = F::build(&mut parts)?;
        setting::refuse_rest(&parts.settings)?;
        function.start()?;
        let prefetched = description.states.iter().map(|state| state.prefetch).collect();
        Ok(Self { function, call: parts.call, prefetched })
    }

    /// Does what it can of a batch. An error means that nothing of the call counts.
    pub fn process(&mut self, mut input: InputBatch) -> Result<BatchResult, Failure> {
        self.begin_states(&mut input);
        let batch = Rc::new(Batch { input });
        self.call.outputs.borrow_mut().begin(Rc::clone(&batch));
        let Progress { consumed, stopped, rejects } = self.run(&batch);
        self.call.leave();
        let mut states = Vec::new();
        let mut failed = Ok(());
        self.function.states(&mut |state| match state.finish() {
            Ok(update) => states.extend(update),
            Err(error) => failed = Err(error),
        });
        let outputs = self.call.outputs.borrow_mut().finish();
        failed.map_err(|error| error.into_failure())?;
        Ok(BatchResult { consumed: consumed as u32, stopped, outputs, states, rejects })
    }

    fn begin_states(&mut self, input: &mut InputBatch) {
        let keys = input.keys.ends.len();
        let mut columns = mem::take(&mut input.states).into_iter();
        let mut prefetched = self.prefetched.iter();
        self.function.states(&mut |state| {
            let column = prefetched.next().filter(|&&prefetched| prefetched).and_then(|_| columns.next());
            state.begin(keys, column);
        });
    }

    fn run(&mut self, batch: &Batch) -> Progress {
        let mut progress = Progress { consumed: 0, stopped: None, rejects: Vec::new() };
        let input = &batch.input;
        let records = input.offset_deltas.len();
        let mut start = 0;
        for (index, (&raw, &key)) in input.values.ends.iter().zip(&input.key_of).enumerate().take(records) {
            let stop = end(raw);
            let value = if raw < 0 { None } else { input.values.data.get(start..stop) };
            start = stop;
            self.call.enter(index as u32, key);
            if let Err(error) = self.function.process(Record::new(batch, index, value)) {
                self.undo(index as u32);
                if error.is_transient() {
                    progress.stopped = Some(error.into_failure());
                    break;
                }
                progress.rejects.push(Reject { record: index as u32, failure: error.into_failure() });
            }
            progress.consumed = index + 1;
            if self.call.outputs.borrow().bytes() >= OUTPUT_BYTES {
                break;
            }
        }
        progress
    }

    #[cold]
    fn undo(&mut self, record: u32) {
        self.call.outputs.borrow_mut().undo();
        self.function.states(&mut |state| state.undo(record));
    }
}

impl<F> fmt::Debug for Instance<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance").field("prefetched", &self.prefetched).finish_non_exhaustive()
    }
}
