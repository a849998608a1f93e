//! Functions in registries, as verbs: pushed, pulled, listed, served. Owns what is printed; requests are the business of
//! `invoker-oci`, the registry itself that of `invoker-registry`.

mod bar;
mod declared;
mod lists;
mod login;
mod manifest;
mod pull;
mod push;
mod sign;

use invoker_core::function_name::{FunctionName, NameError};
use invoker_oci::Registries;
use invoker_registry::command;

pub(crate) use self::declared::Declared;
pub(crate) use self::lists::{delete, list, tag};
pub(crate) use self::login::login;
pub(crate) use self::pull::{inspect, pull};
pub(crate) use self::push::push;
pub(crate) use self::sign::{sign, verify};

use crate::args::RegistryArgs;
use crate::environment::Environment;
use crate::error::{Error, Exit};

/// The registries that the names of a command mean.
fn registries(of: &RegistryArgs, environment: &Environment) -> Result<Registries, Error> {
    Ok(environment.with_registry(of.registry.as_ref()).registries.registries(None, &[])?)
}

/// The name of a function, as it was typed.
fn named(text: &str) -> Result<FunctionName, Error> {
    text.parse().map_err(|error: NameError| {
        let help = "write it as team/split:1.0.0, with a host in front if it is in another registry";
        Error::new(Exit::Usage, format!("{text:?} is no name of a function"), error, help)
    })
}

/// Runs a registry, or collects its garbage.
pub(crate) fn run(verb: command::Verb) -> Result<(), Error> {
    command::run(verb).map_err(|error| {
        let help = "check the folder of --store, the address of --listen and the file of --tokens";
        Error::new(Exit::Service, "the registry cannot run", error, help)
    })
}
