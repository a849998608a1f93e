//! Changes as they are staged: the commands that make them the state, packed as msgpack, which Redis unpacks in C. One
//! argument whatever their number, and promoting them runs few commands of many fields.
//!
//! A command is an array: its name, a key without the root of the scope, arguments.

use std::ops::Range;

use super::{names, values};
use crate::state::{Changes, StateKind};

/// Most fields of one command: Lua passes a few thousand arguments at most, and a field may take two.
const FIELDS: usize = 1000;

/// What the rows of one command have in common.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Group<'a> {
    state: u16,
    /// Of a map state.
    key: &'a [u8],
    removes: bool,
    expires: bool,
}

pub(super) fn pack(changes: &Changes) -> Vec<u8> {
    let keys: Vec<_> = changes.keys.iter().map(Option::unwrap_or_default).collect();
    let fields: Vec<_> = changes.fields.iter().map(Option::unwrap_or_default).collect();
    let values: Vec<_> = changes.values.iter().collect();
    let kind = |state: u16| changes.states.get(usize::from(state)).map(|(_, kind)| *kind);
    let rows = changes.state.iter().zip(&keys).zip(&fields).zip(&values).zip(&changes.expires);
    let mut rows: Vec<_> = rows
        .map(|((((&state, &key), &field), &value), &expires)| {
            let (of, name) = match kind(state) {
                Some(StateKind::Value) => (&[][..], key),
                _ => (key, field),
            };
            let group =
                Group { state, key: of, removes: value.is_none(), expires: value.is_some() && expires >= 0 };
            (group, Row { name, value: value.unwrap_or_default(), expires })
        })
        .collect();
    rows.sort_by_key(|row| row.0);
    let bytes = changes.keys.data.len() + changes.fields.data.len() + changes.values.data.len();
    let mut packed = Packed { bytes: Vec::with_capacity(bytes + rows.len() * 16), stored: Vec::new() };
    for rows in rows.chunk_by(|a, b| a.0 == b.0) {
        let Some(&(group, _)) = rows.first() else { continue };
        let Some((state, kind)) = changes.states.get(usize::from(group.state)) else { continue };
        packed.group(state, *kind, group, rows);
    }
    packed.bytes
}

struct Row<'a> {
    /// The record key of a value state, the field of a map.
    name: &'a [u8],
    value: &'a [u8],
    expires: i64,
}

struct Packed {
    bytes: Vec<u8>,
    stored: Vec<u8>,
}

impl Packed {
    fn group(&mut self, state: &str, kind: StateKind, group: Group<'_>, rows: &[(Group<'_>, Row<'_>)]) {
        let hash = match kind {
            StateKind::Value => names::value_state(state),
            StateKind::Map | StateKind::SortedMap => names::map_key(state, group.key, false),
        };
        let index = (kind == StateKind::SortedMap).then(|| names::map_key(state, group.key, true));
        for rows in rows.chunks(FIELDS) {
            if group.removes {
                self.command("HDEL", &hash, rows.len());
                rows.iter().for_each(|(_, row)| self.string(row.name));
            } else {
                self.command("HSET", &hash, rows.len() * 2);
                rows.iter().for_each(|(_, row)| self.field(row));
            }
            if let Some(index) = &index {
                self.index(index, group.removes, rows);
            }
        }
        if group.expires {
            self.command("SADD", "ttl", 1);
            self.string(index.as_ref().unwrap_or(&hash).as_bytes());
        }
    }

    fn field(&mut self, row: &Row<'_>) {
        self.string(row.name);
        let mut stored = std::mem::take(&mut self.stored);
        stored.clear();
        values::store(row.value, row.expires, &mut stored);
        self.string(&stored);
        self.stored = stored;
    }

    fn index(&mut self, index: &str, removes: bool, rows: &[(Group<'_>, Row<'_>)]) {
        if removes {
            self.command("ZREM", index, rows.len());
            rows.iter().for_each(|(_, row)| self.string(row.name));
        } else {
            self.command("ZADD", index, rows.len() * 2);
            for (_, row) in rows {
                self.string(b"0");
                self.string(row.name);
            }
        }
    }

    fn command(&mut self, name: &str, key: &str, arguments: usize) {
        self.bytes.push(0xdd);
        self.length(arguments + 2, 4);
        self.string(name.as_bytes());
        self.string(key.as_bytes());
    }

    fn string(&mut self, bytes: &[u8]) {
        match bytes.len() {
            len @ 0..=31 => self.bytes.push(0xa0 | len as u8),
            len @ 32..=0xff => {
                self.bytes.push(0xd9);
                self.length(len, 1);
            }
            len @ 0x100..=0xffff => {
                self.bytes.push(0xda);
                self.length(len, 2);
            }
            len => {
                self.bytes.push(0xdb);
                self.length(len, 4);
            }
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn length(&mut self, length: usize, bytes: usize) {
        let Range { start, end } = 4 - bytes..4;
        self.bytes.extend_from_slice((length as u32).to_be_bytes().get(start..end).unwrap_or_default());
    }
}
