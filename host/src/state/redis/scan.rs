//! Scans: fields of a key, keys of a state, and scopes.
//!
//! A hash has no order, and `HSCAN` gives as many items at once as it likes. So a page goes on at a cursor, and behind so
//! many items of what that cursor gave: `next` is `<cursor>:<items>`.

use redis::Value;

use super::super::{Error, Page, Scan, Scope, StateKind};
use super::client::Client;
use super::errors::unexpected;
use super::keys::Keys;
use super::scripts::{SCAN, bytes, number};
use super::values;

const ACTION: &str = "scan state";

pub(super) fn page(client: &Client, keys: &Keys, scan: Scan<'_>) -> Result<Page, Error> {
    match (scan.kind, scan.key) {
        (StateKind::SortedMap, Some(key)) => in_order(client, keys, scan, key),
        (_, Some(key)) => in_no_order(client, &keys.map(scan.scope, scan.state, key), scan),
        (_, None) => in_no_order(client, &keys.values(scan.scope, scan.state), scan),
    }
}

/// From the fields' own index, one more than wanted, which is where the next page starts.
fn in_order(client: &Client, keys: &Keys, scan: Scan<'_>, key: &[u8]) -> Result<Page, Error> {
    let start = scan.start.unwrap_or_default().max(scan.prefix);
    let from = [b"[", start].concat();
    let to = match successor(scan.prefix) {
        Some(end) if end.as_slice() <= start => return Ok(Page::default()),
        Some(end) => [b"(".as_slice(), &end].concat(),
        None => b"+".to_vec(),
    };
    let hash = keys.map(scan.scope, scan.state, key);
    let index = keys.index(scan.scope, scan.state, key);
    let limit = (scan.limit + 1).to_string();
    let command = SCAN.with(&[&hash, &index], &[&from, &to, limit.as_bytes()]);
    let Some(Value::Array(columns)) = client.send(vec![command], ACTION)?.pop() else {
        return Err(unexpected(ACTION, "an answer of another shape"));
    };
    let [Value::Array(fields), Value::Array(stored)] = columns.as_slice() else {
        return Err(unexpected(ACTION, "an answer of another shape"));
    };
    let mut page = Page::default();
    for (field, value) in fields.iter().zip(stored) {
        let field = bytes(field).unwrap_or_default();
        if page.fields.len() == scan.limit {
            page.next = Some(field.to_vec());
            break;
        }
        push(&mut page, field, bytes(value));
    }
    Ok(page)
}

/// The first byte string behind all that begin with `prefix`; `None` = there is none.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte < u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    end.last_mut().into_iter().for_each(|byte| *byte += 1);
    Some(end)
}

fn push(page: &mut Page, field: &[u8], stored: Option<&[u8]>) {
    let (Some(value), expires) = values::decode(stored) else { return };
    page.fields.push(Some(field));
    page.values.push(Some(value));
    page.expires.push(expires);
}

fn in_no_order(client: &Client, hash: &[u8], scan: Scan<'_>) -> Result<Page, Error> {
    let (mut cursor, mut done) = scan.start.map_or(Some((0, 0)), position).ok_or_else(|| {
        unexpected(ACTION, "no page there: a scan of a map goes on where a page said, and nowhere else")
    })?;
    let mut page = Page::default();
    loop {
        let mut command = redis::cmd("HSCAN");
        command.arg(hash).arg(cursor).arg("COUNT").arg(scan.limit.clamp(10, 1000));
        if !scan.prefix.is_empty() {
            command.arg("MATCH").arg(pattern(scan.prefix));
        }
        let (next, items) = cursor_and_items(client.send(vec![command], ACTION)?.pop())?;
        for (at, pair) in items.chunks(2).enumerate().skip(done) {
            let [field, value] = pair else { continue };
            if page.fields.len() == scan.limit {
                page.next = Some(format!("{cursor}:{at}").into_bytes());
                return Ok(page);
            }
            push(&mut page, bytes(field).unwrap_or_default(), bytes(value));
        }
        (cursor, done) = (next, 0);
        if cursor == 0 {
            return Ok(page);
        }
        if page.fields.len() == scan.limit {
            page.next = Some(format!("{cursor}:0").into_bytes());
            return Ok(page);
        }
    }
}

fn position(start: &[u8]) -> Option<(u64, usize)> {
    let (cursor, done) = std::str::from_utf8(start).ok()?.split_once(':')?;
    Some((cursor.parse().ok()?, done.parse().ok()?))
}

/// What begins with these bytes, as a pattern.
fn pattern(prefix: &[u8]) -> Vec<u8> {
    let mut pattern = Vec::with_capacity(prefix.len() + 1);
    for &byte in prefix {
        if matches!(byte, b'*' | b'?' | b'[' | b']' | b'\\' | b'^' | b'-') {
            pattern.push(b'\\');
        }
        pattern.push(byte);
    }
    pattern.push(b'*');
    pattern
}

fn cursor_and_items(answer: Option<Value>) -> Result<(u64, Vec<Value>), Error> {
    match answer {
        Some(Value::Array(mut parts)) if parts.len() == 2 => match (parts.pop(), parts.pop()) {
            (Some(Value::Array(items)), Some(Value::BulkString(cursor))) => {
                Ok((number(&cursor, ACTION)?, items))
            }
            _ => Err(unexpected(ACTION, "an answer of another shape")),
        },
        _ => Err(unexpected(ACTION, "an answer of another shape")),
    }
}

/// Every scope under the prefix, on whatever primary.
pub(super) fn scopes(client: &Client, keys: &Keys) -> Result<Vec<Scope>, Error> {
    let action = "list scopes";
    let mut scopes = Vec::new();
    for control in client.keys_like(&keys.all_controls(), action)? {
        scopes.extend(keys.scope_of(&control));
    }
    scopes.sort();
    scopes.dedup();
    Ok(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_in_front_of_its_successor() {
        assert_eq!(successor(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(successor(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(successor(b"\xff"), None);
        assert_eq!(successor(b""), None);
    }

    #[test]
    fn what_means_something_in_a_pattern_is_escaped() {
        assert_eq!(pattern(b"a*[\xff"), b"a\\*\\[\xff*");
    }
}
