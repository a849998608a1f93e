//! The document as a tree that remembers positions.

use std::collections::BTreeMap;

use super::scalar::{Scalar, shortened};
use crate::topology::problem::Position;

/// A value and where it starts.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) at: Position,
    pub(crate) value: Value,
}

impl Node {
    /// The text of a field of this mapping and where it stands.
    pub(crate) fn text_field(&self, name: &str) -> Option<(Position, &str)> {
        let Value::Mapping(entries) = &self.value else { return None };
        let entry = entries.iter().find(|entry| entry.key == name)?;
        match &entry.value.value {
            Value::Scalar(Scalar::Text(text)) => Some((entry.value.at, text)),
            _ => None,
        }
    }

    /// A scalar as the name of a field.
    pub(super) fn as_key(&self) -> Option<String> {
        match &self.value {
            Value::Scalar(Scalar::Text(text) | Scalar::Integer(_, text) | Scalar::Number(_, text)) => {
                Some(text.clone())
            }
            Value::Scalar(Scalar::Boolean(value)) => Some(value.to_string()),
            _ => None,
        }
    }

    /// The entries that `<<` brings in: those of a mapping, or of a list of mappings.
    pub(super) fn into_entries(self) -> Option<Vec<Entry>> {
        match self.value {
            Value::Mapping(entries) => Some(entries),
            Value::List(items) => {
                items.into_iter().map(Self::into_entries).collect::<Option<Vec<_>>>().map(|all| all.concat())
            }
            Value::Scalar(_) => None,
        }
    }

    /// Nodes and bytes of text of it and all under it.
    pub(super) fn cost(&self) -> usize {
        match &self.value {
            Value::Scalar(Scalar::Text(text)) => 1 + text.len(),
            Value::Scalar(_) => 1,
            Value::List(items) => 1 + items.iter().map(Self::cost).sum::<usize>(),
            Value::Mapping(entries) => {
                1 + entries.iter().map(|entry| entry.key.len() + entry.value.cost()).sum::<usize>()
            }
        }
    }

    /// Levels of lists and mappings.
    pub(super) fn depth(&self) -> usize {
        match &self.value {
            Value::Scalar(_) => 0,
            Value::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Value::Mapping(entries) => 1 + entries.iter().map(|entry| entry.value.depth()).max().unwrap_or(0),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Scalar(Scalar),
    List(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// One `key: value` of a mapping.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_at: Position,
    pub(crate) value: Node,
    /// Came in through `<<`; a key given in place goes before it.
    pub(super) merged: bool,
}

/// Where each path of a document stands: a field at its name, an item of a list at its start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(BTreeMap<String, Position>);

impl Places {
    pub(crate) fn of(root: &Node) -> Self {
        let mut places = Self::default();
        places.add(root, "");
        places.0.insert(String::new(), root.at);
        places
    }

    fn add(&mut self, node: &Node, path: &str) {
        match &node.value {
            Value::Scalar(_) => {}
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = path_of_item(path, index);
                    self.0.insert(path.clone(), item.at);
                    self.add(item, &path);
                }
            }
            Value::Mapping(entries) => {
                for entry in entries {
                    let path = path_of_field(path, &entry.key);
                    self.0.insert(path.clone(), entry.key_at);
                    self.add(&entry.value, &path);
                }
            }
        }
    }

    /// The place of `path` itself.
    pub(crate) fn exact(&self, path: &str) -> Option<Position> {
        self.0.get(path).copied()
    }

    /// The place of `path`, or of the nearest thing around it that the document has.
    pub(crate) fn find(&self, path: &str) -> Option<Position> {
        let mut rest = path;
        loop {
            if let Some(&at) = self.0.get(rest) {
                return Some(at);
            }
            rest = rest.get(..rest.rfind(['.', '['])?)?;
        }
    }
}

/// Path of a field: `spec.id`, or `topics["a.b"]` where the name would not read well.
pub(crate) fn path_of_field(path: &str, name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/');
    if name.is_empty() || !name.chars().all(plain) {
        return format!("{path}[{:?}]", shortened(name));
    }
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Path of an item of a list.
pub(crate) fn path_of_item(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}
