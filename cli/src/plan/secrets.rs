//! Secrets of a local run: files in a folder, laid out as a cluster mounts them, `NAME/KEY`.

use std::collections::BTreeMap;
use std::path::Path;

use invoker_core::settings;
use invoker_core::topology::SecretRef;
use invoker_engine::Function;
use serde_json::Value;

use crate::error::{Error, Exit};

/// Settings with every reference replaced by the secret it names.
pub(super) fn reveal(
    entity: &str,
    given: &BTreeMap<String, Value>,
    function: &Function,
    folder: Option<&Path>,
) -> Result<BTreeMap<String, Value>, Error> {
    let look_up = |secret: &SecretRef| read(folder?, secret);
    settings::reveal(&function.description().settings, given, look_up).map_err(|errors| {
        let why = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let help = "give --secrets FOLDER with a file NAME/KEY for each secret";
        Error::new(Exit::Topology, format!("cannot look up the secrets of entity {entity:?}"), why, help)
    })
}

/// The text of the file, without the newline that an editor leaves at its end.
fn read(folder: &Path, secret: &SecretRef) -> Option<String> {
    let key = secret.key.as_deref().unwrap_or_default();
    let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('/');
    if !plain(&secret.name) || !plain(key) {
        return None;
    }
    let text = std::fs::read_to_string(folder.join(&secret.name).join(key)).ok()?;
    Some(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(name: &str, key: &str) -> SecretRef {
        SecretRef { name: name.to_owned(), key: Some(key.to_owned()) }
    }

    #[test]
    fn a_secret_is_a_file_below_the_folder_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("in/api")).unwrap();
        std::fs::write(dir.path().join("in/api/token"), "s3cret\n").unwrap();
        std::fs::write(dir.path().join("outside"), "no").unwrap();
        let folder = dir.path().join("in");
        assert_eq!(read(&folder, &secret("api", "token")).as_deref(), Some("s3cret"));
        assert_eq!(read(&folder, &secret("api", "other")), None);
        assert_eq!(read(&folder, &secret("..", "outside")), None);
        assert_eq!(read(&folder, &secret("api", "../../outside")), None);
    }
}
