//! What a data directory knows of the deployments that ran in it: the document of the last run and the states that
//! its functions declared, so that tools can name things without the topology at hand.

use std::collections::BTreeMap;

use invoker_core::document::HostDocument;
use invoker_core::function::StateSpec;
use invoker_host::db::{self, Batch, Database};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Exit, chain};

const SPACE: &str = "deployments";

/// One deployment as it ran last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deployment {
    pub(crate) document: HostDocument,
    /// Per entity.
    pub(crate) states: BTreeMap<String, Vec<StateSpec>>,
}

/// Keeps a deployment. Durable with the next commit of the run.
pub(crate) fn save(database: &Database, deployment: &Deployment) -> Result<(), Error> {
    let failed = |why: String| {
        Error::new(Exit::Data, "cannot note the deployment in the data directory", why, "check the disk")
    };
    let text = serde_json::to_vec(deployment).map_err(|error| failed(error.to_string()))?;
    let space = database.space(SPACE).map_err(|error| failed(chain(&error)))?;
    let name = deployment.document.deployment.as_bytes();
    if space.get(name).map_err(|error| failed(chain(&error)))?.is_some_and(|old| *old == *text) {
        return Ok(());
    }
    let mut batch = Batch::default();
    batch.put(&space, name, &text);
    database.write(batch, db::Sync::Later).map_err(|error| failed(chain(&error)))
}

/// Notes the partitions that entities of a deployment have come to have.
pub(crate) fn note_partitions(database: &Database, running: &HostDocument) -> Result<(), Error> {
    let Some(mut known) =
        load(database)?.into_iter().find(|known| known.document.deployment == running.deployment)
    else {
        return Ok(());
    };
    for entity in &mut known.document.entities {
        if let Some(now) = running.entities.iter().find(|now| now.id == entity.id) {
            entity.partition_count = now.partition_count;
            entity.partitions.clone_from(&now.partitions);
        }
    }
    save(database, &known)
}

/// All deployments, by name.
pub(crate) fn load(database: &Database) -> Result<Vec<Deployment>, Error> {
    let failed = |why: String| {
        Error::new(Exit::Data, "cannot read the deployments of the data directory", why, "check the disk")
    };
    let space = database.space(SPACE).map_err(|error| failed(chain(&error)))?;
    let parse = |entry: Result<(db::Key, db::Value), db::Error>| {
        let (_, text) = entry.map_err(|error| failed(chain(&error)))?;
        serde_json::from_slice(&text).map_err(|error| failed(error.to_string()))
    };
    space.range(b"", None).map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_is_found_again() {
        let database = Database::memory();
        assert_eq!(load(&database).unwrap(), []);
        let document = HostDocument {
            generation: 1,
            deployment: "default.words".to_owned(),
            prefix: "invoker".to_owned(),
            host: "local".to_owned(),
            kafka: None,
            redis: None,
            registry: None,
            require_signature: Vec::new(),
            data: None,
            entities: Vec::new(),
        };
        let deployment = Deployment { document, states: BTreeMap::new() };
        save(&database, &deployment).unwrap();
        save(&database, &deployment).unwrap();
        assert_eq!(load(&database).unwrap(), std::slice::from_ref(&deployment));
        note_partitions(&database, &deployment.document).unwrap();
        assert_eq!(load(&database).unwrap(), [deployment], "it has not grown");
    }
}
