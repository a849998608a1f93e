//! Changes as the scripts take them: MessagePack, a group per key of Redis, so that one command writes each.

use std::collections::HashMap;

use rmp::encode::{write_array_len, write_str_len};

use super::super::{Changes, StateKind};
use super::{keys, values};

/// What changes in one hash.
struct Group {
    key: Vec<u8>,
    /// The sorted set beside it.
    index: Vec<u8>,
    /// Field, value, field, value …
    sets: Vec<u8>,
    set_items: u32,
    deletes: Vec<u8>,
    delete_items: u32,
    /// Expiry, address, expiry, address …
    expires: Vec<u8>,
    expire_items: u32,
}

/// The packed form.
pub(super) fn pack(changes: &Changes) -> Vec<u8> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<(u16, Option<&[u8]>), usize> = HashMap::new();
    for row in 0..changes.state.len() {
        let state = changes.state.get(row).copied().unwrap_or_default();
        let Some((name, kind)) = changes.states.get(usize::from(state)) else { continue };
        let key = changes.keys.get(row).unwrap_or_default();
        let of = (state, (*kind != StateKind::Value).then_some(key));
        let at = *places.entry(of).or_insert_with(|| {
            groups.push(Group::of(name, *kind, key));
            groups.len() - 1
        });
        let Some(group) = groups.get_mut(at) else { continue };
        let field = if *kind == StateKind::Value { key } else { changes.fields.get(row).unwrap_or_default() };
        let expires = changes.expires.get(row).copied().unwrap_or(-1);
        group.change(field, changes.values.get(row), expires);
    }
    let mut packed = Vec::with_capacity(changes.values.data.len() + changes.keys.data.len() + 64);
    array(&mut packed, groups.len() as u32);
    groups.iter().for_each(|group| group.write(&mut packed));
    packed
}

impl Group {
    fn of(state: &str, kind: StateKind, key: &[u8]) -> Self {
        Self {
            key: if kind == StateKind::Value {
                keys::values(state).into_bytes()
            } else {
                keys::map(state, key)
            },
            index: if kind == StateKind::SortedMap { keys::index(state, key) } else { Vec::new() },
            sets: Vec::new(),
            set_items: 0,
            deletes: Vec::new(),
            delete_items: 0,
            expires: Vec::new(),
            expire_items: 0,
        }
    }

    fn change(&mut self, field: &[u8], value: Option<&[u8]>, expires: i64) {
        let Some(value) = value else {
            string(&mut self.deletes, field);
            self.delete_items += 1;
            return;
        };
        string(&mut self.sets, field);
        match values::encode(value, expires) {
            Some(stored) => string(&mut self.sets, &stored),
            None => string(&mut self.sets, value),
        }
        self.set_items += 2;
        if expires >= 0 {
            let address = [self.key.len().to_string().as_bytes(), b":", &self.key, field].concat();
            string(&mut self.expires, expires.to_string().as_bytes());
            string(&mut self.expires, &address);
            self.expire_items += 2;
        }
    }

    fn write(&self, packed: &mut Vec<u8>) {
        array(packed, 5);
        string(packed, &self.key);
        string(packed, &self.index);
        for (items, count) in [
            (&self.sets, self.set_items),
            (&self.deletes, self.delete_items),
            (&self.expires, self.expire_items),
        ] {
            array(packed, count);
            packed.extend_from_slice(items);
        }
    }
}

fn array(packed: &mut Vec<u8>, items: u32) {
    // Writing to memory does not fail.
    drop(write_array_len(packed, items));
}

fn string(packed: &mut Vec<u8>, bytes: &[u8]) {
    drop(write_str_len(packed, bytes.len() as u32));
    packed.extend_from_slice(bytes);
}
