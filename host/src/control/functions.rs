//! From the functions that a document names to programs. Owns where components are looked for and that one that was
//! loaded is not loaded again; what is in them is the engine's business.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use invoker_core::message::Message;
use invoker_core::settings;
use invoker_engine::{Engine, EngineError, Function, LoadError};
use xxhash_rust::xxh3::xxh3_128;

use crate::app::Programs;
use crate::config::Config;
use crate::program::Program;

/// Why a function cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FunctionError {
    #[error("cannot start the WebAssembly engine")]
    Engine(#[source] EngineError),
    #[error("cannot get function {function:?} of entity {entity:?}")]
    NoPath { entity: String, function: String },
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
    /// What, why and what to do.
    pub fn message(&self) -> Message {
        let why = || std::error::Error::source(self).map(ToString::to_string).unwrap_or_default();
        let (why, help) = match self {
            Self::Engine(_) => (why(), "mend the cache folder, or name another with INVOKER_CACHE"),
            Self::NoPath { .. } => (
                "it is a name in a registry, and no registry is configured yet".to_owned(),
                "give the path of a .wasm file, such as \"./split.wasm\"",
            ),
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

/// Functions that were loaded, by where they lie.
pub(super) struct Functions {
    engine: Engine,
    loaded: HashMap<PathBuf, (u128, Function)>,
}

impl Functions {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine, loaded: HashMap::new() }
    }

    /// The functions of every entity; their settings in `config` get their secrets.
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
        let is_path = name.starts_with(['.', '/']) || name.ends_with(".wasm");
        if !is_path {
            let (entity, function) = (entity.to_owned(), name.to_owned());
            return Err(FunctionError::NoPath { entity, function });
        }
        let path = folder.join(name);
        let entity = || entity.to_owned();
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
