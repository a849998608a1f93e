//! Secrets in the settings of a local run.

use std::collections::BTreeMap;

use invoker_core::settings;
use invoker_core::topology::SecretRef;
use invoker_engine::Function;
use invoker_host::secrets::Secrets;
use serde_json::Value;

use crate::error::{Error, Exit};

/// Settings with every reference replaced by the secret it names.
pub(super) fn reveal(
    entity: &str,
    given: &BTreeMap<String, Value>,
    function: &Function,
    secrets: &Secrets,
) -> Result<BTreeMap<String, Value>, Error> {
    let look_up = |secret: &SecretRef| secrets.get(secret, "").ok();
    settings::reveal(&function.description().settings, given, look_up).map_err(|errors| {
        let why = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let help = "give --secrets FOLDER with a file NAME/KEY for each secret";
        Error::new(Exit::Topology, format!("cannot look up the secrets of entity {entity:?}"), why, help)
    })
}
