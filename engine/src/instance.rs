//! A running instance of a function.

use std::fmt;
use std::time::Duration;

use wasmtime::Store;
use wasmtime::component::TypedFunc;

use crate::batch::{BatchResult, InputBatch};
use crate::check;
use crate::contract;
use crate::deadline;
use crate::error::CallError;
use crate::function::Function;
use crate::guest::{Guest, Phase};
use crate::options::InstanceOptions;
use crate::state::StateAccess;
use crate::trap::{CallLimits, call_error};

pub(crate) type Init = TypedFunc<(contract::InstanceInfo<'static>,), (Result<(), contract::Failure>,)>;
pub(crate) type Process =
    TypedFunc<(contract::InputBatch<'static>,), (Result<contract::BatchResult, contract::Failure>,)>;

/// One instance: linear memory and the state of a function's globals. It belongs to one thread at a time.
pub struct Instance {
    store: Store<Guest>,
    process: Process,
    function: Function,
    output_bytes: usize,
    usable: bool,
}

impl Instance {
    /// Makes an instance and runs its `init`.
    pub(crate) fn start(function: &Function, options: &InstanceOptions) -> Result<Self, CallError> {
        let limits = CallLimits { deadline: options.init_deadline, output_bytes: options.output_bytes };
        let mut store = function.store(options.memory_bytes, &options.log);
        begin(&mut store, Phase::Init, limits);
        let exports = function.exports();
        let made = function.pre().instantiate(&mut store).and_then(|instance| {
            let init: Init = instance.get_typed_func(&mut store, exports.init)?;
            let process: Process = instance.get_typed_func(&mut store, exports.process)?;
            Ok((init, process))
        });
        let (init, process) = match made {
            Ok(made) => made,
            Err(error) => return Err(end(&mut store, error, limits)),
        };
        let answer = init.call(&mut store, (info(function, options),));
        let failed = match answer {
            Ok((Ok(()),)) => None,
            Ok((Err(failure),)) => Some(CallError::Failed(failure.into())),
            Err(error) => Some(end(&mut store, error, limits)),
        };
        store.data_mut().lines.end_call();
        if let Some(error) = failed {
            return Err(error);
        }
        let (function, output_bytes) = (function.clone(), options.output_bytes);
        Ok(Self { store, process, function, output_bytes, usable: true })
    }

    /// Hands a batch to the function. `state` is lent for the duration of the call and given back.
    pub fn process(
        &mut self,
        batch: &InputBatch<'_>,
        state: Box<dyn StateAccess>,
        deadline: Duration,
    ) -> (Result<BatchResult, CallError>, Box<dyn StateAccess>) {
        if !self.usable {
            return (Err(CallError::Unusable), state);
        }
        debug_assert!(check::aligned(batch, self.function.description()), "lists of a batch disagree");
        let limits = CallLimits { deadline, output_bytes: self.output_bytes };
        begin(&mut self.store, Phase::Process, limits);
        let guest = self.store.data_mut();
        (guest.records, guest.keys) = (batch.len(), batch.keys.len());
        // The state is moved out and back rather than borrowed: a store's data outlives any borrow.
        guest.state = Some(state);
        let answer = self.process.call(&mut self.store, (batch.into(),));
        let state = self.store.data_mut().state.take();
        let result = match answer {
            Ok((Ok(result),)) => self.checked(result.into(), batch),
            Ok((Err(failure),)) => Err(CallError::Failed(failure.into())),
            Err(error) => Err(end(&mut self.store, error, limits)),
        };
        self.store.data_mut().lines.end_call();
        self.usable = matches!(result, Ok(_) | Err(CallError::Failed(_)));
        (result, state.unwrap_or_else(|| Box::new(crate::state::NoState)))
    }

    fn checked(&self, result: BatchResult, batch: &InputBatch<'_>) -> Result<BatchResult, CallError> {
        check::result(&result, batch, self.function.description())?;
        Ok(result)
    }

    /// Whether it may be called again: false after any error but [`CallError::Failed`].
    pub fn usable(&self) -> bool {
        self.usable
    }

    /// Bytes of linear memory that it holds.
    pub fn memory_bytes(&self) -> usize {
        self.store.data().memory.used
    }

    /// The function that this is an instance of.
    pub fn function(&self) -> &Function {
        &self.function
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Instance")
            .field("function", &self.function.digest())
            .field("usable", &self.usable)
            .field("memory_bytes", &self.memory_bytes())
            .finish_non_exhaustive()
    }
}

/// Sets the limits of the call that follows.
pub(crate) fn begin(store: &mut Store<Guest>, phase: Phase, limits: CallLimits) {
    let ticks = if store.data().profiled { 1 } else { deadline::ticks(limits.deadline) };
    store.set_epoch_deadline(ticks);
    store.set_hostcall_fuel(limits.output_bytes);
    let guest = store.data_mut();
    guest.until = guest.clock.after(limits.deadline);
    guest.phase = phase;
    guest.panicked = None;
    guest.memory.refused = false;
    guest.writable = limits.output_bytes;
    (guest.records, guest.keys) = (0, 0);
}

/// Why the call that just ended did not return.
pub(crate) fn end(store: &mut Store<Guest>, error: wasmtime::Error, limits: CallLimits) -> CallError {
    store.data_mut().lines.end_call();
    call_error(error, store.data_mut(), limits)
}

fn info<'a>(function: &'a Function, options: &'a InstanceOptions) -> contract::InstanceInfo<'a> {
    contract::InstanceInfo {
        deployment: &options.deployment,
        entity: &options.entity,
        digest: function.digest(),
        settings: options.settings.iter().map(|(name, value)| (name.as_str(), value.into())).collect(),
    }
}
