//! rustfmt and clippy, which a minimal Rust lacks.

use std::process::Command;

use anyhow::Result;

use super::{Missing, Provided};
use crate::process;
use crate::project::Project;

const TOOLS: [(&str, &str); 2] = [("fmt", "rustfmt"), ("clippy", "clippy")];

pub(super) fn provide(project: &Project) -> Result<Provided<()>> {
    let missing: Vec<_> = TOOLS
        .iter()
        .filter(|(subcommand, _)| process::quiet(project.cargo().args([*subcommand, "--version"])).is_err())
        .map(|(_, component)| *component)
        .collect();
    if missing.is_empty() {
        return Ok(Provided { thing: (), what: "rustfmt, clippy".into(), new: false });
    }
    let list = missing.join(" ");
    process::quiet(Command::new("rustup").args(["component", "add"]).args(&missing)).map_err(|error| {
        let command = format!("rustup component add {list}");
        error.context(Missing::new(list.clone(), "rustup could not add it by itself", &[&command]))
    })?;
    Ok(Provided { thing: (), what: list, new: true })
}
