//! From bytes to a function: checks in the order in which an author would want to hear of them, compiles, describes.

mod binary;
mod describe;
mod description;
mod error;

pub(crate) use binary::Facts;
pub use description::DescriptionError;
pub use error::{DescribeError, LoadError};

use invoker_core::function::Description;
use sha2::{Digest, Sha256};
use wasmtime::component::{Component, InstancePre};

use crate::contract::FUNCTION;
use crate::engine::Engine;
use crate::function::{Exports, Function};
use crate::guest::Guest;

pub(crate) fn load(engine: &Engine, bytes: &[u8]) -> Result<Function, LoadError> {
    let digest = hex(&Sha256::digest(bytes));
    if let Some(entry) = engine.cache().and_then(|cache| cache.get(engine.wasmtime(), &digest)) {
        let (pre, exports) = link(engine, &entry.component, &entry.facts)?;
        return Ok(function(engine, pre, exports, &digest, entry.facts, entry.description));
    }
    let facts = binary::read(bytes)?;
    let component = Component::from_binary(engine.wasmtime(), bytes)
        .map_err(|error| LoadError::Invalid { message: format!("{error:#}") })?;
    let (pre, exports) = link(engine, &component, &facts)?;
    let description = describe::describe(engine, &pre, exports)?;
    if let Some(cache) = engine.cache() {
        cache.put(&digest, &component, &facts, &description);
    }
    Ok(function(engine, pre, exports, &digest, facts, description))
}

fn function(
    engine: &Engine,
    pre: InstancePre<Guest>,
    exports: Exports,
    digest: &str,
    facts: Facts,
    description: Description,
) -> Function {
    Function::new(engine.clone(), pre, exports, format!("sha256:{digest}"), facts, description)
}

/// Binds the imports and finds the exports.
fn link(
    engine: &Engine,
    component: &Component,
    facts: &Facts,
) -> Result<(InstancePre<Guest>, Exports), LoadError> {
    let pre = engine
        .linker()
        .instantiate_pre(component)
        .map_err(|error| LoadError::ImportType { message: format!("{error:#}") })?;
    let interface = format!("{FUNCTION}@{}", facts.version);
    let export = |name: &'static str| {
        let parent = component.get_export_index(None, &interface);
        parent
            .and_then(|parent| component.get_export_index(Some(&parent), name))
            .ok_or(LoadError::ExportMissing { name })
    };
    let exports =
        Exports { describe: export("describe")?, init: export("init")?, process: export("process")? };
    Ok((pre, exports))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
