//! The changes of one stage as they wait beside the state: rows that are ready to be put where they belong.
//!
//! A row is the length of its key, the key, the length of its value plus one (0 = remove), and the value with its
//! expiry in front. Lengths are four bytes, little-endian.

use super::control::Control;
use super::layout::{self, EXPIRY, Shape};
use crate::db::{Batch, Space};
use crate::state::{Changes, StateKind};

/// Lays changes out under the numbers of the scope and of its states.
pub(super) fn encode(control: &mut Control, changes: &Changes) -> Vec<u8> {
    let states: Vec<_> =
        changes.states.iter().map(|(name, kind)| (*kind, control.number_of(name, *kind))).collect();
    let bytes = changes.keys.data.len() + changes.fields.data.len() + changes.values.data.len();
    let mut rows = Vec::with_capacity(bytes + changes.state.len() * 32);
    let mut key = Vec::new();
    let columns = changes.keys.iter().zip(changes.fields.iter()).zip(changes.values.iter());
    for ((&state, ((record_key, field), value)), &expires) in
        changes.state.iter().zip(columns).zip(&changes.expires)
    {
        let Some(&(kind, state)) = states.get(usize::from(state)) else { continue };
        live_key(control.number, state, kind, record_key.unwrap_or_default(), field, &mut key);
        rows.extend((key.len() as u32).to_le_bytes());
        rows.extend_from_slice(&key);
        match value {
            None => rows.extend(0u32.to_le_bytes()),
            Some(value) => {
                rows.extend(((value.len() + EXPIRY + 1) as u32).to_le_bytes());
                rows.extend(expires.to_be_bytes());
                rows.extend_from_slice(value);
            }
        }
    }
    rows
}

/// Replaces `out` by the key of one value or field.
pub(super) fn live_key(
    scope: layout::Number,
    state: u16,
    kind: StateKind,
    key: &[u8],
    field: Option<&[u8]>,
    out: &mut Vec<u8>,
) {
    layout::state_prefix(scope, state, out);
    match Shape::from(kind) {
        Shape::Value => out.extend_from_slice(key),
        Shape::Fields => {
            layout::escape(key, out);
            out.extend_from_slice(field.unwrap_or_default());
        }
    }
}

/// Puts rows where they belong. `None`: they are damaged.
pub(super) fn promote(mut rows: &[u8], live: &Space, batch: &mut Batch) -> Option<()> {
    while !rows.is_empty() {
        let len = length(&mut rows)?;
        let key = take(&mut rows, len)?;
        match length(&mut rows)? {
            0 => batch.remove(live, key),
            len if len > EXPIRY => batch.put(live, key, take(&mut rows, len - 1)?),
            _ => return None,
        }
    }
    Some(())
}

fn length(rows: &mut &[u8]) -> Option<usize> {
    let (len, rest) = rows.split_first_chunk::<4>()?;
    *rows = rest;
    Some(u32::from_le_bytes(*len) as usize)
}

fn take<'a>(rows: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = rows.split_at_checked(len)?;
    *rows = rest;
    Some(taken)
}
