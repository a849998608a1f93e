//! cargo-deny, which checks licences and sources.

use std::path::PathBuf;

use anyhow::Result;

use super::{Provided, install};
use crate::project::Project;

const VERSION: &str = "0.20.2";

/// The program.
pub(crate) fn provide(project: &Project) -> Result<Provided<PathBuf>> {
    install::provide(project, "cargo-deny", VERSION, "about a minute")
}
