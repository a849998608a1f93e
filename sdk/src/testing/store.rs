//! The states of one function in memory, with their times to live.

use std::collections::BTreeMap;

/// State and key.
type Place = (u16, Vec<u8>);

#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    values: BTreeMap<Place, Kept>,
    maps: BTreeMap<Place, BTreeMap<Vec<u8>, Kept>>,
}

#[derive(Clone, Debug)]
struct Kept {
    bytes: Vec<u8>,
    /// Last millisecond in which it is there.
    until: Option<i64>,
}

impl Kept {
    fn at(&self, now: i64) -> Option<&[u8]> {
        self.until.is_none_or(|until| now <= until).then_some(self.bytes.as_slice())
    }
}

impl Store {
    pub(super) fn value(&self, state: u16, key: &[u8], now: i64) -> Option<Vec<u8>> {
        self.values.get(&(state, key.to_vec()))?.at(now).map(<[u8]>::to_vec)
    }

    pub(super) fn put(&mut self, state: u16, key: &[u8], value: Option<&[u8]>, until: Option<i64>) {
        let place = (state, key.to_vec());
        match value {
            Some(bytes) => drop(self.values.insert(place, Kept { bytes: bytes.to_vec(), until })),
            None => drop(self.values.remove(&place)),
        }
    }

    pub(super) fn field(&self, state: u16, key: &[u8], field: &[u8], now: i64) -> Option<Vec<u8>> {
        self.maps.get(&(state, key.to_vec()))?.get(field)?.at(now).map(<[u8]>::to_vec)
    }

    pub(super) fn put_field(
        &mut self,
        state: u16,
        key: &[u8],
        field: &[u8],
        value: Option<&[u8]>,
        until: Option<i64>,
    ) {
        let fields = self.maps.entry((state, key.to_vec())).or_default();
        match value {
            Some(bytes) => drop(fields.insert(field.to_vec(), Kept { bytes: bytes.to_vec(), until })),
            None => drop(fields.remove(field)),
        }
    }

    /// Fields with this prefix from `start` on, in byte order.
    pub(super) fn fields(
        &self,
        state: u16,
        key: &[u8],
        prefix: &[u8],
        start: &[u8],
        now: i64,
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        let fields = self.maps.get(&(state, key.to_vec()));
        let fields = fields.into_iter().flat_map(|fields| fields.range(start.to_vec()..));
        let fields = fields.filter(|(field, _)| field.starts_with(prefix));
        fields.filter_map(|(field, kept)| Some((field.clone(), kept.at(now)?.to_vec()))).collect()
    }
}
