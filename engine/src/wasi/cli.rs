//! `wasi:cli`: an empty environment, no terminal, standard streams that end in the log.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};

use crate::guest::{Guest, HostError};
use crate::wasi::io::{InputStream, OutputStream};
use crate::wasi::{bare_resource, interface};

struct TerminalInput;
struct TerminalOutput;

type Store<'a> = StoreContextMut<'a, Guest>;

pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut environment = interface(linker, "cli/environment")?;
    environment.func_wrap("get-environment", |_: Store<'_>, (): ()| Ok((Vec::<(String, String)>::new(),)))?;
    environment.func_wrap("get-arguments", |_: Store<'_>, (): ()| Ok((Vec::<String>::new(),)))?;
    environment.func_wrap("initial-cwd", |_: Store<'_>, (): ()| Ok((None::<String>,)))?;
    let mut exit = interface(linker, "cli/exit")?;
    exit.func_wrap("exit", |_: Store<'_>, (status,): (Result<(), ()>,)| -> wasmtime::Result<()> {
        Err(HostError::Exit(if status.is_ok() { "success" } else { "failure" }).into())
    })?;
    link_streams(linker)?;
    link_terminals(linker)
}

fn link_streams(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    interface(linker, "cli/stdin")?
        .func_wrap("get-stdin", |_: Store<'_>, (): ()| Ok((Resource::<InputStream>::new_own(0),)))?;
    interface(linker, "cli/stdout")?
        .func_wrap("get-stdout", |_: Store<'_>, (): ()| Ok((Resource::<OutputStream>::new_own(1),)))?;
    interface(linker, "cli/stderr")?
        .func_wrap("get-stderr", |_: Store<'_>, (): ()| Ok((Resource::<OutputStream>::new_own(2),)))
}

fn link_terminals(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    bare_resource::<TerminalInput>(&mut interface(linker, "cli/terminal-input")?, "terminal-input")?;
    bare_resource::<TerminalOutput>(&mut interface(linker, "cli/terminal-output")?, "terminal-output")?;
    interface(linker, "cli/terminal-stdin")?
        .func_wrap("get-terminal-stdin", |_: Store<'_>, (): ()| Ok((None::<Resource<TerminalInput>>,)))?;
    for name in ["stdout", "stderr"] {
        interface(linker, &format!("cli/terminal-{name}"))?
            .func_wrap(&format!("get-terminal-{name}"), |_: Store<'_>, (): ()| {
                Ok((None::<Resource<TerminalOutput>>,))
            })?;
    }
    Ok(())
}
