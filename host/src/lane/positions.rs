//! Where a partition starts to read, and whether the function may read the state that is there.

use invoker_core::commit::Token;
use invoker_core::document::{InputDocument, OnPartitionChange, StartPosition};
use invoker_core::function::StateSpec;

use super::inputs::Input;
use super::take::{input_partition, moved};
use super::{LaneSpec, Trouble};
use crate::log::{self, Source, TopicPartition};
use crate::state::{Answer, Meta, Scope};

/// The position of each input: what was read, else where reading is to start.
pub(super) fn positions(
    spec: &LaneSpec,
    source: &dyn Source,
    partition: u32,
    known: impl Fn(usize) -> Option<u64>,
) -> Result<Vec<u64>, Trouble> {
    let one = |(input, document): (usize, &InputDocument)| match known(input) {
        Some(offset) => Ok(offset),
        None => {
            let tp = input_partition(&spec.entity.inputs, input, partition);
            start_position(source, &tp, &document.start).map_err(Trouble::log("find the start position"))
        }
    };
    spec.entity.inputs.iter().enumerate().map(one).collect()
}

fn start_position(
    source: &dyn Source,
    tp: &TopicPartition,
    start: &StartPosition,
) -> Result<u64, log::Error> {
    match start {
        StartPosition::Earliest => Ok(source.bounds(tp)?.0),
        StartPosition::Latest => Ok(source.bounds(tp)?.1),
        StartPosition::Timestamp(at) => source.offset_for_time(tp, *at),
        StartPosition::Offsets(offsets) => match offsets.get(&tp.partition) {
            Some(&offset) => Ok(offset),
            None => Ok(source.bounds(tp)?.0),
        },
    }
}

/// How the inputs differ from those that the positions were committed for.
#[derive(Debug, Default)]
pub(super) struct Changed {
    /// Inputs whose topic was deleted and made again.
    pub(super) remade: Vec<usize>,
    /// What the inputs were, if the positions that the state knows are not those of the inputs now.
    pub(super) replaced: Option<Vec<String>>,
}

/// What the store knows of a partition beside its state.
pub(super) enum Known {
    /// The function must not read the state that is there.
    Unfit(String),
    Fit {
        changed: Changed,
        /// What to note once the partition runs.
        note: Option<Meta>,
    },
}

/// Whether this function may read the state that is there, from these inputs.
pub(super) fn known(spec: &LaneSpec, scope: &Scope, inputs: &[Input]) -> Result<Known, Trouble> {
    let states = &spec.program.description().states;
    let meta =
        |scope: &Scope| spec.state.meta(scope).map_err(Trouble::state("read what is known of the state"));
    let old = meta(scope)?;
    // Of a partition that is new nothing is known; the first one tells how the keys were spread that are now here.
    let first = if old.is_none() && !states.is_empty() { meta(&spec.scope(0))? } else { None };
    let partition_count = match counted(spec, scope.partition, old.as_ref().or(first.as_ref()), inputs) {
        Ok(count) => count,
        Err(text) => return Ok(Known::Unfit(text)),
    };
    if let Some(text) = old.as_ref().and_then(|old| unread(states, old)) {
        return Ok(Known::Unfit(text));
    }
    let mut meta = Meta { partition_count, ..old.clone().unwrap_or_else(fresh) };
    meta.versions.extend(states.iter().map(|state| (state.name.clone(), state.version)));
    meta.inputs = spec.entity.inputs.iter().map(|input| input.topic.clone()).collect();
    // New ones come behind the others; one that an earlier version wrote does not tell.
    let before = old.as_ref().map(|old| old.inputs.clone());
    let replaced = before.filter(|before| !meta.inputs.starts_with(before));
    let mut remade = Vec::new();
    for (at, (document, input)) in spec.entity.inputs.iter().zip(inputs).enumerate() {
        let Some(id) = &input.id else { continue };
        let before = meta.topics.insert(document.topic.clone(), id.clone());
        if before.is_some_and(|before| before != *id) {
            remade.push(at);
        }
    }
    Ok(Known::Fit {
        changed: Changed { remade, replaced },
        note: Some(meta).filter(|meta| old.as_ref() != Some(meta)),
    })
}

fn fresh() -> Meta {
    Meta { format: 1, partitioner: "murmur2".to_owned(), ..Meta::default() }
}

/// Over how many partitions keys and their state are spread from now on. An error is why the function must not run: its
/// keys would miss their state.
fn counted(spec: &LaneSpec, partition: u32, old: Option<&Meta>, inputs: &[Input]) -> Result<u32, String> {
    let document = spec.entity.partition_count;
    let Some(found) = inputs.first().map(|input| input.partitions) else { return Ok(document) };
    let written = old.filter(|old| !old.versions.is_empty()).map(|old| old.partition_count);
    if spec.program.description().states.is_empty() {
        return Ok(written.unwrap_or(document));
    }
    let mut named = spec.entity.inputs.iter().zip(inputs);
    if let Some((other, input)) = named.find(|(_, input)| input.partitions != found) {
        let first = spec.entity.inputs.first().map(|input| input.topic.as_str()).unwrap_or_default();
        return Err(format!(
            "{first:?} has {found} partitions and {:?} has {}, so a key of one and the same key of the other would have \
             state in different partitions, which no onPartitionChange can mend; give the topics equal counts, and it \
             goes on by itself",
            other.topic, input.partitions
        ));
    }
    let before = written.filter(|written| *written != found).unwrap_or(document);
    match spec.entity.on_partition_change {
        _ if before == found => {}
        OnPartitionChange::Stop => {
            return Err(format!(
                "the state was written with {before} partitions and the inputs now have {found}, so keys would miss their \
                 state (onPartitionChange: stop); choose `accept` to go on, where keys that moved start with empty \
                 state, or give the entity a new id, to count anew from the start"
            ));
        }
        OnPartitionChange::Accept if written != Some(found) => {
            tracing::warn!(
                entity = spec.entity.id,
                partition,
                before,
                found,
                "the inputs have other partition counts than the state was written with; keys that moved start with empty \
                 state (onPartitionChange: accept)"
            );
        }
        OnPartitionChange::Accept => {}
    }
    Ok(found)
}

/// Why the function cannot read states that are there.
fn unread(states: &[StateSpec], old: &Meta) -> Option<String> {
    let unread = |state: &&StateSpec| {
        let version = old.versions.get(&state.name);
        version.is_some_and(|version| *version != state.version && !state.reads.contains(version))
    };
    states.iter().find(unread).map(|state| {
        format!(
            "state {:?} was written in version {}, and the function reads {:?} and {:?} only",
            state.name,
            old.versions.get(&state.name).copied().unwrap_or_default(),
            state.version,
            state.reads
        )
    })
}

/// Notes what is known from now on.
pub(super) fn note(spec: &LaneSpec, scope: &Scope, token: Token, meta: &Meta) -> Result<(), Trouble> {
    let noted = spec.state.set_meta(scope, token, meta);
    match noted.map_err(Trouble::state("note what is known of the state"))? {
        Answer::Refused => Err(moved(scope)),
        _ => Ok(()),
    }
}
