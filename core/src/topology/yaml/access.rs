//! The items of a list and the entries of a mapping, one after the other, without those that were left out.

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess};

use super::de::At;
use super::error::Error;
use super::notes::Notes;
use super::tree::{Entry, Node, path_of_item};

pub(super) struct Items<'a, 'p> {
    pub(super) rest: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
    pub(super) path: &'p str,
    pub(super) notes: &'a Notes,
}

impl<'a> SeqAccess<'a> for Items<'a, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        for (index, node) in self.rest.by_ref() {
            let path = path_of_item(self.path, index);
            if !self.notes.skips(&path) {
                return seed.deserialize(At { node, path, notes: self.notes }).map(Some);
            }
        }
        Ok(None)
    }
}

pub(super) struct Entries<'a> {
    pub(super) rest: std::vec::IntoIter<(&'a Entry, String)>,
    pub(super) value: Option<(&'a Entry, String)>,
    pub(super) notes: &'a Notes,
}

impl<'a> MapAccess<'a> for Entries<'a> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((entry, path)) = self.rest.next() else { return Ok(None) };
        let key: StrDeserializer<'_, Error> = entry.key.as_str().into_deserializer();
        let locate = |mut error: Error| {
            error.path.get_or_insert_with(|| path.clone());
            error.at.get_or_insert(entry.key_at);
            error
        };
        let key = seed.deserialize(key).map_err(locate)?;
        self.value = Some((entry, path));
        Ok(Some(key))
    }

    fn next_value_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<T::Value, Error> {
        match self.value.take() {
            Some((entry, path)) => seed.deserialize(At { node: &entry.value, path, notes: self.notes }),
            None => Err(de::Error::custom("a value without a name")),
        }
    }
}
