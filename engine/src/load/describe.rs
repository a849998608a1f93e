//! Asks a component to describe itself, in a sandbox: an instance of its own with a deadline, little memory and no
//! state.

use std::sync::{Arc, Mutex, PoisonError};

use invoker_core::function::Description;
use wasmtime::component::{InstancePre, TypedFunc};

use crate::contract;
use crate::engine::Engine;
use crate::function::Exports;
use crate::guest::{Guest, Phase};
use crate::instance::{Init, Process, begin, end};
use crate::load::description;
use crate::load::error::{DescribeError, LoadError};
use crate::log::LogLine;
use crate::trap::CallLimits;

/// What a description may take, bytes.
const DESCRIPTION_BYTES: usize = 4 << 20;

type Describe = TypedFunc<(), (contract::Description,)>;

pub(crate) fn describe(
    engine: &Engine,
    pre: &InstancePre<Guest>,
    exports: Exports,
) -> Result<Description, LoadError> {
    let options = engine.options();
    let limits = CallLimits { deadline: options.describe_deadline, output_bytes: DESCRIPTION_BYTES };
    let memory = options.describe_memory_bytes;
    let said = Said::default();
    let mut store = engine.store(memory, said.sink(), Arc::new(Description::default()));
    begin(&mut store, Phase::Describe, limits);
    let ended = |error| LoadError::Describe(DescribeError::Ended { error, said: said.lines() });
    let instance = match pre.instantiate(&mut store) {
        Ok(instance) => instance,
        Err(error) => return Err(ended(end(&mut store, error, limits))),
    };
    let wrong_type = |error: wasmtime::Error| LoadError::ExportType { message: format!("{error:#}") };
    let describe: Describe = instance.get_typed_func(&mut store, exports.describe).map_err(wrong_type)?;
    let _: Init = instance.get_typed_func(&mut store, exports.init).map_err(wrong_type)?;
    let _: Process = instance.get_typed_func(&mut store, exports.process).map_err(wrong_type)?;
    let description = match describe.call(&mut store, ()) {
        Ok((description,)) => Description::from(description),
        Err(error) => return Err(ended(end(&mut store, error, limits))),
    };
    description::check(&description).map_err(|error| LoadError::Describe(error.into()))?;
    Ok(description)
}

/// The first lines that it writes.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<String>>>);

impl Said {
    const LINES: usize = 8;

    fn sink(&self) -> Arc<dyn Fn(LogLine) + Send + Sync> {
        let said = self.clone();
        Arc::new(move |line| {
            let mut lines = said.0.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() < Self::LINES {
                // One line of a message each: what was written may hold line ends.
                lines.push(line.message.replace(char::is_control, " "));
            }
        })
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
