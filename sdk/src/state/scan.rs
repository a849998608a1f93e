//! A scan over the fields of one key, page by page.

use super::map::Map;
use crate::bindings::invoker::udf::state::Page;
use crate::codec::Codec;
use crate::error::Result;
use std::fmt;

/// Most fields asked for at a time; the host may give fewer.
const PAGE: u32 = 512;

/// Fields and their values, see [`Map::scan`].
#[must_use = "a scan reads only what is asked of it"]
pub struct Scan<'a, C: Codec, O> {
    map: &'a mut Map<C, O>,
    key: u32,
    prefix: Vec<u8>,
    page: Page,
    /// The item of `page` that comes next.
    at: usize,
}

impl<'a, C: Codec, O> Scan<'a, C, O> {
    pub(super) fn new(map: &'a mut Map<C, O>, key: u32, prefix: &[u8], start: Option<Vec<u8>>) -> Self {
        let page = crate::host::map_scan(map.index, key, prefix, start.as_deref(), PAGE);
        Self { map, key, prefix: prefix.to_vec(), page, at: 0 }
    }
}

impl<C: Codec, O> Iterator for Scan<'_, C, O> {
    type Item = Result<(Vec<u8>, C::Item)>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.at >= self.page.fields.ends.len() {
            let start = self.page.next.take()?;
            self.page = crate::host::map_scan(self.map.index, self.key, &self.prefix, Some(&start), PAGE);
            self.at = 0;
        }
        let field = self.page.fields.get(self.at).unwrap_or_default();
        let value = self.page.values.get(self.at).unwrap_or_default();
        self.at += 1;
        Some(self.map.stored.decode::<C>(value).map(|value| (field.to_vec(), value)))
    }
}

impl<C: Codec, O> fmt::Debug for Scan<'_, C, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scan").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
