//! The C compiler, which also links Rust, and git.

use anyhow::Result;

use super::{Provided, debian};
use crate::process;

pub(super) fn provide() -> Result<Provided<()>> {
    let absent = |names: [&'static str; 2]| -> Vec<_> {
        names.into_iter().filter(|name| process::version(name).is_none()).collect()
    };
    let programs = ["cc", "git"];
    let missing = absent(programs);
    if missing.is_empty() {
        return Ok(Provided { thing: (), what: "cc, git".into(), new: false });
    }
    let packages: Vec<_> =
        missing.iter().map(|name| if *name == "cc" { "build-essential" } else { "git" }).collect();
    debian::install(&packages, "native code, checkout")?;
    Ok(Provided { thing: (), what: missing.join(", "), new: true })
}
