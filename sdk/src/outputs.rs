//! What a call has sent so far, in the columns that the host takes. A column that no record needed stays empty.

use crate::bindings::invoker::udf::types::{Column, HeaderColumns, HeaderUse, OutputBatch};
use crate::record::Batch;
use std::mem;
use std::rc::Rc;

#[derive(Debug)]
pub(crate) struct Outputs {
    header_use: HeaderUse,
    /// Read where a column that others left out is filled up, and where a key is inherited beside others that are not.
    batch: Option<Rc<Batch>>,
    /// Record in hand.
    source: u32,
    /// Of each output of the records before it.
    sources: Vec<u32>,
    /// Whether some output said more than its value, so that the columns below have to be kept as long as the values.
    told: bool,
    ports: Vec<u16>,
    keys: Option<Column>,
    values: Column,
    event_times: Vec<i64>,
    partitions: Vec<i32>,
    headers: Option<HeaderColumns>,
    /// Headers of the draft in the making.
    draft: Draft,
    /// Outputs and bytes of the last call: what the next one will need, or near it.
    expected: (usize, usize),
}

/// What one output says beyond its value.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extras<'a> {
    pub(crate) key: Key<'a>,
    pub(crate) event_time: Option<i64>,
    pub(crate) partition: Option<i32>,
    /// Take the headers of the draft instead of the source's.
    pub(crate) headers: bool,
}

/// Key of an output.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Key<'a> {
    /// That of its source.
    #[default]
    Source,
    Own(Option<&'a [u8]>),
}

#[derive(Debug, Default)]
struct Draft {
    forward: bool,
    columns: Option<HeaderColumns>,
}

impl Outputs {
    pub(crate) fn new(header_use: HeaderUse) -> Self {
        Self {
            header_use,
            batch: None,
            source: 0,
            sources: Vec::new(),
            told: false,
            ports: Vec::new(),
            keys: None,
            values: Column::new(),
            event_times: Vec::new(),
            partitions: Vec::new(),
            headers: None,
            draft: Draft::default(),
            expected: (0, 0),
        }
    }

    /// Begins with a batch.
    pub(crate) fn begin(&mut self, batch: Rc<Batch>) {
        let (outputs, bytes) = self.expected;
        self.batch = Some(batch);
        self.told = false;
        self.sources = Vec::with_capacity(outputs);
        self.values = Column { ends: Vec::with_capacity(outputs), data: Vec::with_capacity(bytes) };
    }

    /// Goes on to a record.
    #[inline]
    pub(crate) fn enter(&mut self, source: u32) {
        self.name_sources();
        self.source = source;
    }

    /// All outputs that have no source yet are of the record in hand.
    #[inline]
    fn name_sources(&mut self) {
        self.sources.resize(self.values.ends.len(), self.source);
    }

    /// Bytes of keys and values sent in this call.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.values.data.len() + self.keys.as_ref().map_or(0, |keys| keys.data.len())
    }

    /// Hands over what was sent.
    pub(crate) fn finish(&mut self) -> OutputBatch {
        self.name_sources();
        self.batch = None;
        self.expected = (self.sources.len(), self.values.data.len());
        OutputBatch {
            sources: mem::take(&mut self.sources),
            ports: mem::take(&mut self.ports),
            keys: self.keys.take(),
            values: mem::replace(&mut self.values, Column::new()),
            event_times: mem::take(&mut self.event_times),
            partitions: mem::take(&mut self.partitions),
            headers: self.headers.take(),
        }
    }

    /// Sends a value with the key, time and headers of its source. `encode` appends it; what a failed one appended is removed.
    #[inline]
    pub(crate) fn send<E>(
        &mut self,
        port: u16,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.encode(encode)?;
        if self.told || port != 0 {
            if self.keys.is_some() {
                self.inherit_key();
            }
            self.close(port);
        }
        Ok(())
    }

    /// The same with a key of its own.
    #[inline]
    pub(crate) fn send_keyed<E>(
        &mut self,
        port: u16,
        key: &[u8],
        encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.encode(encode)?;
        self.own_keys().push(Some(key));
        self.close(port);
        Ok(())
    }

    /// The same with all that an output can say; no `encode` sends a tombstone.
    pub(crate) fn send_with<E>(
        &mut self,
        port: u16,
        extras: Extras<'_>,
        encode: Option<impl FnOnce(&mut Vec<u8>) -> Result<(), E>>,
    ) -> Result<(), E> {
        match encode {
            Some(encode) => self.encode(encode)?,
            None => self.values.push(None),
        }
        self.sources.resize(self.before(), self.source);
        match extras.key {
            Key::Own(key) => self.own_keys().push(key),
            Key::Source if self.keys.is_some() => self.inherit_key(),
            Key::Source => {}
        }
        if let Some(time) = extras.event_time {
            self.fill_event_times();
            self.event_times.push(time);
        }
        if let Some(partition) = extras.partition {
            self.partitions.resize(self.before(), -1);
            self.partitions.push(partition);
        }
        if extras.headers {
            self.take_draft();
        }
        self.close(port);
        Ok(())
    }

    #[inline]
    fn encode<E>(&mut self, encode: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let before = self.values.data.len();
        if let Err(error) = encode(&mut self.values.data) {
            self.values.data.truncate(before);
            return Err(error);
        }
        self.values.close();
        Ok(())
    }

    /// Outputs before the one that was encoded last.
    fn before(&self) -> usize {
        self.values.ends.len() - 1
    }

    /// Fills up the columns that the last output said nothing about and others did.
    #[inline]
    fn close(&mut self, port: u16) {
        self.told = true;
        if port != 0 || !self.ports.is_empty() {
            self.ports.resize(self.before(), 0);
            self.ports.push(port);
        }
        if !self.event_times.is_empty() || !self.partitions.is_empty() || self.headers.is_some() {
            self.fill();
        }
    }

    #[cold]
    fn fill(&mut self) {
        self.name_sources();
        if !self.event_times.is_empty() {
            self.fill_event_times();
        }
        if !self.partitions.is_empty() {
            self.partitions.resize(self.sources.len(), -1);
        }
        if self.headers.is_some() {
            self.fill_headers();
        }
    }

    fn fill_event_times(&mut self) {
        let Some(batch) = &self.batch else { return };
        let missing = self.sources.get(self.event_times.len()..).unwrap_or_default();
        self.event_times.extend(missing.iter().map(|&source| batch.event_time(source as usize)));
    }

    fn fill_headers(&mut self) {
        let headers = self.headers.get_or_insert_with(HeaderColumns::new);
        let source = self.batch.as_ref().and_then(|batch| batch.input.headers.as_ref());
        for &record in self.sources.get(headers.ends.len()..).unwrap_or_default() {
            if let Some(source) = source {
                headers.copy(source, record as usize);
            }
            headers.close();
        }
    }

    #[inline]
    fn own_keys(&mut self) -> &mut Column {
        if self.keys.is_none() {
            self.inherit_keys();
        }
        self.keys.get_or_insert_with(Column::new)
    }

    /// The first key of its own: all before it inherited theirs, and have to say so now.
    #[cold]
    fn inherit_keys(&mut self) {
        let mut keys =
            Column { ends: Vec::with_capacity(self.expected.0), data: Vec::with_capacity(self.expected.1) };
        self.sources.resize(self.before(), self.source);
        if let Some(batch) = &self.batch {
            self.sources.iter().for_each(|&source| keys.push(batch.key(source as usize)));
        }
        self.keys = Some(keys);
    }

    fn inherit_key(&mut self) {
        if let (Some(keys), Some(batch)) = (&mut self.keys, &self.batch) {
            keys.push(batch.key(self.source as usize));
        }
    }

    /// Begins the headers of an output; those of the source come first where the function reads them.
    pub(crate) fn draft(&mut self) {
        self.draft.forward = self.header_use == HeaderUse::Read;
        if let Some(columns) = &mut self.draft.columns {
            columns.truncate(0);
            columns.names.truncate(0);
            columns.values.truncate(0);
        }
    }

    pub(crate) fn clear_draft(&mut self) {
        self.draft();
        self.draft.forward = false;
    }

    pub(crate) fn draft_header(&mut self, name: &str, value: Option<&[u8]>) {
        let columns = self.draft.columns.get_or_insert_with(HeaderColumns::new);
        columns.names.push(Some(name.as_bytes()));
        columns.values.push(value);
    }

    /// Whether a function can say what the headers of an output are: not where the host forwards them unseen.
    pub(crate) fn sets_headers(&self) -> bool {
        self.header_use != HeaderUse::Forward
    }

    fn take_draft(&mut self) {
        self.fill_headers();
        let headers = self.headers.get_or_insert_with(HeaderColumns::new);
        let source = self.batch.as_ref().and_then(|batch| batch.input.headers.as_ref());
        if let (true, Some(source)) = (self.draft.forward, source) {
            headers.copy(source, self.source as usize);
        }
        if let Some(draft) = &mut self.draft.columns {
            draft.close();
            headers.copy(draft, 0);
            draft.ends.clear();
        }
        headers.close();
    }

    /// Forgets what the record in hand has sent.
    #[cold]
    pub(crate) fn undo(&mut self) {
        let keep = self.sources.partition_point(|&source| source < self.source);
        self.sources.truncate(keep);
        self.values.truncate(keep);
        self.ports.truncate(keep);
        self.event_times.truncate(keep);
        self.partitions.truncate(keep);
        if let Some(keys) = &mut self.keys {
            keys.truncate(keep);
        }
        if let Some(headers) = &mut self.headers {
            headers.truncate(keep);
        }
    }
}
