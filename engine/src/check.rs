//! Checks what a function returned before anybody uses it: what passes can be indexed without a further look.

use invoker_core::function::{Description, StateKind};
use invoker_core::records::{Column, ColumnError, HeaderColumns};

use crate::batch::{BatchResult, InputBatch, OutputBatch, Reject, StateUpdate};

/// Why a result cannot be used. `field` names the list as the contract does.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResultError {
    #[error("`consumed` is {consumed}, but the batch has {records} records")]
    Consumed { consumed: u32, records: usize },
    #[error("`stopped` is given, but all {records} records are consumed")]
    StoppedAtEnd { records: usize },
    #[error("`consumed` is 0 of {records} records and `stopped` says no reason: it would never end")]
    NoProgress { records: usize },
    #[error("`{field}` has {found} items, but there are {wanted} {of}")]
    Length { field: String, found: usize, wanted: usize, of: &'static str },
    #[error("`{field}`: {error}")]
    Column { field: String, error: ColumnError },
    #[error("`{field}[{index}]` is {value}, but there are {limit} {of}")]
    Range { field: String, index: usize, value: u64, limit: usize, of: &'static str },
    #[error("`{field}[{index}]` is {value}; -1 and everything from 0 on make sense")]
    Negative { field: String, index: usize, value: i64 },
    #[error("`{field}[{index}]` is {value}, less than the {previous} in front of it")]
    Falling { field: String, index: usize, value: u32, previous: u32 },
    #[error("`{field}[{index}]` is {value}, which the list has already")]
    Twice { field: String, index: usize, value: u32 },
    #[error("`{field}[{index}]` is absent, but a header has a name")]
    HeaderUnnamed { field: String, index: usize },
    #[error("`{field}[{index}]` is not UTF-8")]
    HeaderName { field: String, index: usize },
    #[error("`{field}` is state \"{name}\", which is not a value state")]
    NotValueState { field: String, name: String },
    #[error("`{field}[{index}]` is key {key}, which no consumed record has")]
    ForeignKey { field: String, index: usize, key: u32 },
    #[error("`rejects[{index}]` is record {record}, but `outputs.sources[{output}]` comes from it")]
    RejectedWithOutput { index: usize, record: u32, output: usize },
}

type Check = Result<(), ResultError>;

const OUTPUTS: &str = "outputs";

/// The first thing wrong with a result.
pub(crate) fn result(result: &BatchResult, batch: &InputBatch<'_>, description: &Description) -> Check {
    let records = batch.len();
    let consumed = result.consumed;
    if consumed as usize > records {
        return Err(ResultError::Consumed { consumed, records });
    }
    match &result.stopped {
        Some(_) if consumed as usize == records => return Err(ResultError::StoppedAtEnd { records }),
        None if consumed == 0 && records > 0 => return Err(ResultError::NoProgress { records }),
        _ => {}
    }
    outputs(&result.outputs, consumed, description)?;
    states(&result.states, consumed as usize, batch, description)?;
    rejects(&result.rejects, consumed, &result.outputs)
}

/// Whether the lists of a batch agree; the host makes them, so this is asked in debug builds only.
pub(crate) fn aligned(batch: &InputBatch<'_>, description: &Description) -> bool {
    let n = batch.len();
    let prefetched = description.states.iter().filter(|state| state.prefetch).count();
    batch.event_times.len() == n
        && batch.key_of.len() == n
        && batch.values.len() == n
        && batch.headers.is_none_or(|headers| headers.ends.len() == n)
        && batch.key_of.iter().all(|&key| key >= -1 && key < batch.keys.len() as i32)
        && batch.states.len() == prefetched
        && batch.states.iter().all(|state| state.len() == batch.keys.len())
}

fn outputs(outputs: &OutputBatch, consumed: u32, description: &Description) -> Check {
    let m = outputs.len();
    sources(&outputs.sources, consumed)?;
    ports(outputs, description.outputs.len())?;
    if let Some(keys) = &outputs.keys {
        column("outputs.keys", keys, m, OUTPUTS)?;
    }
    column("outputs.values", &outputs.values, m, OUTPUTS)?;
    optional("outputs.event-times", outputs.event_times.len(), m)?;
    natural("outputs.event-times", outputs.event_times.iter().copied())?;
    optional("outputs.partitions", outputs.partitions.len(), m)?;
    natural("outputs.partitions", outputs.partitions.iter().map(|&partition| partition.into()))?;
    match &outputs.headers {
        Some(found) => headers(found, m),
        None => Ok(()),
    }
}

fn sources(sources: &[u32], consumed: u32) -> Check {
    let mut previous = 0;
    for (index, &value) in sources.iter().enumerate() {
        if value >= consumed {
            let (field, limit) = ("outputs.sources".to_owned(), consumed as usize);
            return Err(ResultError::Range {
                field,
                index,
                value: value.into(),
                limit,
                of: "consumed records",
            });
        }
        if value < previous {
            return Err(ResultError::Falling { field: "outputs.sources".to_owned(), index, value, previous });
        }
        previous = value;
    }
    Ok(())
}

fn ports(outputs: &OutputBatch, declared: usize) -> Check {
    let range = |index, value: u64| ResultError::Range {
        field: "outputs.ports".to_owned(),
        index,
        value,
        limit: declared,
        of: "declared outputs",
    };
    optional("outputs.ports", outputs.ports.len(), outputs.len())?;
    if outputs.ports.is_empty() && !outputs.is_empty() && declared == 0 {
        return Err(range(0, 0));
    }
    match outputs.ports.iter().position(|&port| port as usize >= declared) {
        Some(index) => Err(range(index, outputs.ports.get(index).copied().unwrap_or_default().into())),
        None => Ok(()),
    }
}

fn headers(headers: &HeaderColumns, m: usize) -> Check {
    length("outputs.headers.ends", headers.ends.len(), m, OUTPUTS)?;
    let mut previous = 0;
    for (index, &value) in headers.ends.iter().enumerate() {
        if value < previous {
            return Err(ResultError::Falling {
                field: "outputs.headers.ends".to_owned(),
                index,
                value,
                previous,
            });
        }
        previous = value;
    }
    let count = previous as usize;
    column("outputs.headers.names", &headers.names, count, "headers by `outputs.headers.ends`")?;
    column("outputs.headers.values", &headers.values, count, "headers by `outputs.headers.ends`")?;
    let field = || "outputs.headers.names".to_owned();
    for (index, name) in headers.names.iter().enumerate() {
        let Some(name) = name else {
            return Err(ResultError::HeaderUnnamed { field: field(), index });
        };
        if std::str::from_utf8(name).is_err() {
            return Err(ResultError::HeaderName { field: field(), index });
        }
    }
    Ok(())
}

fn states(
    updates: &[StateUpdate],
    consumed: usize,
    batch: &InputBatch<'_>,
    description: &Description,
) -> Check {
    let mut seen = Set::new(description.states.len());
    for (index, update) in updates.iter().enumerate() {
        let Some(spec) = description.states.get(update.state as usize) else {
            return Err(ResultError::Range {
                field: "states".to_owned(),
                index,
                value: update.state.into(),
                limit: description.states.len(),
                of: "declared states",
            });
        };
        if spec.kind != StateKind::Value {
            let field = format!("states[{index}].state");
            return Err(ResultError::NotValueState { field, name: spec.name.clone() });
        }
        if !seen.insert(update.state.into()) {
            let (field, value) = ("states".to_owned(), update.state.into());
            return Err(ResultError::Twice { field, index, value });
        }
        state(index, update, consumed, batch)?;
    }
    Ok(())
}

fn state(at: usize, update: &StateUpdate, consumed: usize, batch: &InputBatch<'_>) -> Check {
    let field = || format!("states[{at}].keys");
    let limit = batch.keys.len();
    column(&format!("states[{at}].values"), &update.values, update.keys.len(), "keys")?;
    let mut seen = Set::new(limit);
    for (index, &key) in update.keys.iter().enumerate() {
        if key as usize >= limit {
            let (field, value) = (field(), key.into());
            return Err(ResultError::Range { field, index, value, limit, of: "keys in the batch" });
        }
        if !seen.insert(key) {
            return Err(ResultError::Twice { field: field(), index, value: key });
        }
    }
    if consumed == batch.len() {
        return Ok(());
    }
    // What is not consumed comes again, with its state as it was: a change of it would count twice.
    let mut prefix = Set::new(limit);
    for &key in batch.key_of.iter().take(consumed) {
        u32::try_from(key).map(|key| prefix.insert(key)).ok();
    }
    match update.keys.iter().position(|&key| !prefix.contains(key)) {
        Some(index) => {
            let key = update.keys.get(index).copied().unwrap_or_default();
            Err(ResultError::ForeignKey { field: field(), index, key })
        }
        None => Ok(()),
    }
}

fn rejects(rejects: &[Reject], consumed: u32, outputs: &OutputBatch) -> Check {
    if rejects.is_empty() {
        return Ok(());
    }
    let mut seen = Set::new(consumed as usize);
    for (index, reject) in rejects.iter().enumerate() {
        let record = reject.record;
        if record >= consumed {
            return Err(ResultError::Range {
                field: "rejects".to_owned(),
                index,
                value: record.into(),
                limit: consumed as usize,
                of: "consumed records",
            });
        }
        if !seen.insert(record) {
            return Err(ResultError::Twice { field: "rejects".to_owned(), index, value: record });
        }
        if let Ok(output) = outputs.sources.binary_search(&record) {
            return Err(ResultError::RejectedWithOutput { index, record, output });
        }
    }
    Ok(())
}

fn column(field: &str, column: &Column, wanted: usize, of: &'static str) -> Check {
    length(field, column.len(), wanted, of)?;
    column.check().map_err(|error| ResultError::Column { field: field.to_owned(), error })
}

fn length(field: &str, found: usize, wanted: usize, of: &'static str) -> Check {
    if found == wanted {
        return Ok(());
    }
    Err(ResultError::Length { field: field.to_owned(), found, wanted, of })
}

/// A list that may be left out.
fn optional(field: &str, found: usize, wanted: usize) -> Check {
    if found == 0 { Ok(()) } else { length(field, found, wanted, OUTPUTS) }
}

fn natural(field: &str, mut values: impl Iterator<Item = i64> + Clone) -> Check {
    let all = values.clone();
    match values.position(|value| value < -1) {
        Some(index) => {
            let value = all.into_iter().nth(index).unwrap_or_default();
            Err(ResultError::Negative { field: field.to_owned(), index, value })
        }
        None => Ok(()),
    }
}

/// Small numbers seen so far.
struct Set(Vec<u64>);

impl Set {
    fn new(limit: usize) -> Self {
        Self(vec![0; limit.div_ceil(64)])
    }

    /// False if it was there, or is out of range.
    fn insert(&mut self, value: u32) -> bool {
        let Some(word) = self.0.get_mut(value as usize / 64) else { return false };
        let bit = 1 << (value % 64);
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }

    fn contains(&self, value: u32) -> bool {
        self.0.get(value as usize / 64).is_some_and(|word| word & (1 << (value % 64)) != 0)
    }
}

#[cfg(test)]
mod tests;
