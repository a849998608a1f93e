//! Scans, a page at a time.
//!
//! A sorted map is read in byte order from its index, in one script. A hash has no order: a page goes on at a cursor of
//! HSCAN and the last name given out of the names at that cursor, in byte order, so that a page of any size neither
//! leaves out nor repeats what stays as it is.

use redis::Value;

use super::answers::text;
use super::batch::Batch;
use super::exchange::Call;
use super::read::{damaged, unreadable};
use super::values::take_apart;
use super::{RedisState, names, scripts};
use crate::state::{Error, Page, Scan, StateKind};

/// Most bytes of fields and values in one page; the item that passes it is the last.
const PAGE_BYTES: usize = 4 << 20;
/// Names that one HSCAN looks at.
const LOOKED_AT: usize = 256;
/// In front of what a page without order says to go on at.
const CURSOR: u8 = 1;

/// Where a scan without order stands.
#[derive(Default)]
struct Cursor {
    at: String,
    /// Of the names at this cursor, those up to this one were given out.
    after: Option<Vec<u8>>,
}

impl Cursor {
    fn write(&self) -> Vec<u8> {
        let after = self.after.as_ref().map(|after| [&b"+"[..], after].concat()).unwrap_or_default();
        [&[CURSOR], self.at.as_bytes(), b" ", &after].concat()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(&[CURSOR])?;
        let space = rest.iter().position(|byte| *byte == b' ')?;
        let at = std::str::from_utf8(rest.get(..space)?).ok()?;
        at.parse::<u64>().ok()?;
        let after = rest.get(space + 1..)?.strip_prefix(b"+").map(<[u8]>::to_vec);
        Some(Self { at: at.to_owned(), after })
    }
}

impl RedisState {
    pub(super) fn scan_page(&self, scan: Scan<'_>) -> Result<Page, Error> {
        let limit = scan.limit.max(1);
        match (scan.kind, scan.key) {
            (StateKind::Value, None) => self.scan_hash(scan, &names::value_state(scan.state), limit),
            (StateKind::Map, Some(key)) => {
                self.scan_hash(scan, &names::map_key(scan.state, key, false), limit)
            }
            (StateKind::SortedMap, Some(key)) => self.scan_sorted(scan, key, limit),
            // A value has no fields, and the keys of a map state are not listed.
            _ => Ok(Page::default()),
        }
    }

    fn scan_sorted(&self, scan: Scan<'_>, key: &[u8], limit: usize) -> Result<Page, Error> {
        let names = self.names(scan.scope);
        let (hash, index) = (names::map_key(scan.state, key, false), names::map_key(scan.state, key, true));
        let keys = [&*names.control(), &names.key(&index), &names.key(&hash)];
        let from = [b"[", scan.start.unwrap_or_default().max(scan.prefix)].concat();
        let to = prefix_end(scan.prefix).map_or(b"+".to_vec(), |end| [b"(", &end[..]].concat());
        let mut command = scripts::SCAN.call(&keys);
        command.arg(from).arg(to).arg(limit).arg(PAGE_BYTES);
        let mut batch = Batch::default();
        batch.push(names.slot, &command);
        let answers = self.nodes.run(Call::read("scan state"), &batch)?;
        let broken = || unreadable(scan.scope, "scan state", &format!("{answers:?}"));
        let Some((Value::Array(next), items)) = answers.first().and_then(|answer| match answer {
            Value::Array(parts) => parts.split_first(),
            _ => None,
        }) else {
            return Err(broken());
        };
        let mut page = Page::default();
        for pair in items.chunks(2) {
            let [Value::BulkString(field), Value::BulkString(stored)] = pair else { return Err(broken()) };
            push(&mut page, scan, field, stored)?;
        }
        page.next = match next.first() {
            Some(Value::BulkString(next)) => Some(next.clone()),
            _ => None,
        };
        Ok(page)
    }

    fn scan_hash(&self, scan: Scan<'_>, hash: &str, limit: usize) -> Result<Page, Error> {
        let names = self.names(scan.scope);
        let hash = names.key(hash);
        let mut cursor = match scan.start {
            None => Cursor { at: "0".into(), after: None },
            Some(start) => Cursor::read(start).ok_or_else(|| {
                unreadable(
                    scan.scope,
                    "scan state",
                    &format!("{} is no place to go on at", start.escape_ascii()),
                )
            })?,
        };
        let mut page = Page::default();
        loop {
            let mut command = redis::cmd("HSCAN");
            command.arg(&hash).arg(&cursor.at).arg("COUNT").arg(limit.clamp(16, LOOKED_AT));
            if !scan.prefix.is_empty() {
                command.arg("MATCH").arg(pattern(scan.prefix));
            }
            let mut batch = Batch::default();
            batch.push(names.slot, &command);
            let answers = self.nodes.run(Call::read("scan state"), &batch)?;
            let (next, items) = answers
                .first()
                .and_then(chunk)
                .ok_or_else(|| unreadable(scan.scope, "scan state", &format!("{answers:?}")))?;
            for (field, stored) in items {
                if cursor.after.as_deref().is_some_and(|after| field <= after) {
                    continue;
                }
                let bytes = page.fields.data.len() + page.values.data.len();
                if page.fields.len() == limit || bytes >= PAGE_BYTES {
                    page.next = Some(cursor.write());
                    return Ok(page);
                }
                push(&mut page, scan, field, stored)?;
                cursor.after = Some(field.to_vec());
            }
            if next == "0" {
                return Ok(page);
            }
            cursor = Cursor { at: next.to_owned(), after: None };
            if page.fields.len() == limit {
                page.next = Some(cursor.write());
                return Ok(page);
            }
        }
    }
}

/// Name and stored value.
pub(super) type Row<'a> = (&'a [u8], &'a [u8]);

/// The next cursor and the items of an answer to HSCAN, in order and each once.
pub(super) fn chunk(answer: &Value) -> Option<(&str, Vec<Row<'_>>)> {
    let Value::Array(parts) = answer else { return None };
    let [next, Value::Array(items)] = parts.as_slice() else { return None };
    let mut items: Vec<_> = items
        .chunks(2)
        .map(|pair| match pair {
            [Value::BulkString(field), Value::BulkString(stored)] => Some((&field[..], &stored[..])),
            _ => None,
        })
        .collect::<Option<_>>()?;
    items.sort_unstable();
    items.dedup_by(|a, b| a.0 == b.0);
    Some((text(next)?, items))
}

fn push(page: &mut Page, scan: Scan<'_>, field: &[u8], stored: &[u8]) -> Result<(), Error> {
    let (expires, value) = take_apart(stored).ok_or_else(|| damaged(scan.scope, scan.state, field))?;
    page.fields.push(Some(field));
    page.values.push(Some(value));
    page.expires.push(expires);
    Ok(())
}

/// What MATCH takes for "begins with".
pub(super) fn pattern(prefix: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(prefix.len() + 2);
    for &byte in prefix {
        if b"*?[]\\^".contains(&byte) {
            pattern.push(b'\\');
        }
        pattern.push(byte);
    }
    pattern.push(b'*');
    pattern
}

/// The first name behind all that begin with `prefix`; `None` = there is none.
fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut end = prefix.get(..=last)?.to_vec();
    if let Some(byte) = end.last_mut() {
        *byte += 1;
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_to_go_on_at_is_read_back() {
        for after in [None, Some(b"".to_vec()), Some(b"a b+".to_vec())] {
            let cursor = Cursor { at: "18446744073709551615".into(), after };
            let read = Cursor::read(&cursor.write()).unwrap();
            assert_eq!((read.at, read.after), (cursor.at, cursor.after));
        }
        assert!(Cursor::read(b"a").is_none() && Cursor::read(b"\x01x ").is_none());
    }

    #[test]
    fn a_prefix_is_matched_as_it_is() {
        assert_eq!(pattern(b"a*[\xff"), b"a\\*\\[\xff*");
    }
}
