//! Where a partition starts to read, and whether the function may read the state that is there.

use invoker_core::commit::Token;
use invoker_core::document::{InputDocument, StartPosition};
use invoker_core::function::StateSpec;

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

/// Which topic each input is, where the log tells.
pub(super) fn topic_ids(spec: &LaneSpec) -> Result<Vec<Option<String>>, log::Error> {
    let one = |input: &InputDocument| match spec.log.topics().describe(&input.topic)? {
        Some(topic) => Ok(topic.id),
        None => Err(log::Error::UnknownTopic { topic: input.topic.clone() }),
    };
    spec.entity.inputs.iter().map(one).collect()
}

/// What the store knows of a partition beside its state.
pub(super) enum Known {
    /// The function must not read the state that is there.
    Unfit(String),
    Fit {
        /// Inputs whose topic was deleted and made again since their positions were committed.
        remade: Vec<usize>,
        /// What to note once the partition runs.
        note: Option<Meta>,
    },
}

/// Whether this function may read the state that is there, from these inputs.
pub(super) fn known(spec: &LaneSpec, scope: &Scope, topics: &[Option<String>]) -> Result<Known, Trouble> {
    let states = &spec.program.description().states;
    if states.is_empty() && topics.iter().all(Option::is_none) {
        return Ok(Known::Fit { remade: Vec::new(), note: None });
    }
    let old = spec.state.meta(scope).map_err(Trouble::state("read what is known of the state"))?;
    if let Some(text) = old.as_ref().and_then(|old| unfit(spec, old)) {
        return Ok(Known::Unfit(text));
    }
    let mut meta = old.clone().unwrap_or_else(|| Meta {
        format: 1,
        partition_count: spec.entity.partition_count,
        partitioner: "murmur2".to_owned(),
        ..Meta::default()
    });
    meta.versions.extend(states.iter().map(|state| (state.name.clone(), state.version)));
    let mut remade = Vec::new();
    for (input, (document, id)) in spec.entity.inputs.iter().zip(topics).enumerate() {
        let Some(id) = id else { continue };
        let before = meta.topics.insert(document.topic.clone(), id.clone());
        if before.is_some_and(|before| before != *id) {
            remade.push(input);
        }
    }
    Ok(Known::Fit { remade, note: Some(meta).filter(|meta| old.as_ref() != Some(meta)) })
}

fn unfit(spec: &LaneSpec, old: &Meta) -> Option<String> {
    let states = &spec.program.description().states;
    if !states.is_empty() && old.partition_count != spec.entity.partition_count {
        return Some(format!(
            "the state was written with {} partitions and the inputs now have {}, so keys would miss their \
             state; give the topics their old partition count, or the entity a new id",
            old.partition_count, spec.entity.partition_count
        ));
    }
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
