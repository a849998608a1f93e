//! Reads and scans of live state.

use super::layout::{self, Shape};
use super::rows::live_key;
use super::{EmbeddedState, damaged, failed, scopes};
use crate::state::{Error, Page, Read, Scan, Values};

/// Most bytes of fields and values in one page; the item that passes it is the last.
const PAGE_BYTES: usize = 4 << 20;

impl EmbeddedState {
    pub(super) fn read_one(&self, read: &Read<'_>) -> Result<Values, Error> {
        let open = self.scopes.get(read.scope);
        let open = scopes::lock(&open);
        let count = read.keys.len();
        let mut values = Values::default();
        let Some(state) = open.control.find_state(read.state, read.kind) else {
            (0..count).for_each(|_| values.values.push(None));
            values.expires.resize(count, -1);
            return Ok(values);
        };
        let mut address = Vec::new();
        for (at, key) in read.keys.iter().enumerate() {
            let key = key.unwrap_or_default();
            live_key(open.control.number, state, read.kind, key, read.fields.get(at), &mut address);
            let found = self.live.get(&address).map_err(failed("read state"))?;
            let (expires, value) = match &found {
                None => (-1, None),
                Some(value) => {
                    let (expires, value) =
                        layout::stored(value).ok_or_else(|| short(read.scope, read.state, key))?;
                    (expires, Some(value))
                }
            };
            values.values.push(value);
            values.expires.push(expires);
        }
        Ok(values)
    }

    pub(super) fn scan_page(&self, scan: Scan<'_>) -> Result<Page, Error> {
        let open = self.scopes.get(scan.scope);
        let open = scopes::lock(&open);
        let mut page = Page::default();
        let Some(state) = open.control.find_state(scan.state, scan.kind) else { return Ok(page) };
        let mut group = Vec::new();
        layout::state_prefix(open.control.number, state, &mut group);
        match (Shape::from(scan.kind), scan.key) {
            (Shape::Value, None) => {}
            (Shape::Fields, Some(key)) => layout::escape(key, &mut group),
            // A value has no fields, and the keys of a map state are not listed.
            _ => return Ok(page),
        }
        let start = scan.start.unwrap_or_default().max(scan.prefix);
        let from = [&group[..], start].concat();
        let to = layout::prefix_end(&[&group[..], scan.prefix].concat());
        for entry in self.live.range(&from, to.as_deref()) {
            let (key, value) = entry.map_err(failed("scan state"))?;
            let field = key.get(group.len()..).unwrap_or_default();
            let bytes = page.fields.data.len() + page.values.data.len();
            if page.fields.len() >= scan.limit || bytes >= PAGE_BYTES {
                page.next = Some(field.to_vec());
                break;
            }
            let (expires, value) =
                layout::stored(&value).ok_or_else(|| short(scan.scope, scan.state, field))?;
            page.fields.push(Some(field));
            page.values.push(Some(value));
            page.expires.push(expires);
        }
        Ok(page)
    }
}

fn short(scope: &crate::state::Scope, state: &str, key: &[u8]) -> Error {
    damaged(
        scope,
        format!(
            "a value of state {state:?} is too short to hold its expiry: {:?}",
            key.escape_ascii().to_string()
        ),
    )
}
