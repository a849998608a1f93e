//! From text to a `Document`: the resource, and where each of its fields stood. Other files of ours are read the same
//! way (`Placed`), so that their mistakes are told alike.

use serde::de::DeserializeOwned;

use super::problem::{Position, Problem, Problems, nearest};
use super::resource::{API_VERSION, InvokerDeployment, KIND};
use super::yaml::{self, Node, Places};

/// A topology that was read, with the places of its fields.
#[derive(Clone, Debug)]
pub struct Document {
    source: String,
    resource: InvokerDeployment,
    places: Places,
}

impl Document {
    /// A topology that comes from no file (the Kubernetes API): its problems name paths only.
    pub fn without_places(resource: InvokerDeployment) -> Self {
        Self { source: String::new(), resource, places: Places::default() }
    }

    /// The file as the user named it.
    pub fn source(&self) -> &str {
        &self.source
    }

    pub fn resource(&self) -> &InvokerDeployment {
        &self.resource
    }

    /// Where `path` stands, or the nearest thing around it that the document has.
    pub fn place(&self, path: &str) -> Option<Position> {
        self.places.find(path)
    }

    /// A problem of the field at `path`.
    pub fn problem(
        &self,
        path: impl Into<String>,
        what: impl Into<String>,
        why: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        let path = path.into();
        let (source, at) = (self.source.clone(), self.place(&path));
        Problem { source, at, path, what: what.into(), why: why.into(), help: help.into() }
    }
}

/// Reads a topology in YAML or JSON. `source` is what problems name as the file. All unknown fields and wrong types
/// are found at once; whether the topology makes sense is another question (`check`).
pub fn parse(source: &str, text: &[u8]) -> Result<Document, Problems> {
    let tree = yaml::parse(source, text).map_err(in_order)?;
    foreign(source, &tree)?;
    let resource = yaml::read(source, &tree).map_err(in_order)?;
    Ok(Document { source: source.to_owned(), resource, places: Places::of(&tree) })
}

/// What a file that is no topology says, and where.
#[derive(Clone, Debug)]
pub struct Placed<T> {
    pub value: T,
    places: Places,
}

impl<T> Placed<T> {
    /// Where the name of the field at `path`, or the item of a list, stands; `None` where the file has none.
    pub fn place(&self, path: &str) -> Option<Position> {
        self.places.exact(path)
    }

    /// Where `path` stands, or the nearest thing around it that the file has.
    pub fn nearest_place(&self, path: &str) -> Option<Position> {
        self.places.find(path)
    }
}

/// Reads any file in YAML or JSON; all unknown fields and wrong types are found at once.
pub fn read<T: DeserializeOwned>(source: &str, text: &[u8]) -> Result<Placed<T>, Problems> {
    let tree = yaml::parse(source, text).map_err(in_order)?;
    let value = yaml::read(source, &tree).map_err(in_order)?;
    Ok(Placed { value, places: Places::of(&tree) })
}

fn in_order(problems: Vec<Problem>) -> Problems {
    Problems::none_of(problems).err().unwrap_or(Problems(Vec::new()))
}

/// A document of another kind or version is not read field by field: it would only be a list of unknown fields.
fn foreign(source: &str, tree: &Node) -> Result<(), Problems> {
    for (field, expected) in [("apiVersion", API_VERSION), ("kind", KIND)] {
        let Some((at, found)) = tree.text_field(field).filter(|(_, found)| *found != expected) else {
            continue;
        };
        let help = match nearest(found, [expected]) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => format!("write `{field}: {expected}`, or check that this is the right file"),
        };
        return Err(Problems(vec![Problem {
            source: source.to_owned(),
            at: Some(at),
            path: field.to_owned(),
            what: format!("{found:?} is not served"),
            why: format!("this version of invoker reads {expected:?}"),
            help,
        }]));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
