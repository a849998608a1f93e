//! Changes that take effect together.

use super::space::{Key, Space, Value};

/// Puts and removals across spaces of one database. Where a key occurs twice, the later change counts.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(super) changes: Vec<Change>,
}

#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) space: Space,
    pub(super) key: Key,
    /// `None` removes the key.
    pub(super) value: Option<Value>,
}

impl Batch {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn put(&mut self, space: &Space, key: &[u8], value: &[u8]) {
        self.put_value(space, key, Value::from(value));
    }

    /// As `put`, without a copy of the value: for large ones.
    pub fn put_value(&mut self, space: &Space, key: &[u8], value: Value) {
        self.changes.push(Change { space: space.clone(), key: Key::from(key), value: Some(value) });
    }

    pub fn remove(&mut self, space: &Space, key: &[u8]) {
        self.changes.push(Change { space: space.clone(), key: Key::from(key), value: None });
    }

    /// Number of changes.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}
