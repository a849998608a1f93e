//! A loaded function.

use std::sync::Arc;

use invoker_core::function::Description;

use crate::error::CallError;
use crate::instance::Instance;
use crate::options::InstanceOptions;

/// A component that was checked, compiled and described. A cheap handle.
#[derive(Clone, Debug)]
pub struct Function {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    digest: String,
    description: Arc<Description>,
    imports: Vec<String>,
    size: usize,
    language: Option<String>,
    sdk: Option<String>,
}

impl Function {
    /// `sha256:` and the hexadecimal digest of the component's bytes.
    pub fn digest(&self) -> &str {
        &self.inner.digest
    }

    pub fn description(&self) -> &Arc<Description> {
        &self.inner.description
    }

    /// Names of the interfaces that the component imports.
    pub fn imports(&self) -> &[String] {
        &self.inner.imports
    }

    /// Bytes of the component.
    pub fn size(&self) -> usize {
        self.inner.size
    }

    /// The language that it was written in, as its producers section says: `Rust 1.95.0`.
    pub fn language(&self) -> Option<&str> {
        self.inner.language.as_deref()
    }

    /// What made its bindings, as its producers section says: `wit-bindgen-rust 0.61.1`.
    pub fn sdk(&self) -> Option<&str> {
        self.inner.sdk.as_deref()
    }

    /// Makes an instance and runs its `init` with the settings.
    pub fn instantiate(&self, _options: &InstanceOptions) -> Result<Instance, CallError> {
        Err(CallError::Unusable)
    }
}
