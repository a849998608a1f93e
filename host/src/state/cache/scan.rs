//! Scans of map states: pages of the store with the changes it does not show yet laid over them.

use std::ops::Bound;

use invoker_engine::ScanLimit;

use super::PartitionCache;
use super::cell::Cell;
use super::entries::Fields;
use crate::state::{Error, Page, Scan, StateKind, StateStore};

/// Where a scan without order goes on: the store's own continuation, or a field among the changes.
const IN_STORE: u8 = 0;
const IN_CHANGES: u8 = 1;

/// What is asked of one key of one map state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish<'a> {
    pub(super) prefix: &'a [u8],
    pub(super) start: Option<&'a [u8]>,
    pub(super) limit: Limit,
}

/// How long a page may be: in order it ends early rather than be longer, unless it has one field alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    fields: usize,
    bytes: usize,
}

impl Limit {
    fn takes(self, page: &Page, field: &[u8], value: &[u8]) -> bool {
        let bytes = page.fields.data.len() + page.values.data.len() + field.len() + value.len();
        page.fields.len() < self.fields && (bytes <= self.bytes || page.fields.is_empty())
    }
}

impl PartitionCache {
    /// Fields of one key (an index of a distinct key of the batch) that begin with `prefix`, from `start` on, at most
    /// `limit`: in byte order for sorted maps. A plain map has no order: `start` must be what `Page::next` said, and a
    /// field that is written while the scan is under way may come twice.
    pub fn map_scan(
        &self,
        store: &dyn StateStore,
        state: u16,
        key: u32,
        prefix: &[u8],
        start: Option<&[u8]>,
        limit: ScanLimit,
    ) -> Result<Page, Error> {
        let (Some(declared), Some(&slot)) =
            (self.states.get(usize::from(state)), self.slots.get(key as usize))
        else {
            return Ok(Page::default());
        };
        let base = Scan {
            scope: &self.scope,
            state: &declared.name,
            kind: declared.kind,
            key: Some(self.entries.key(slot)),
            prefix,
            start,
            limit: 0,
        };
        let merge = Merge {
            store,
            base,
            changes: Changed { fields: self.entries.fields(slot, declared.place), cache: self },
            now: self.now,
        };
        let bytes = limit.bytes.min(i32::MAX as usize);
        let limit = Limit { fields: (limit.fields as usize).max(1), bytes };
        let wish = Wish { prefix, start, limit };
        match declared.kind {
            StateKind::Map => merge.in_no_order(wish),
            _ => merge.in_order(wish),
        }
    }
}

/// The changes that the store does not show yet.
struct Changed<'a> {
    fields: &'a Fields,
    cache: &'a PartitionCache,
}

impl<'a> Changed<'a> {
    fn from(&self, from: &[u8], prefix: &'a [u8]) -> impl Iterator<Item = (&'a [u8], &'a Cell)> {
        let from = if from < prefix { prefix } else { from };
        let intervals = self.cache.intervals;
        self.fields
            .range::<[u8], _>((Bound::Included(from), Bound::Unbounded))
            .map(|(field, cell)| (field.as_slice(), cell))
            .take_while(move |(field, _)| field.starts_with(prefix))
            .filter(move |(_, cell)| !intervals.is_clean(cell))
    }

    fn cover(&self, field: &[u8]) -> bool {
        self.fields.get(field).is_some_and(|cell| !self.cache.intervals.is_clean(cell))
    }
}

struct Merge<'a> {
    store: &'a dyn StateStore,
    base: Scan<'a>,
    changes: Changed<'a>,
    now: i64,
}

fn push(page: &mut Page, field: &[u8], value: Option<&[u8]>, expires: i64) {
    page.fields.push(Some(field));
    page.values.push(value);
    page.expires.push(expires);
}

impl<'a> Merge<'a> {
    fn page(&self, start: Option<&[u8]>, limit: usize) -> Result<Page, Error> {
        self.store.scan(Scan { start, limit, ..self.base })
    }

    fn is_live(&self, expires: i64) -> bool {
        expires < 0 || expires > self.now
    }

    /// Takes from whichever side has the lower field; the changes win where both have it.
    fn in_order(&self, wish: Wish<'a>) -> Result<Page, Error> {
        let mut answer = Page::default();
        let mut changes = self.changes.from(wish.start.unwrap_or_default(), wish.prefix).peekable();
        let mut from: Option<Vec<u8>> = wish.start.map(<[u8]>::to_vec);
        let mut at_end = false;
        while !at_end {
            // One more than wanted, so that the last page needs no second look.
            let page = self.page(from.as_deref(), wish.limit.fields - answer.fields.len() + 1)?;
            for ((field, value), &expires) in page.fields.iter().zip(page.values.iter()).zip(&page.expires) {
                let field = field.unwrap_or_default();
                while let Some((changed, cell)) = changes.next_if(|(changed, _)| *changed <= field) {
                    if !self.take(&mut answer, wish.limit, changed, cell.at(self.now), cell.stored().1) {
                        return Ok(answer);
                    }
                }
                let shown = value.filter(|_| self.is_live(expires) && !self.changes.cover(field));
                if !self.take(&mut answer, wish.limit, field, shown, expires) {
                    return Ok(answer);
                }
            }
            at_end = page.next.is_none();
            // Changes in front of the next page are in order before it; those behind wait for it.
            from = page.next;
        }
        for (changed, cell) in changes {
            if !self.take(&mut answer, wish.limit, changed, cell.at(self.now), cell.stored().1) {
                break;
            }
        }
        Ok(answer)
    }

    /// False: the page is full, and goes on at this field.
    fn take(&self, page: &mut Page, limit: Limit, field: &[u8], value: Option<&[u8]>, expires: i64) -> bool {
        let Some(value) = value else { return true };
        if !limit.takes(page, field, value) {
            page.next = Some(field.to_vec());
            return false;
        }
        push(page, field, Some(value), expires);
        true
    }

    /// The store's fields that no change covers, then the changes.
    fn in_no_order(&self, wish: Wish<'a>) -> Result<Page, Error> {
        let mut answer = Page::default();
        let (stage, rest) = match wish.start.and_then(<[u8]>::split_first) {
            Some((stage, rest)) => (*stage, rest),
            None => (IN_STORE, &[][..]),
        };
        let mut from = (!rest.is_empty()).then(|| rest.to_vec());
        let mut in_store = stage == IN_STORE;
        let changes = self.changes.from(if in_store { &[] } else { rest }, wish.prefix);
        while in_store && answer.fields.len() < wish.limit.fields {
            let page = self.page(from.as_deref(), wish.limit.fields - answer.fields.len())?;
            for ((field, value), &expires) in page.fields.iter().zip(page.values.iter()).zip(&page.expires) {
                let field = field.unwrap_or_default();
                let Some(value) = value.filter(|_| self.is_live(expires) && !self.changes.cover(field))
                else {
                    continue;
                };
                if !wish.limit.takes(&answer, field, value) {
                    return Err(Error::TooLarge { most: wish.limit.bytes });
                }
                push(&mut answer, field, Some(value), expires);
            }
            in_store = page.next.is_some();
            from = page.next;
        }
        if in_store {
            answer.next = Some(continuation(IN_STORE, &from.unwrap_or_default()));
            return Ok(answer);
        }
        for (field, cell) in changes {
            let Some(value) = cell.at(self.now) else { continue };
            if !wish.limit.takes(&answer, field, value) {
                answer.next = Some(continuation(IN_CHANGES, field));
                break;
            }
            push(&mut answer, field, Some(value), cell.stored().1);
        }
        Ok(answer)
    }
}

fn continuation(stage: u8, rest: &[u8]) -> Vec<u8> {
    [&[stage], rest].concat()
}
