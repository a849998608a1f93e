//! Records in columns: the shape in which they are polled, handed to a function and written.
//! It is the shape of the WIT contract, so crossing the boundary is a copy and never a conversion.

/// Byte strings laid end to end, each of which may be absent.
///
/// The end of item `i` is `ends[i]`, or `-1 - ends[i]` where that is negative, which marks the item absent
/// (it has no bytes). At most `i32::MAX` bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    pub ends: Vec<i32>,
    pub data: Vec<u8>,
}

/// Why a column that came from outside cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    #[error("item {item} ends at byte {end}, before the item in front of it (byte {previous})")]
    Falling { item: usize, end: i64, previous: i64 },
    #[error("item {item} ends at byte {end}, but there are {bytes} bytes")]
    Beyond { item: usize, end: i64, bytes: usize },
    #[error("item {item} is marked absent but holds {bytes} bytes")]
    AbsentWithBytes { item: usize, bytes: i64 },
    #[error("{extra} bytes follow the last item")]
    Trailing { extra: usize },
}

#[inline]
fn end(raw: i32) -> i32 {
    if raw < 0 { -1 - raw } else { raw }
}

impl Column {
    /// Number of items, absent ones counted.
    #[inline]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Forgets the items and keeps the memory.
    pub fn clear(&mut self) {
        self.ends.clear();
        self.data.clear();
    }

    /// Appends one item; `None` is absent.
    #[inline]
    pub fn push(&mut self, item: Option<&[u8]>) {
        match item {
            Some(bytes) => {
                self.data.extend_from_slice(bytes);
                self.ends.push(self.data.len() as i32);
            }
            None => self.ends.push(-1 - self.data.len() as i32),
        }
    }

    /// Item `i`; `None` where it is absent or there is no such item. The column must be valid
    /// ([`Column::check`]); a range outside the data reads as absent.
    #[inline]
    pub fn get(&self, i: usize) -> Option<&[u8]> {
        let raw = *self.ends.get(i)?;
        if raw < 0 {
            return None;
        }
        let start = if i == 0 { 0 } else { end(*self.ends.get(i - 1)?) };
        self.data.get(start as usize..raw as usize)
    }

    /// Items in order.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let mut start = 0;
        self.ends.iter().map(move |&raw| {
            let stop = end(raw) as usize;
            let item = if raw < 0 { None } else { self.data.get(start..stop) };
            start = stop;
            item
        })
    }

    /// Keeps the first `len` items.
    pub fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        self.data.truncate(self.ends.last().map_or(0, |&raw| end(raw) as usize));
    }

    /// Checks a column made elsewhere: ends never fall, stay inside the data and use all of it; absent items
    /// have no bytes.
    pub fn check(&self) -> Result<(), ColumnError> {
        let mut previous = 0i32;
        for (item, &raw) in self.ends.iter().enumerate() {
            let stop = end(raw);
            if stop < previous {
                return Err(ColumnError::Falling { item, end: stop.into(), previous: previous.into() });
            }
            if stop as usize > self.data.len() {
                return Err(ColumnError::Beyond { item, end: stop.into(), bytes: self.data.len() });
            }
            if raw < 0 && stop != previous {
                return Err(ColumnError::AbsentWithBytes { item, bytes: i64::from(stop - previous) });
            }
            previous = stop;
        }
        match self.data.len() - previous as usize {
            0 => Ok(()),
            extra => Err(ColumnError::Trailing { extra }),
        }
    }
}

impl<'a> FromIterator<Option<&'a [u8]>> for Column {
    fn from_iter<I: IntoIterator<Item = Option<&'a [u8]>>>(items: I) -> Self {
        let mut column = Self::default();
        items.into_iter().for_each(|item| column.push(item));
        column
    }
}

/// Headers of the records of a batch, in order, repeated names kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderColumns {
    /// Per record: the end of its headers in `names` and `values`.
    pub ends: Vec<u32>,
    /// UTF-8, never absent.
    pub names: Column,
    pub values: Column,
}

impl HeaderColumns {
    pub fn clear(&mut self) {
        self.ends.clear();
        self.names.clear();
        self.values.clear();
    }

    /// Headers of record `i`, name and value.
    #[inline]
    pub fn of(&self, i: usize) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let start = if i == 0 { 0 } else { self.ends.get(i - 1).copied().unwrap_or(0) };
        let stop = self.ends.get(i).copied().unwrap_or(start);
        (start as usize..stop as usize)
            .map(|at| (self.names.get(at).unwrap_or_default(), self.values.get(at)))
    }

    /// Appends the headers of the next record.
    #[inline]
    pub fn push<'a>(&mut self, headers: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>) {
        for (name, value) in headers {
            self.names.push(Some(name));
            self.values.push(value);
        }
        self.ends.push(self.names.len() as u32);
    }
}

/// Records of one partition of one topic, in offset order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordBatch {
    pub offsets: Vec<u64>,
    /// Milliseconds since the Unix epoch; -1 where the log gives none.
    pub timestamps: Vec<i64>,
    pub keys: Column,
    /// Absent = tombstone.
    pub values: Column,
    pub headers: HeaderColumns,
}

/// One record to be written. `headers` are name and value, in order.
#[derive(Clone, Copy, Debug)]
pub struct RecordRef<'a> {
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Milliseconds since the Unix epoch; -1 = the log stamps it.
    pub timestamp: i64,
    pub headers: &'a [(&'a [u8], Option<&'a [u8]>)],
}

impl RecordBatch {
    #[inline]
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Forgets the records and keeps the memory.
    pub fn clear(&mut self) {
        self.offsets.clear();
        self.timestamps.clear();
        self.keys.clear();
        self.values.clear();
        self.headers.clear();
    }

    #[inline]
    pub fn push(&mut self, offset: u64, record: RecordRef<'_>) {
        self.offsets.push(offset);
        self.timestamps.push(record.timestamp);
        self.keys.push(record.key);
        self.values.push(record.value);
        self.headers.push(record.headers.iter().copied());
    }

    /// Replaces what is in `into` with the records of `range`.
    pub fn copy_range(&self, range: std::ops::Range<usize>, into: &mut Self) {
        into.clear();
        into.offsets.extend(self.offsets.get(range.clone()).unwrap_or_default());
        into.timestamps.extend(self.timestamps.get(range.clone()).unwrap_or_default());
        for i in range {
            into.keys.push(self.keys.get(i));
            into.values.push(self.values.get(i));
            into.headers.push(self.headers.of(i));
        }
    }

    /// Bytes of keys, values and headers.
    pub fn bytes(&self) -> usize {
        self.keys.data.len()
            + self.values.data.len()
            + self.headers.names.data.len()
            + self.headers.values.data.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_and_empty_items_differ() {
        let column: Column = [Some(&b"ab"[..]), None, Some(b""), Some(b"c"), None].into_iter().collect();
        assert_eq!(column.ends, [2, -3, 2, 3, -4]);
        assert_eq!(column.check(), Ok(()));
        let items: Vec<_> = column.iter().collect();
        assert_eq!(items, [Some(&b"ab"[..]), None, Some(b""), Some(b"c"), None]);
        assert_eq!((0..6).map(|i| column.get(i)).collect::<Vec<_>>()[..5], items);
        assert_eq!(column.get(5), None);
    }

    #[test]
    fn a_copied_range_is_a_batch_of_its_own() {
        let mut batch = RecordBatch::default();
        for (offset, key) in [Some(&b"a"[..]), None, Some(b"c")].into_iter().enumerate() {
            let headers = [(&b"h"[..], key)];
            batch.push(offset as u64, RecordRef { key, value: Some(b"v"), timestamp: 7, headers: &headers });
        }
        let mut part = RecordBatch::default();
        batch.copy_range(1..3, &mut part);
        assert_eq!(part.offsets, [1, 2]);
        assert_eq!(part.keys.iter().collect::<Vec<_>>(), [None, Some(&b"c"[..])]);
        assert_eq!(part.headers.of(1).collect::<Vec<_>>(), [(&b"h"[..], Some(&b"c"[..]))]);
        assert_eq!((part.keys.check(), part.values.check()), (Ok(()), Ok(())));
    }

    #[test]
    fn broken_columns_are_named() {
        let check = |ends: &[i32], data: &[u8]| Column { ends: ends.to_vec(), data: data.to_vec() }.check();
        assert_eq!(check(&[2, 1], b"ab"), Err(ColumnError::Falling { item: 1, end: 1, previous: 2 }));
        assert_eq!(check(&[3], b"ab"), Err(ColumnError::Beyond { item: 0, end: 3, bytes: 2 }));
        assert_eq!(
            check(&[i32::MIN], b""),
            Err(ColumnError::Beyond { item: 0, end: i32::MAX.into(), bytes: 0 })
        );
        assert_eq!(check(&[-2], b"a"), Err(ColumnError::AbsentWithBytes { item: 0, bytes: 1 }));
        assert_eq!(check(&[1], b"ab"), Err(ColumnError::Trailing { extra: 1 }));
    }
}
