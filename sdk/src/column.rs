//! Reading and writing of the contract's columns in place. What a column means stands in `wit/udf.wit`.

use crate::bindings::invoker::udf::types::{Column, HeaderColumns};

/// Where an item ends, whether it is there or not.
#[inline]
pub(crate) fn end(raw: i32) -> usize {
    (if raw < 0 { -1 - raw } else { raw }) as usize
}

impl Column {
    pub(crate) const fn new() -> Self {
        Self { ends: Vec::new(), data: Vec::new() }
    }

    #[cfg_attr(target_arch = "wasm32", expect(dead_code, reason = "only the native context counts items"))]
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Item `i`; `None` where it is absent or there is no such item.
    #[inline]
    pub(crate) fn get(&self, i: usize) -> Option<&[u8]> {
        let raw = *self.ends.get(i)?;
        let start = if i == 0 { 0 } else { end(*self.ends.get(i - 1)?) };
        if raw < 0 { None } else { self.data.get(start..raw as usize) }
    }

    #[inline]
    pub(crate) fn push(&mut self, item: Option<&[u8]>) {
        match item {
            Some(bytes) => {
                self.data.extend_from_slice(bytes);
                self.close();
            }
            None => self.ends.push(-1 - self.filled()),
        }
    }

    /// Makes what was appended to `data` since the last item the next item.
    #[inline]
    pub(crate) fn close(&mut self) {
        self.ends.push(self.filled());
    }

    #[inline]
    fn filled(&self) -> i32 {
        match i32::try_from(self.data.len()) {
            Ok(filled) => filled,
            Err(_) => too_large(),
        }
    }

    /// Keeps the first `len` items, and nothing that was appended behind them.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        self.data.truncate(self.ends.last().map_or(0, |&raw| end(raw)));
    }
}

#[cold]
#[expect(clippy::panic, reason = "the contract has no number for it, and the host's limit is far below")]
fn too_large() -> ! {
    panic!("a batch gave more than 2 GiB; give less per record, or declare a smaller `max_records`")
}

impl HeaderColumns {
    pub(crate) const fn new() -> Self {
        Self { ends: Vec::new(), names: Column::new(), values: Column::new() }
    }

    /// Indices of the headers of record `i` in `names` and `values`.
    pub(crate) fn range(&self, i: usize) -> std::ops::Range<usize> {
        let start = if i == 0 { 0 } else { self.ends.get(i - 1).copied().unwrap_or(0) };
        let stop = self.ends.get(i).copied().unwrap_or(start);
        start as usize..stop as usize
    }

    /// Appends the headers of record `i` of `other` to the record in the making.
    pub(crate) fn copy(&mut self, other: &Self, i: usize) {
        for at in other.range(i) {
            self.names.push(Some(other.names.get(at).unwrap_or_default()));
            self.values.push(other.values.get(at));
        }
    }

    pub(crate) fn close(&mut self) {
        self.ends.push(self.names.ends.len() as u32);
    }

    pub(crate) fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        let headers = self.ends.last().copied().unwrap_or(0) as usize;
        self.names.truncate(headers);
        self.values.truncate(headers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_and_empty_items_differ() {
        let mut column = Column::new();
        [Some(&b"ab"[..]), None, Some(b""), Some(b"c"), None].into_iter().for_each(|item| column.push(item));
        assert_eq!(column.ends, [2, -3, 2, 3, -4]);
        assert_eq!((column.get(0), column.get(1), column.get(2)), (Some(&b"ab"[..]), None, Some(&b""[..])));
        assert_eq!((column.get(3), column.get(4), column.get(5)), (Some(&b"c"[..]), None, None));
    }

    #[test]
    fn truncating_drops_what_was_never_closed() {
        let mut column = Column::new();
        column.push(Some(b"ab"));
        column.push(None);
        column.data.extend_from_slice(b"left over");
        column.truncate(2);
        assert_eq!((column.ends.as_slice(), column.data.as_slice()), (&[2, -3][..], &b"ab"[..]));
        column.truncate(0);
        assert!(column.ends.is_empty() && column.data.is_empty());
    }
}
