//! Components that were loaded: one that is as it was is not loaded again.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use invoker_engine::{Engine, Function};
use xxhash_rust::xxh3::xxh3_128;

use super::{engine, read, refused};
use crate::environment::Environment;
use crate::error::Error;

/// An engine, and what it has loaded.
#[derive(Debug)]
pub(crate) struct Loader {
    environment: Environment,
    engine: Engine,
    /// By where they lie, with a hash of their bytes.
    loaded: HashMap<PathBuf, (u128, Function)>,
}

impl Loader {
    pub(crate) fn new(environment: &Environment) -> Result<Self, Error> {
        let engine = engine(environment)?;
        Ok(Self { environment: environment.clone(), engine, loaded: HashMap::new() })
    }

    /// The function that a file of `folder` names.
    pub(crate) fn get(&mut self, reference: &str, folder: &Path) -> Result<Function, Error> {
        let path = super::locate(reference, folder, &self.environment)?;
        let bytes = read(&path)?;
        let hash = xxh3_128(&bytes);
        if let Some((_, function)) = self.loaded.get(&path).filter(|(known, _)| *known == hash) {
            return Ok(function.clone());
        }
        let shown = path.display().to_string();
        let function = self.engine.load(&bytes).map_err(|error| refused(&shown, &error))?;
        self.loaded.insert(path, (hash, function.clone()));
        Ok(function)
    }
}
