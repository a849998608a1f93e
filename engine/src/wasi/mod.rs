//! The system interfaces that language runtimes import by habit (`wasi:io`, `cli`, `clocks`, `random`, `filesystem`
//! 0.2), holding no authority: no environment, no arguments, no directories, standard input at its end; what is
//! written to standard output and error becomes log lines. Waiting ends with the deadline of the call.
//!
//! One version is defined; wasmtime binds every 0.2.x to it.

mod cli;
mod clocks;
mod filesystem;
mod io;
mod random;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance, ResourceType};

use crate::guest::Guest;

pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    io::link(linker)?;
    cli::link(linker)?;
    clocks::link(linker)?;
    random::link(linker)?;
    filesystem::link(linker)
}

fn interface<'a>(linker: &'a mut Linker<Guest>, name: &str) -> wasmtime::Result<LinkerInstance<'a, Guest>> {
    linker.instance(&format!("wasi:{name}@0.2.0"))
}

/// A resource that holds nothing on the host's side.
fn bare_resource<T: 'static>(interface: &mut LinkerInstance<'_, Guest>, name: &str) -> wasmtime::Result<()> {
    interface.resource(name, ResourceType::host::<T>(), |_: StoreContextMut<'_, Guest>, _| Ok(()))
}
