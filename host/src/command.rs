//! The command line of a host, for `invoker-host` and for `invoker host`.

use std::path::PathBuf;
use std::time::Duration;

use invoker_oci::{Address, Setup};

use crate::control::Options;

const HELP: &str = "\
The folder holds host.yaml (or host.json), and secrets/NAME/KEY for what it refers to. Functions by name are pulled with
the logins of secrets/registry/config.json (or .dockerconfigjson) where it is there, else with those of Docker. A changed document with a
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
    /// Registry of functions whose names have no host, in place of the document's [default: the document's, else
    /// INVOKER_REGISTRY]
    #[arg(long, value_name = "URL")]
    pub registry: Option<Address>,
    /// Seconds that lanes may take to commit and let go at the end
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    pub drain: u64,
}

impl HostArgs {
    /// As options of [`control::run`](crate::control::run).
    pub fn options(&self, code_cache: Option<PathBuf>, registries: Setup) -> Options {
        let registries = Setup { given: self.registry.clone().or(registries.given.clone()), ..registries };
        let drain = Duration::from_secs(self.drain);
        Options { config: self.config.clone(), code_cache, registries, drain }
    }
}
