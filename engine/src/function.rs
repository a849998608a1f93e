//! A loaded function.

use std::fmt;
use std::sync::Arc;

use invoker_core::function::Description;
use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, InstancePre};

use crate::engine::Engine;
use crate::error::CallError;
use crate::guest::Guest;
use crate::instance::Instance;
use crate::load::Facts;
use crate::log::LogLine;
use crate::options::InstanceOptions;

/// A component that was checked, compiled and described. A cheap handle.
#[derive(Clone)]
pub struct Function {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    pre: InstancePre<Guest>,
    exports: Exports,
    digest: String,
    facts: Facts,
    description: Arc<Description>,
}

/// Where a component keeps the functions of the contract.
#[derive(Clone, Copy)]
pub(crate) struct Exports {
    pub(crate) describe: ComponentExportIndex,
    pub(crate) init: ComponentExportIndex,
    pub(crate) process: ComponentExportIndex,
}

impl Function {
    pub(crate) fn new(
        engine: Engine,
        pre: InstancePre<Guest>,
        exports: Exports,
        digest: String,
        facts: Facts,
        description: Description,
    ) -> Self {
        let description = Arc::new(description);
        Self { inner: Arc::new(Inner { engine, pre, exports, digest, facts, description }) }
    }

    /// `sha256:` and the hexadecimal digest of the component's bytes.
    pub fn digest(&self) -> &str {
        &self.inner.digest
    }

    pub fn description(&self) -> &Arc<Description> {
        &self.inner.description
    }

    /// Names of the interfaces that the component imports, with their versions.
    pub fn imports(&self) -> &[String] {
        &self.inner.facts.imports
    }

    /// Version of the contract that the component was built for.
    pub fn contract_version(&self) -> &str {
        &self.inner.facts.version
    }

    /// Bytes of the component.
    pub fn size(&self) -> usize {
        self.inner.facts.size
    }

    /// The language that it was written in, as its producers section says: `Rust 1.95.0`.
    pub fn language(&self) -> Option<&str> {
        self.inner.facts.language.as_deref()
    }

    /// What made its bindings, as its producers section says: `wit-bindgen-rust 0.61.1`.
    pub fn sdk(&self) -> Option<&str> {
        self.inner.facts.sdk.as_deref()
    }

    /// Makes an instance and runs its `init` with the settings.
    pub fn instantiate(&self, options: &InstanceOptions) -> Result<Instance, CallError> {
        Instance::start(self, options)
    }

    pub(crate) fn store(
        &self,
        memory_bytes: usize,
        log: &Arc<dyn Fn(LogLine) + Send + Sync>,
    ) -> Store<Guest> {
        self.inner.engine.store(memory_bytes, Arc::clone(log), Arc::clone(&self.inner.description))
    }

    pub(crate) fn pre(&self) -> &InstancePre<Guest> {
        &self.inner.pre
    }

    pub(crate) fn exports(&self) -> Exports {
        self.inner.exports
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function").field("digest", &self.inner.digest).finish_non_exhaustive()
    }
}
