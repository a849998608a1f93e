//! From a function's name in a topology to the bytes of a component. Owns where components are looked for; what is
//! in them is the engine's business.

mod loader;
mod project;
mod sources;

use std::path::{Path, PathBuf};

use invoker_core::topology;
use invoker_engine::{Engine, EngineError, EngineOptions, Function, LoadError, Profiler};
use invoker_host::control::refusal;

pub(crate) use self::loader::{Loader, Loading, told};
pub(crate) use self::project::last_build;
pub(crate) use self::sources::{Source, Sources, stale};

use crate::environment::Environment;
use crate::error::{Error, Exit, chain};

/// Where the path `reference` in a file of `folder` leads.
pub(crate) fn locate(reference: &str, folder: &Path, environment: &Environment) -> Result<PathBuf, Error> {
    let path = folder.join(reference);
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => last_build(&path, environment.cargo_target.as_deref()),
        Ok(_) => Ok(path),
        Err(error) => {
            let what = format!("cannot read function {:?}", path.display().to_string());
            let help = match beside(&path) {
                Some(meant) => format!("did you mean {meant:?}?"),
                None => "check the path (it is relative to the topology file), or build the function first"
                    .to_owned(),
            };
            Err(Error::new(Exit::Function, what, error, help))
        }
    }
}

/// The name beside a path that is not there which it is most like.
fn beside(path: &Path) -> Option<String> {
    let there = std::fs::read_dir(path.parent()?).ok()?;
    let names: Vec<String> = there.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    topology::nearest(path.file_name()?.to_str()?, names.iter().map(String::as_str)).map(str::to_owned)
}

/// An engine that keeps compiled code in the user's cache.
pub(crate) fn engine(environment: &Environment) -> Result<Engine, Error> {
    engine_with(environment, None)
}

/// The same, whose functions are watched by `profiler`.
pub(crate) fn engine_with(environment: &Environment, profiler: Option<Profiler>) -> Result<Engine, Error> {
    let cache_dir = environment.code_cache.clone();
    let options = EngineOptions { cache_dir, profiler, ..EngineOptions::default() };
    Engine::new(options).map_err(|error| match &error {
        EngineError::Cache { .. } => {
            let help = "mend the folder, or name another with INVOKER_CACHE";
            Error::new(Exit::File, "cannot open the cache of compiled functions", chain(&error), help)
        }
        _ => Error::internal("cannot start the WebAssembly engine", chain(&error)),
    })
}

/// Reads and loads a component.
pub(crate) fn load(engine: &Engine, path: &Path) -> Result<Function, Error> {
    engine.load(&read(path)?).map_err(|error| refused(&path.display().to_string(), &error))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| {
        let what = format!("cannot read function {:?}", path.display().to_string());
        Error::new(Exit::Function, what, error, "check the file")
    })
}

pub(crate) fn refused(path: &str, error: &LoadError) -> Error {
    let message = refusal(&format!("function {path:?} cannot be used"), error);
    Error { exit: Exit::Function, problems: vec![message] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_relative_to_the_topology() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("f.wasm"), b"").unwrap();
        assert_eq!(
            locate("./f.wasm", dir.path(), &Environment::default()).unwrap(),
            dir.path().join("./f.wasm")
        );
        let error = locate("./g.wasm", dir.path(), &Environment::default()).unwrap_err();
        assert!(error.to_string().contains("g.wasm\"\nwhy: No such file"), "{error}");
        assert_eq!(error.exit, Exit::Function);
        assert!(error.to_string().ends_with("help: did you mean \"f.wasm\"?"), "{error}");
        let error = locate("./other.wasm", dir.path(), &Environment::default()).unwrap_err().to_string();
        assert!(error.contains("help: check the path"), "{error}");
    }
}
