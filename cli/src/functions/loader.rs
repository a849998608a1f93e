//! Components that were loaded: one that is as it was is not loaded again. Owns that names are pulled, and what is told of
//! it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use invoker_core::function_name::{FunctionName, Place};
use invoker_core::topology::DeploymentSpec;
use invoker_engine::{Engine, Function};
use invoker_oci::{Found, Registries, Source};
use xxhash_rust::xxh3::xxh3_128;

use super::{engine, read, refused};
use crate::environment::Environment;
use crate::error::{Error, Exit};

/// An engine, and what it has loaded.
#[derive(Debug)]
pub(crate) struct Loader {
    environment: Environment,
    engine: Engine,
    /// By where they lie, with a hash of their bytes.
    loaded: HashMap<PathBuf, (u128, Function)>,
    /// By the digest of their manifest.
    pulled: HashMap<String, Function>,
}

/// The functions of one topology.
pub(crate) struct Loading<'a> {
    loader: &'a mut Loader,
    registries: Registries,
    /// Whether files are refused, as they have no signature.
    is_signed: bool,
    /// What names led to, in the order in which they were asked for, each once.
    pub(crate) found: Vec<Found>,
}

impl Loader {
    pub(crate) fn new(environment: &Environment) -> Result<Self, Error> {
        let engine = engine(environment)?;
        let (loaded, pulled) = (HashMap::new(), HashMap::new());
        Ok(Self { environment: environment.clone(), engine, loaded, pulled })
    }

    /// For a topology. Names are asked for anew: a tag may have moved.
    pub(crate) fn topology(&mut self, spec: &DeploymentSpec) -> Result<Loading<'_>, Error> {
        let required = &spec.require_signature;
        let registries = self.environment.registries.registries(spec.registry.as_deref(), required)?;
        Ok(Loading { loader: self, registries, is_signed: !required.is_empty(), found: Vec::new() })
    }

    fn file(&mut self, reference: &str, folder: &Path) -> Result<Function, Error> {
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

impl Loading<'_> {
    /// The function that a file of `folder` names.
    pub(crate) fn get(&mut self, reference: &str, folder: &Path) -> Result<Function, Error> {
        match Place::of(reference) {
            Ok(Place::Path(path)) if self.is_signed => {
                Err(invoker_oci::Error::UnsignedFile { path: path.to_owned() }.into())
            }
            Ok(Place::Path(path)) => self.loader.file(path, folder),
            Ok(Place::Registry(name)) => self.pull(&name),
            Err(error) => {
                let help = "write a path that begins with ./, or a name such as team/split:1.0.0";
                Err(Error::new(Exit::Function, format!("{reference:?} names no function"), error, help))
            }
        }
    }

    fn pull(&mut self, name: &FunctionName) -> Result<Function, Error> {
        let known = self.found.iter().find(|found| found.name == *name);
        if let Some(function) = known.and_then(|found| self.loader.pulled.get(&found.digest)) {
            return Ok(function.clone());
        }
        let pulled = self.registries.pull(name, None)?;
        let found = pulled.found;
        let function = match self.loader.pulled.get(&found.digest) {
            Some(function) => function.clone(),
            None => {
                let loaded = self.loader.engine.load(&pulled.component);
                loaded.map_err(|error| refused(&name.to_string(), &error))?
            }
        };
        self.loader.pulled.insert(found.digest.clone(), function.clone());
        self.found.push(found);
        Ok(function)
    }
}

/// What a name led to, for people.
pub(crate) fn told(found: &Found) -> String {
    let tag = found.tag.as_deref().map(|tag| format!("{tag}, ")).unwrap_or_default();
    let from = match found.source {
        Source::Registry | Source::Cache => "",
        Source::Memory => ", as it was the last time: the registry is away",
    };
    format!("function {} is {tag}{}{from}", found.name, found.digest)
}
