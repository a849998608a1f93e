//! Redis, kcat and openssl from the system's packages: servers and plain clients of the tests.

use anyhow::Result;

use super::{Provided, announce, debian};
use crate::process;

/// Program, how it tells its version, and the package that has it.
const PROGRAMS: [(&str, &str, &str); 4] = [
    ("redis-server", "--version", "redis-server"),
    ("redis-cli", "--version", "redis-tools"),
    ("kcat", "-V", "kcat"),
    ("openssl", "version", "openssl"),
];

pub(super) fn provide() -> Result<Provided<()>> {
    let what = PROGRAMS.map(|(program, ..)| program).join(", ");
    let packages: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, argument, _)| process::first_line(program, argument).is_none())
        .map(|(.., package)| *package)
        .collect();
    if packages.is_empty() {
        return Ok(Provided { thing: (), what, new: false });
    }
    debian::install(&packages, "tests against a real Kafka and a real Redis")?;
    if packages.contains(&"redis-server") {
        announce(
            "the package may have started a Redis on port 6379; tests start their own and leave it alone",
        );
    }
    Ok(Provided { thing: (), what: packages.join(", "), new: true })
}
