//! Verbs that push, pull and list functions, and which registry they mean.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use invoker_oci::{Address, PublicKey};
use invoker_registry::command::{GcArgs, ServeArgs};

/// Which registry names mean.
#[derive(Clone, Debug, Default, Args)]
pub struct RegistryArgs {
    /// Registry of functions whose names have no host [default: INVOKER_REGISTRY]
    #[arg(long, value_name = "URL")]
    pub registry: Option<Address>,
}

const PUSH_HELP: &str = "\
A project is built first where its sources are newer than its last build. Without NAME it is pushed under that of its
manifest: `[package.metadata.invoker] name` or the name of the package in Cargo.toml, `invoker.name` or `name` in
package.json; where NAME has no version, under that of the manifest.

An upload that was cut off goes on where it ended when the same function is pushed again.

Examples:
  invoker push team/split:1.0.0
  invoker push team/split --from services/split --registry https://registry.example
  invoker push ghcr.io/acme/split:1.0.0 --from split.wasm";

#[derive(Clone, Debug, Args)]
#[command(after_help = PUSH_HELP)]
pub struct PushArgs {
    /// NAMESPACE/NAME:VERSION, with a host in front if it goes elsewhere
    pub name: Option<String>,
    /// A function project, or a .wasm file
    #[arg(long, value_name = "PATH", default_value = ".")]
    pub from: PathBuf,
    #[command(flatten)]
    pub of: RegistryArgs,
}

#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Examples:\n  invoker pull team/split:1.0.0\n  invoker pull team/split@^1.2 --file split.wasm"
)]
pub struct PullArgs {
    /// NAMESPACE/NAME:TAG, NAMESPACE/NAME@RANGE or NAMESPACE/NAME@DIGEST; without version the highest one
    pub name: String,
    /// Where to write the component; by default NAME.wasm in this folder
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub of: RegistryArgs,
}

const SIGN_HELP: &str = "\
A signature is Ed25519 over the digest of what is signed, so it holds for that content under every name. It lies in the
registry beside it. `requireSignature` of a topology or host document lists the public keys that count.

Examples:
  invoker sign --new-key release.key                 prints the public key
  invoker sign team/split:1.0.0 --key release.key";

#[derive(Clone, Debug, Args)]
#[command(after_help = SIGN_HELP)]
pub struct SignArgs {
    /// NAMESPACE/NAME:TAG, NAMESPACE/NAME@RANGE or NAMESPACE/NAME@DIGEST
    #[arg(required_unless_present = "new_key")]
    pub name: Option<String>,
    /// File of the secret key
    #[arg(long, value_name = "FILE", required_unless_present = "new_key")]
    pub key: Option<PathBuf>,
    /// Write a new secret key to this file, and print its public key
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "key"])]
    pub new_key: Option<PathBuf>,
    #[command(flatten)]
    pub of: RegistryArgs,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  invoker verify team/split:1.0.0 --key ed25519:…")]
pub struct VerifyArgs {
    /// NAMESPACE/NAME:TAG, NAMESPACE/NAME@RANGE or NAMESPACE/NAME@DIGEST
    pub name: String,
    /// A public key; one of those given must have signed. May be repeated; without it, anybody may have
    #[arg(long, value_name = "KEY")]
    pub key: Vec<PublicKey>,
    #[command(flatten)]
    pub of: RegistryArgs,
}

const LOGIN_HELP: &str = "\
The secret is read from standard input, and on a terminal not shown. It is kept where Docker keeps its own: in
config.json of DOCKER_CONFIG or ~/.docker, or with the credential helper that this file names.

Examples:
  invoker login registry.example --username ci
  printf %s \"$SECRET\" | invoker login registry.example --username ci";

#[derive(Clone, Debug, Args)]
#[command(after_help = LOGIN_HELP)]
pub struct LoginArgs {
    /// The registry; by default INVOKER_REGISTRY
    pub registry: Option<Address>,
    /// Name of the token, or of the user
    #[arg(long, short, value_name = "NAME")]
    pub username: String,
}

#[derive(Debug, Subcommand)]
pub enum RegistryVerb {
    /// Run a registry, as the binary invoker-registry does
    Serve(ServeArgs),
    /// List functions, or the tags of one
    #[command(after_help = "Examples:\n  invoker registry list\n  invoker registry list team/split")]
    List(ListArgs),
    /// Point a tag to what a name leads to
    #[command(after_help = "Example:\n  invoker registry tag team/split:1.0.0 stable")]
    Tag(TagArgs),
    /// Delete a tag, or a digest with all its tags
    #[command(after_help = "Example:\n  invoker registry delete team/split:1.0.0")]
    Delete(DeleteArgs),
    /// Delete what nothing refers to from the store of a registry
    Gc(GcArgs),
}

#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    /// NAMESPACE/NAME; without it, all functions of the registry
    pub name: Option<String>,
    #[command(flatten)]
    pub of: RegistryArgs,
}

#[derive(Clone, Debug, Args)]
pub struct TagArgs {
    /// NAMESPACE/NAME:TAG, NAMESPACE/NAME@RANGE or NAMESPACE/NAME@DIGEST
    pub name: String,
    /// The tag
    pub tag: String,
    #[command(flatten)]
    pub of: RegistryArgs,
}

#[derive(Clone, Debug, Args)]
pub struct DeleteArgs {
    /// NAMESPACE/NAME:TAG or NAMESPACE/NAME@DIGEST
    pub name: String,
    #[command(flatten)]
    pub of: RegistryArgs,
}
