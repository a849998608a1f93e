//! Counts of what happened to the store since the process began.

use prometheus_client::metrics::counter::Counter;

use super::Collected;

/// Counts. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats {
    /// Blobs and manifests whose bytes had another digest when they were read.
    pub(crate) damaged: Counter,
    /// Collections of garbage that ended.
    pub(crate) collections: Counter,
    pub(crate) collected_blobs: Counter,
    pub(crate) collected_bytes: Counter,
    pub(crate) collected_uploads: Counter,
    pub(crate) collected_records: Counter,
    /// Repositories that were left alone because a record cannot be read.
    pub(crate) skipped: Counter,
}

impl Stats {
    pub(super) fn collected(&self, found: &Collected) {
        self.collections.inc();
        self.collected_blobs.inc_by(found.blobs);
        self.collected_bytes.inc_by(found.blob_bytes);
        self.collected_uploads.inc_by(found.uploads);
        self.collected_records.inc_by(found.records);
        self.skipped.inc_by(found.skipped);
    }
}
