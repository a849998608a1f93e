//! What a lane runs, behind two small traits, so that a lane can be driven by a component or by plain Rust (a
//! baseline of a bench, a simulation).

use std::sync::Arc;
use std::time::Duration;

use invoker_core::function::{Description, SettingValue};
use invoker_engine::{
    BatchResult, CallError, Function, InputBatch, Instance, InstanceOptions, LogLevel, LogLine, StateAccess,
};

/// A function that can be run any number of times, each run an instance of its own.
pub trait Program: Send + Sync {
    /// Content digest, `sha256:…`.
    fn digest(&self) -> &str;
    fn description(&self) -> &Description;
    /// A fresh instance, initialised with its settings.
    fn start(&self, options: StartOptions<'_>) -> Result<Box<dyn Processor>, CallError>;
}

/// What a fresh instance is told.
#[expect(missing_debug_implementations, reason = "settings may be secret")]
pub struct StartOptions<'a> {
    pub deployment: &'a str,
    pub entity: &'a str,
    pub settings: &'a [(String, SettingValue)],
    /// Linear memory, bytes.
    pub memory_bytes: usize,
    /// What one call may return, bytes.
    pub output_bytes: usize,
    pub init_deadline: Duration,
    pub log: Arc<dyn Fn(LogLine) + Send + Sync>,
}

/// One running instance; it belongs to one partition.
pub trait Processor: Send {
    /// Runs one batch. The state is lent for the call and always given back. After any error but
    /// [`CallError::Failed`] the instance must be replaced.
    fn process(
        &mut self,
        batch: &InputBatch<'_>,
        state: Box<dyn StateAccess>,
        deadline: Duration,
    ) -> (Result<BatchResult, CallError>, Box<dyn StateAccess>);
}

impl Program for Function {
    fn digest(&self) -> &str {
        Function::digest(self)
    }

    fn description(&self) -> &Description {
        Function::description(self)
    }

    fn start(&self, options: StartOptions<'_>) -> Result<Box<dyn Processor>, CallError> {
        let instance = self.instantiate(&InstanceOptions {
            deployment: options.deployment.to_owned(),
            entity: options.entity.to_owned(),
            settings: options.settings.to_vec(),
            memory_bytes: options.memory_bytes,
            output_bytes: options.output_bytes,
            init_deadline: options.init_deadline,
            log: options.log,
        })?;
        Ok(Box::new(instance))
    }
}

impl Processor for Instance {
    fn process(
        &mut self,
        batch: &InputBatch<'_>,
        state: Box<dyn StateAccess>,
        deadline: Duration,
    ) -> (Result<BatchResult, CallError>, Box<dyn StateAccess>) {
        Instance::process(self, batch, state, deadline)
    }
}

/// A line that a function logged, as an event of ours.
pub(crate) fn trace(entity: &str, partition: u32, line: &LogLine) {
    let (record, message) = (line.record, line.message.as_str());
    match line.level {
        LogLevel::Trace => tracing::trace!(target: "function", entity, partition, record, "{message}"),
        LogLevel::Debug => tracing::debug!(target: "function", entity, partition, record, "{message}"),
        LogLevel::Info => tracing::info!(target: "function", entity, partition, record, "{message}"),
        LogLevel::Warn => tracing::warn!(target: "function", entity, partition, record, "{message}"),
        LogLevel::Error => tracing::error!(target: "function", entity, partition, record, "{message}"),
    }
}
