//! From the functions that a document names to programs. Owns where components are looked for and that one that was
//! loaded is not loaded again; what is in them is the engine's business, and names are pulled by [`pulling`](super::pulling).

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use invoker_core::function_name::{FunctionName, NameError};
use invoker_core::message::Message;
use invoker_core::settings;
use invoker_engine::{Engine, EngineError, Function, LoadError};
use invoker_oci::{Error as PullError, Pulled, Setup, Source};
use xxhash_rust::xxh3::xxh3_128;

use super::pulling::{Pulling, named};
use crate::app::Programs;
use crate::config::Config;
use crate::program::Program;

/// Why a function cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    #[error("cannot start the WebAssembly engine")]
    Engine(#[source] EngineError),
    #[error("cannot get function {function:?} of entity {entity:?}: {source}")]
    Pull {
        entity: String,
        function: String,
        #[source]
        source: Box<PullError>,
    },
    #[error("cannot get function {function:?} of entity {entity:?}")]
    NoName {
        entity: String,
        function: String,
        #[source]
        source: NameError,
    },
    #[error("cannot read function {path:?} of entity {entity:?}")]
    Unreadable {
        entity: String,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("function {path:?} of entity {entity:?} cannot be used")]
    Refused {
        entity: String,
        path: PathBuf,
        #[source]
        source: Box<LoadError>,
    },
    #[error("cannot look up the secrets of entity {entity:?}")]
    Secrets { entity: String, problems: String },
}

impl FunctionError {
    /// Whether waiting can help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Pull { source, .. } if source.is_retryable())
    }

    /// Whether it is a registry that cannot be used, whatever is asked of it.
    pub fn is_of_service(&self) -> bool {
        matches!(self, Self::Pull { source, .. } if source.is_of_service())
    }

    /// What, why and what to do.
    pub fn message(&self) -> Message {
        let why = || std::error::Error::source(self).map(ToString::to_string).unwrap_or_default();
        let (why, help) = match self {
            Self::Engine(_) => (why(), "mend the cache folder, or name another with INVOKER_CACHE"),
            Self::Pull { source, .. } => {
                let message = source.message();
                return Message::new(self.to_string(), message.why, message.help);
            }
            Self::NoName { .. } => {
                (why(), "give a name such as team/split:1.0.0, or the path of a .wasm file: ./split.wasm")
            }
            Self::Unreadable { .. } => {
                (why(), "check the path: it is relative to the folder of the host document")
            }
            Self::Refused { source, .. } => return refusal(&self.to_string(), source),
            Self::Secrets { problems, .. } => {
                (problems.clone(), "put each secret into a file secrets/NAME/KEY beside the host document")
            }
        };
        Message::new(self.to_string(), why, help)
    }
}

/// The engine says what, why and what to do in three lines; `what` stands in front of the first.
pub fn refusal(what: &str, error: &LoadError) -> Message {
    let text = error.to_string();
    let mut lines: Vec<&str> = text.lines().collect();
    let help = if lines.len() > 2 { lines.pop() } else { None };
    let why = if lines.len() > 1 { lines.pop() } else { None };
    let help = help.unwrap_or("build it again with the SDK of this version");
    Message::new(format!("{what}: {}", lines.join(" ")), why.unwrap_or_default(), help)
}

/// Functions that were loaded.
pub(super) struct Functions {
    engine: Engine,
    /// By where they lie.
    loaded: HashMap<PathBuf, (u128, Function)>,
    pulling: Pulling,
    /// By their names, for the document that is taken up.
    pulled: BTreeMap<String, Function>,
}

impl Functions {
    pub(super) fn new(engine: Engine, setup: Setup) -> Self {
        Self { engine, loaded: HashMap::new(), pulling: Pulling::new(setup), pulled: BTreeMap::new() }
    }

    /// Names are asked for anew: a tag may have moved.
    pub(super) fn forget(&mut self) {
        self.pulling.forget();
        self.pulled.clear();
    }

    /// Pulls what the document names; `false` where that is still under way after `patience`.
    pub(super) fn pull(&mut self, config: &Config, patience: Duration) -> Result<bool, FunctionError> {
        let wanted = named(config)?;
        if wanted.keys().all(|name| self.pulled.contains_key(&name.to_string())) {
            return Ok(true);
        }
        let pulled = self.pulling.wait(config, wanted, patience)?;
        let Some(pulled) = pulled else { return Ok(false) };
        for (entity, it) in pulled {
            let function = self.take(&entity, &it)?;
            self.pulled.insert(it.found.name.to_string(), function);
        }
        Ok(true)
    }

    fn take(&self, entity: &str, pulled: &Pulled) -> Result<Function, FunctionError> {
        let (name, digest) = (pulled.found.name.to_string(), pulled.found.digest.as_str());
        let from = match pulled.found.source {
            Source::Registry => "registry",
            Source::Cache => "cache",
            Source::Memory => "cache, as the registry is away",
        };
        let function = self.engine.load(&pulled.component).map_err(|source| {
            let (entity, path, source) = (entity.to_owned(), PathBuf::from(&name), Box::new(source));
            FunctionError::Refused { entity, path, source }
        })?;
        let tag = pulled.found.tag.as_deref();
        tracing::info!(function = name, tag, digest, from, "function found");
        Ok(function)
    }

    /// The functions of every entity; their settings in `config` get their secrets. What is named must be pulled.
    pub(super) fn load(&mut self, config: &mut Config) -> Result<Programs, FunctionError> {
        let (folder, secrets) = (config.folder.clone(), config.secrets());
        let mut programs = Programs::new();
        for entity in &mut config.document.entities {
            let function = self.function(&entity.id, &entity.function, &folder)?;
            let look_up = |secret: &_| secrets.get(secret, "").ok();
            entity.settings = settings::reveal(&function.description().settings, &entity.settings, look_up)
                .map_err(|errors| {
                let problems = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                FunctionError::Secrets { entity: entity.id.clone(), problems }
            })?;
            programs.insert(entity.id.clone(), Arc::new(function) as Arc<dyn Program>);
        }
        Ok(programs)
    }

    fn function(&mut self, entity: &str, name: &str, folder: &Path) -> Result<Function, FunctionError> {
        let pulled = name.parse::<FunctionName>().ok().and_then(|name| self.pulled.get(&name.to_string()));
        match pulled {
            Some(function) if !is_path(name) => Ok(function.clone()),
            _ => self.file(entity, &folder.join(name)),
        }
    }

    fn file(&mut self, entity: &str, path: &Path) -> Result<Function, FunctionError> {
        let (entity, path) = (|| entity.to_owned(), path.to_owned());
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(source) => return Err(FunctionError::Unreadable { entity: entity(), path, source }),
        };
        let hash = xxh3_128(&bytes);
        if let Some((_, function)) = self.loaded.get(&path).filter(|(known, _)| *known == hash) {
            return Ok(function.clone());
        }
        match self.engine.load(&bytes) {
            Ok(function) => {
                self.loaded.insert(path, (hash, function.clone()));
                Ok(function)
            }
            Err(source) => {
                let source = Box::new(source);
                Err(FunctionError::Refused { entity: entity(), path, source })
            }
        }
    }
}

/// Whether a document means a file, and not a name.
pub(super) fn is_path(function: &str) -> bool {
    function.starts_with(['.', '/']) || function.ends_with(".wasm")
}
