//! Where a partition starts to read, and whether the function may read the state that is there.

use invoker_core::commit::Token;
use invoker_core::document::{InputDocument, StartPosition};

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

/// Whether this function may read the state that is there; if so the versions it writes are noted.
pub(super) fn check_meta(
    spec: &LaneSpec,
    scope: &Scope,
    token: Token,
) -> Result<Result<(), String>, Trouble> {
    let failed = || Trouble::state("read what is known of the state");
    let states = &spec.program.description().states;
    if states.is_empty() {
        return Ok(Ok(()));
    }
    let old = spec.state.meta(scope).map_err(failed())?;
    if let Some(old) = &old {
        if old.partition_count != spec.entity.partition_count {
            return Ok(Err(format!(
                "the state was written with {} partitions and the inputs now have {}, so keys would miss their \
                 state; give the topics their old partition count, or the entity a new id",
                old.partition_count, spec.entity.partition_count
            )));
        }
        for state in states {
            match old.versions.get(&state.name) {
                Some(version) if *version != state.version && !state.reads.contains(version) => {
                    return Ok(Err(format!(
                        "state {:?} was written in version {version}, and the function reads {:?} and {:?} only",
                        state.name, state.version, state.reads
                    )));
                }
                _ => {}
            }
        }
    }
    let mut meta = old.clone().unwrap_or_else(|| Meta {
        format: 1,
        partition_count: spec.entity.partition_count,
        partitioner: "murmur2".to_owned(),
        ..Meta::default()
    });
    meta.versions.extend(states.iter().map(|state| (state.name.clone(), state.version)));
    if old.as_ref() != Some(&meta)
        && spec.state.set_meta(scope, token, &meta).map_err(failed())? == Answer::Refused
    {
        return Err(moved(scope));
    }
    Ok(Ok(()))
}
