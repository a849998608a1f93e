//! What a function made of the records of a test.

use super::record::Incoming;
use crate::bindings::invoker::udf::types::{BatchResult, Description, HeaderUse, OutputBatch};

/// What a function made of the records that it was given.
#[must_use = "an outcome that nobody looks at tests nothing"]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// In the order of sending.
    pub sent: Vec<Sent>,
    /// Records that failed and would not come again.
    pub rejects: Vec<Rejected>,
    /// The record that is to be tried again; those behind it were not handed over.
    pub stopped: Option<Rejected>,
}

/// A record that a function sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Name of the output.
    pub output: String,
    /// Index of the record that it comes from.
    pub source: usize,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value; `None` is a tombstone.
    pub value: Option<Vec<u8>>,
    /// Its event time.
    pub timestamp: Option<i64>,
    /// Its partition; `None` = by key.
    pub partition: Option<u32>,
    /// Its headers.
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

/// A record that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Its index among those given.
    pub record: usize,
    /// Short and stable, for counting.
    pub code: String,
    /// For a person.
    pub message: String,
}

impl Outcome {
    /// Key and value of what was sent to an output, as text; empty where there is none.
    pub fn pairs(&self, output: &str) -> Vec<(&str, &str)> {
        let sent = self.sent.iter().filter(|sent| sent.output == output);
        sent.map(|sent| (text(sent.key.as_deref()), text(sent.value.as_deref()))).collect()
    }

    /// Index and code of the records that failed for good.
    pub fn codes(&self) -> Vec<(usize, &str)> {
        self.rejects.iter().map(|reject| (reject.record, reject.code.as_str())).collect()
    }

    /// Adds the result of one call, whose first record was number `first`, as the host would read it.
    pub(super) fn add(
        &mut self,
        first: usize,
        records: &[&Incoming],
        result: &BatchResult,
        description: &Description,
    ) {
        check(&result.outputs, result.consumed);
        let outputs = &result.outputs;
        for i in 0..outputs.sources.len() {
            self.sent.push(sent(first, records, outputs, description, i));
        }
        for reject in &result.rejects {
            assert!(reject.record < result.consumed, "a reject lies among the records consumed");
            let record = first + reject.record as usize;
            let failure = reject.failure.clone();
            self.rejects.push(Rejected { record, code: failure.code, message: failure.message });
        }
        if let Some(failure) = result.stopped.clone() {
            let record = first + result.consumed as usize;
            self.stopped = Some(Rejected { record, code: failure.code, message: failure.message });
        }
    }
}

fn text(bytes: Option<&[u8]>) -> &str {
    str::from_utf8(bytes.unwrap_or_default()).unwrap_or("(not text)")
}

/// What the contract says of the columns of a result.
fn check(outputs: &OutputBatch, consumed: u32) {
    let sent = outputs.sources.len();
    let full = |name: &str, len: usize| assert_eq!(len, sent, "`{name}` is as long as `sources`");
    let full_or_empty =
        |name: &str, len: usize| assert!(len == 0 || len == sent, "`{name}` is empty or full");
    full("values", outputs.values.len());
    full_or_empty("ports", outputs.ports.len());
    full_or_empty("event-times", outputs.event_times.len());
    full_or_empty("partitions", outputs.partitions.len());
    outputs.keys.iter().for_each(|keys| full("keys", keys.len()));
    outputs.headers.iter().for_each(|headers| full("headers", headers.ends.len()));
    assert!(outputs.sources.is_sorted(), "`sources` never fall");
    assert!(
        outputs.sources.last().is_none_or(|&last| last < consumed),
        "`sources` lie among the records consumed"
    );
}

#[expect(
    clippy::indexing_slicing,
    reason = "an index beyond its list is a fault of the SDK, and fails the test"
)]
fn sent(
    first: usize,
    records: &[&Incoming],
    outputs: &OutputBatch,
    description: &Description,
    i: usize,
) -> Sent {
    let index = outputs.sources[i] as usize;
    let source = records[index];
    let port = outputs.ports.get(i).map_or(0, |&port| usize::from(port));
    let key = match &outputs.keys {
        Some(keys) => keys.get(i).map(<[u8]>::to_vec),
        None => source.key.clone(),
    };
    let headers = match (&outputs.headers, description.headers) {
        (Some(headers), _) => headers
            .range(i)
            .map(|at| {
                let name = String::from_utf8_lossy(headers.names.get(at).unwrap_or_default()).into_owned();
                (name, headers.values.get(at).map(<[u8]>::to_vec))
            })
            .collect(),
        (None, HeaderUse::Drop) => Vec::new(),
        (None, _) => source.headers.clone(),
    };
    Sent {
        output: description.outputs[port].name.clone(),
        source: first + index,
        key,
        value: outputs.values.get(i).map(<[u8]>::to_vec),
        timestamp: outputs.event_times.get(i).map_or(source.timestamp, |&time| (time != -1).then_some(time)),
        partition: outputs.partitions.get(i).and_then(|&partition| u32::try_from(partition).ok()),
        headers,
    }
}
