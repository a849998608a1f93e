//! The command line of a host, for `invoker-host` and for `invoker host`.

use std::path::PathBuf;
use std::time::Duration;

use crate::control::Options;

const HELP: &str = "\
The folder holds host.yaml (or host.json), and secrets/NAME/KEY for what it refers to. A changed document with a
higher generation is taken up while the host runs; one that is wrong is refused, and what runs goes on.

SIGTERM and SIGINT end the host in order: what was read is committed, partitions are let go. A second one ends it at
once; nothing is lost by that.";

/// What a host is started with.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = HELP)]
pub struct HostArgs {
    /// The configuration folder
    #[arg(long, short, value_name = "DIR")]
    pub config: PathBuf,
    /// Seconds that lanes may take to commit and let go at the end
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub drain: u64,
}

impl HostArgs {
    /// As options of [`control::run`](crate::control::run).
    pub fn options(&self, code_cache: Option<PathBuf>) -> Options {
        Options { config: self.config.clone(), code_cache, drain: Duration::from_secs(self.drain) }
    }
}
