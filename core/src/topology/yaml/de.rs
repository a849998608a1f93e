//! serde over the tree. Owns the messages for a wrong type, a missing field and an unknown field.
//!
//! serde stops at the first error; a user wants all of them. Unknown fields are noted on the way, as
//! `deserialize_struct` tells which are known. After a wrong type the value is left out and the document read again,
//! until nothing new is found: documents are small, and a value left out can only bring "missing field" for itself,
//! which is not told.

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeOwned, IntoDeserializer, Visitor};

use super::access::{Entries, Items};
use super::error::Error;
use super::notes::Notes;
use super::scalar::{Scalar, shortened};
use super::tree::{Entry, Node, Value, path_of_field};
use crate::topology::problem::{Problem, listed, nearest};

/// Most problems told of one document.
const MAX_PROBLEMS: usize = 50;

/// Reads a whole document; on failure all that is wrong with it.
pub(crate) fn read<T: DeserializeOwned>(source: &str, root: &Node) -> Result<T, Vec<Problem>> {
    let notes = Notes { source: source.to_owned(), ..Notes::default() };
    loop {
        let error = match T::deserialize(At { node: root, path: String::new(), notes: &notes }) {
            Ok(value) => {
                let problems = notes.problems.into_inner();
                return if problems.is_empty() { Ok(value) } else { Err(problems) };
            }
            Err(error) => error,
        };
        let path = error.path.clone().unwrap_or_default();
        let new = notes.left_out.borrow_mut().insert(path.clone());
        notes.add(error.into_problem(source, path));
        if !new || notes.problems.borrow().len() >= MAX_PROBLEMS || notes.left_out.borrow().contains("") {
            return Err(notes.problems.into_inner());
        }
    }
}

/// A node with its path.
#[derive(Clone)]
pub(super) struct At<'a> {
    pub(super) node: &'a Node,
    pub(super) path: String,
    pub(super) notes: &'a Notes,
}

impl<'a> At<'a> {
    fn wrong_type(&self, expected: &str, help: &str) -> Error {
        let found = match &self.node.value {
            Value::Scalar(scalar) => scalar.describe(),
            Value::List(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        };
        self.locate(Error::new(
            format!("expected {expected}, found {found}"),
            "the field has another type",
            help,
        ))
    }

    fn locate(&self, mut error: Error) -> Error {
        error.path.get_or_insert_with(|| self.path.clone());
        error.at.get_or_insert(self.node.at);
        error
    }

    fn scalar(&self) -> Option<&'a Scalar> {
        match &self.node.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    fn is_null(&self) -> bool {
        matches!(self.scalar(), Some(Scalar::Null))
    }

    fn integer(&self, low: i128, high: i128) -> Result<i128, Error> {
        match self.scalar() {
            Some(Scalar::Integer(value, _)) if (low..=high).contains(value) => Ok(*value),
            _ => {
                let expected = format!("a whole number from {low} to {high}");
                Err(self.wrong_type(&expected, "write a number without quotes"))
            }
        }
    }

    /// The entries to visit: known ones for a struct (noting the others), all for a map.
    fn visit_entries<V: Visitor<'a>>(
        self,
        fields: Option<&'static [&'static str]>,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let entries: &[Entry] = match &self.node.value {
            Value::Mapping(entries) => entries,
            Value::Scalar(Scalar::Null) => &[],
            _ => return Err(self.wrong_type("a mapping", "write `name: value` lines here")),
        };
        let mut known = Vec::with_capacity(entries.len());
        for entry in entries {
            let path = path_of_field(&self.path, &entry.key);
            match fields {
                Some(fields) if !fields.contains(&entry.key.as_str()) => {
                    self.notes.add(Some(self.unknown_field(entry, path, fields)));
                }
                _ if self.notes.skips(&path) => {}
                _ => known.push((entry, path)),
            }
        }
        let entries = Entries { rest: known.into_iter(), value: None, notes: self.notes };
        visitor.visit_map(entries).map_err(|error| self.missing_or(error, fields.unwrap_or_default()))
    }

    /// A field that is "missing" because it could not be read was told already.
    fn missing_or(&self, error: Error, fields: &[&str]) -> Error {
        let mut error = self.locate(error);
        error.told |= fields.iter().any(|field| {
            error.what == format!("the field {field:?} is missing")
                && self.notes.skips(&path_of_field(&self.path, field))
        });
        error
    }

    fn unknown_field(&self, entry: &Entry, path: String, fields: &[&str]) -> Problem {
        let present: Vec<&str> = match &self.node.value {
            Value::Mapping(entries) => entries.iter().map(|entry| entry.key.as_str()).collect(),
            _ => Vec::new(),
        };
        let free = fields.iter().copied().filter(|field| !present.contains(field));
        let help = match nearest(&entry.key, free) {
            Some(meant) => format!("did you mean {meant:?}?"),
            None => format!("remove it; known here are {}", listed(fields.iter().copied())),
        };
        Problem {
            source: self.notes.source.clone(),
            at: Some(entry.key_at),
            path,
            what: "unknown field".to_owned(),
            why: "a field that nothing reads is refused, so that a typo cannot pass unseen".to_owned(),
            help,
        }
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let value = self.integer(i128::from(<$type>::MIN), i128::from(<$type>::MAX))?;
            visitor.$visit(value as $type).map_err(|error| self.locate(error))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for At<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let done = match &self.node.value {
            Value::List(_) => return self.deserialize_seq(visitor),
            Value::Mapping(_) => return self.deserialize_map(visitor),
            Value::Scalar(Scalar::Null) => visitor.visit_unit(),
            Value::Scalar(Scalar::Boolean(value)) => visitor.visit_bool(*value),
            Value::Scalar(Scalar::Number(value, _)) => visitor.visit_f64(*value),
            Value::Scalar(Scalar::Text(text)) => visitor.visit_str(text),
            Value::Scalar(Scalar::Integer(value, _)) => {
                match (i64::try_from(*value), u64::try_from(*value)) {
                    (Ok(value), _) => visitor.visit_i64(value),
                    (_, Ok(value)) => visitor.visit_u64(value),
                    _ => {
                        return Err(
                            self.wrong_type("a number of 64 bits", "write larger numbers in quotes, as text")
                        );
                    }
                }
            }
        };
        done.map_err(|error| self.locate(error))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.scalar() {
            Some(Scalar::Boolean(value)) => visitor.visit_bool(*value),
            _ => Err(self.wrong_type("true or false", "write true or false, without quotes")),
        }
    }

    integers!(
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64
    );

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.scalar() {
            Some(Scalar::Integer(value, _)) => visitor.visit_f64(*value as f64),
            Some(Scalar::Number(value, _)) => visitor.visit_f64(*value),
            _ => Err(self.wrong_type("a number", "write a number without quotes")),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.scalar() {
            Some(Scalar::Text(text)) => visitor.visit_str(text).map_err(|error| self.locate(error)),
            Some(Scalar::Integer(_, raw) | Scalar::Number(_, raw)) => {
                Err(self.wrong_type("text", &format!("put it into quotes: \"{raw}\"")))
            }
            Some(Scalar::Boolean(value)) => {
                Err(self.wrong_type("text", &format!("put it into quotes: \"{value}\"")))
            }
            _ => Err(self.wrong_type("text", "write a text here, or remove the field")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let items: &[Node] = match &self.node.value {
            Value::List(items) => items,
            Value::Scalar(Scalar::Null) => &[],
            _ => return Err(self.wrong_type("a list", "write one `- item` per line, or [a, b]")),
        };
        let items = Items { rest: items.iter().enumerate(), path: &self.path, notes: self.notes };
        visitor.visit_seq(items).map_err(|error| self.locate(error))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.visit_entries(None, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.visit_entries(Some(fields), visitor)
    }

    /// Choices are plain words; none of the types here has one with contents.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let choices = || listed(variants.iter().copied());
        match self.scalar() {
            Some(Scalar::Text(text)) if variants.contains(&text.as_str()) => {
                let choice: StrDeserializer<'_, Error> = text.as_str().into_deserializer();
                visitor.visit_enum(choice).map_err(|error| self.locate(error))
            }
            Some(Scalar::Text(text)) => {
                let help = match nearest(text, variants.iter().copied()) {
                    Some(meant) => format!("did you mean {meant:?}?"),
                    None => "write one of them".to_owned(),
                };
                let (what, why) =
                    (format!("unknown value {:?}", shortened(text)), format!("known are {}", choices()));
                Err(self.locate(Error::new(what, why, help)))
            }
            _ => Err(self.wrong_type(&format!("one of {}", choices()), "write one of them")),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}
