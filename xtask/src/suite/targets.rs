//! Which test targets there are, and which of them can share the machine with the others.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// They wait most of the time, for brokers to come and go and for time-outs to pass.
const WAITING: [&str; 3] = ["failures", "kafka_outages", "servers"];

/// Names of the test targets of a workspace: of those that wait, and of the others.
pub(super) fn of(workspace: &Path) -> Result<(Vec<String>, Vec<String>)> {
    let mut names = Vec::new();
    for member in children(workspace)? {
        let folder = member.join("tests");
        if member.join("Cargo.toml").is_file() && folder.is_dir() {
            names.extend(children(&folder)?.iter().filter_map(|path| target(path)));
        }
    }
    names.sort();
    let (waiting, others): (Vec<_>, Vec<_>) =
        names.into_iter().partition(|name| WAITING.contains(&name.as_str()));
    ensure!(waiting.len() == WAITING.len(), "of {WAITING:?} there are only {waiting:?}: mend {}", file!());
    Ok((waiting, others))
}

/// The target that cargo finds in a file or folder of `tests/`.
fn target(path: &Path) -> Option<String> {
    let is_target = match path.extension() {
        Some(extension) => extension == "rs",
        None => path.join("main.rs").is_file(),
    };
    is_target.then(|| path.file_stem()?.to_str().map(str::to_owned)).flatten()
}

fn children(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("read '{}'", folder.display()))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_a_folder_with_a_main_file_are_targets_and_a_folder_of_helpers_is_none() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let (waiting, others) = of(&root).expect("read");
        assert_eq!(waiting, WAITING);
        let has = |name: &str| others.iter().any(|other| other == name);
        assert!(has("vendored") && has("command") && !has("support"), "{others:?}");
    }
}
