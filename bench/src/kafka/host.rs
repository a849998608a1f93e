//! `invoker host` as a contender.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::place::Place;

/// One entity of a host.
pub(super) struct Entity<'a> {
    pub(super) id: &'a str,
    /// File of its component.
    pub(super) function: &'a Path,
    pub(super) input: &'a str,
    pub(super) output: &'a str,
    pub(super) partitions: u32,
    pub(super) lanes: u32,
    /// More lines, each `name: value`.
    pub(super) more: &'a [String],
}

/// The command that runs these entities; their groups are `invoker.<deployment>.<id>`.
pub(super) fn command(
    place: &Place,
    invoker: &Path,
    deployment: &str,
    entities: &[Entity<'_>],
) -> Result<Command> {
    let folder = place.folder.path().join(deployment);
    std::fs::create_dir_all(&folder)?;
    let mut text = format!(
        "generation: 1\ndeployment: {deployment}\nhost: h\nkafka: {{ bootstrapServers: {:?} }}\nredis: {{ url: {:?} }}\nentities:\n",
        place.kafka.address(),
        place.redis.url()
    );
    for entity in entities {
        let function = entity.function.canonicalize();
        let function = function.with_context(|| format!("find {}", entity.function.display()))?;
        let partitions: Vec<_> = (0..entity.partitions).collect();
        text += &format!(
            "- id: {}\n  function: {}\n  inputs: [{{ topic: {} }}]\n  outputs: [{}]\n  partitions: {partitions:?}\n  \
             partitionCount: {}\n  lanes: {}\n  deadLetterTopic: {}\n",
            entity.id,
            function.display(),
            entity.input,
            entity.output,
            entity.partitions,
            entity.lanes,
            DEAD_LETTERS,
        );
        entity.more.iter().for_each(|line| text += &format!("  {line}\n"));
    }
    std::fs::write(folder.join("host.yaml"), text)?;
    let mut command = Command::new(invoker);
    command.arg("host").arg("--config").arg(folder);
    command.env("INVOKER_CACHE", place.folder.path().join("cache"));
    Ok(command)
}

/// Of all entities; nothing is ever written there.
pub(super) const DEAD_LETTERS: &str = "dead-letters";
