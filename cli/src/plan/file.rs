//! A topology file and the functions that it names. Owns how they are read and loaded; the rules are those of `core`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use invoker_core::topology::{self, Document, Functions, InvokerDeployment, Unavailable};
use invoker_engine::Function;

use super::{Loaded, invalid};
use crate::error::{Error, Exit, Problem};
use crate::functions::{Loader, Loading};

/// The name of the file in a folder that is given as a topology.
pub(crate) const FILE: &str = "topology.yaml";

/// A topology that was read and checked, as far as that goes without its functions.
#[derive(Debug)]
pub(crate) struct Topology {
    pub(crate) path: PathBuf,
    document: Document,
}

impl Topology {
    /// The file of a topology, which may be given as its folder.
    pub(crate) fn file(path: &Path) -> PathBuf {
        if path.is_dir() { path.join(FILE) } else { path.to_owned() }
    }

    /// Reads a topology, or that of a folder.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let path = Self::file(path);
        let source = path.display().to_string();
        let text = std::fs::read(&path).map_err(|error| {
            let help = "name a topology file, or the folder of a topology.yaml";
            Error::new(Exit::Topology, format!("cannot read topology {source:?}"), error, help)
        })?;
        let document = topology::parse(&source, &text).map_err(|problems| invalid(&problems))?;
        topology::check(&document, None).map_err(|problems| invalid(&problems))?;
        Ok(Self { path, document })
    }

    pub(crate) fn resource(&self) -> &InvokerDeployment {
        self.document.resource()
    }

    /// Names of the functions, each once.
    pub(crate) fn functions(&self) -> BTreeSet<&str> {
        let entities = self.document.resource().spec.stateful_entities.iter();
        entities.map(|entity| entity.function.as_str()).collect()
    }

    /// Loads the functions that it names.
    pub(crate) fn load(self, loader: &mut Loader) -> Result<Loaded, Error> {
        let mut loading = loader.topology(&self.resource().spec)?;
        let functions = load_functions(&self.document, &folder_of(&self.path), &mut loading)?;
        let pulled = std::mem::take(&mut loading.found);
        Ok(Loaded { document: self.document, functions, pulled })
    }
}

/// What the paths in a file are relative to.
pub(crate) fn folder_of(path: &Path) -> PathBuf {
    path.parent().map_or_else(PathBuf::new, Path::to_owned)
}

/// Loads every function; where some cannot be used, says so at their places in the topology.
fn load_functions(
    document: &Document,
    folder: &Path,
    loading: &mut Loading<'_>,
) -> Result<BTreeMap<String, Function>, Error> {
    let (mut found, mut missing, mut exits) = (BTreeMap::new(), Functions::new(), BTreeSet::new());
    for entity in &document.resource().spec.stateful_entities {
        let function = loading.get(&entity.function, folder);
        match function {
            Ok(function) => {
                found.insert(entity.name.clone(), function);
            }
            Err(error) => {
                exits.insert(error.exit);
                missing.insert(entity.name.clone(), Err(unavailable(error)));
            }
        }
    }
    let exit = exits.first().copied().unwrap_or(Exit::Function);
    topology::check_functions(document, &missing).map_err(|problems| Error { exit, ..invalid(&problems) })?;
    Ok(found)
}

fn unavailable(error: Error) -> Unavailable {
    let problem = error.problems.into_iter().next();
    let Problem { what, why, help } =
        problem.unwrap_or(Problem { what: String::new(), why: String::new(), help: String::new() });
    Unavailable { what, why, help }
}
