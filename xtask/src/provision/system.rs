//! The C compiler, which also links Rust, git, and OpenSSL for the client of Kafka.

use std::process::Command;

use anyhow::Result;

use super::{Provided, debian};
use crate::process;

/// What is looked for, and the package that has it.
const NEEDS: [(&str, &str); 6] = [
    ("cc", "build-essential"),
    ("c++", "build-essential"),
    ("make", "build-essential"),
    ("git", "git"),
    ("pkg-config", "pkg-config"),
    ("openssl.pc", "libssl-dev"),
];

pub(super) fn provide() -> Result<Provided<()>> {
    let missing: Vec<_> = NEEDS.iter().filter(|(name, _)| !is_there(name)).collect();
    if missing.is_empty() {
        let what = "cc, git, OpenSSL with its headers".into();
        return Ok(Provided { thing: (), what, new: false });
    }
    let mut packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
    packages.dedup();
    debian::install(&packages, "native code, the client of Kafka, checkout")?;
    Ok(Provided { thing: (), what: packages.join(", "), new: true })
}

/// A program, or a library as `pkg-config` knows it.
fn is_there(name: &str) -> bool {
    match name.strip_suffix(".pc") {
        Some(library) => process::quiet(Command::new("pkg-config").args(["--exists", library])).is_ok(),
        None => process::version(name).is_some(),
    }
}
