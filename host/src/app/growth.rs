//! Inputs that get more partitions under a host that owns all there are, as in `invoker run`. Where several hosts
//! share an entity, which of them gets a new partition is said by their documents, and the lanes only tell that there is one.

use std::time::Duration;

use invoker_core::document::{EntityDocument, OnPartitionChange};
use invoker_core::topology::Assignment;

use super::{Host, Programs, StartError};

/// An entity whose inputs have grown.
struct Grown {
    id: String,
    before: u32,
    found: u32,
}

impl Host {
    /// Takes the partitions that inputs have got since, where that is allowed: entities without state take them, those
    /// with state under `onPartitionChange: accept`. Says what it did. `deadline` is how long lanes may take to end.
    ///
    /// For a host whose document was made for it alone; the generation rises with each time.
    pub fn take_up_growth(&mut self, deadline: Duration) -> Result<Vec<String>, StartError> {
        let grown: Vec<Grown> = self.entities.iter().filter_map(|running| running.grown()).collect();
        if grown.is_empty() {
            return Ok(Vec::new());
        }
        let mut document = self.document.clone();
        document.generation += 1;
        for entity in &mut document.entities {
            if let Some(Grown { found, .. }) = grown.iter().find(|grown| grown.id == entity.id) {
                entity.partition_count = *found;
                entity.partitions = (0..*found).collect();
            }
        }
        let programs = |running: &super::Running| (running.id().to_owned(), running.program.clone());
        let programs: Programs = self.entities.iter().map(programs).collect();
        self.apply(document, programs, deadline)?;
        let told = |Grown { id, before, found }: Grown| {
            tracing::warn!(
                entity = id,
                before,
                found,
                "the inputs have grown; all their partitions are read"
            );
            format!(
                "entity {id:?}: the inputs have grown from {before} to {found} partitions, all of which are read"
            )
        };
        Ok(grown.into_iter().map(told).collect())
    }
}

impl super::Running {
    fn grown(&self) -> Option<Grown> {
        let entity: &EntityDocument = &self.document;
        let (before, found) = (entity.partition_count, self.report.found());
        let has_state = !self.program.description().states.is_empty();
        let allowed = !has_state || entity.on_partition_change == OnPartitionChange::Accept;
        // A group deals out whatever there is.
        let owns_all = entity.assignment == Assignment::Owned && entity.partitions.len() == before as usize;
        (found > before && allowed && owns_all).then(|| Grown { id: entity.id.clone(), before, found })
    }
}
