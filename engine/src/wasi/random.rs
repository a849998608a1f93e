//! `wasi:random`: the system's randomness.

use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use crate::guest::{Guest, HostError};
use crate::wasi::interface;

/// Most bytes of one call.
const BYTES: u64 = 1 << 20;

type Store<'a> = StoreContextMut<'a, Guest>;

pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut random = interface(linker, "random/random")?;
    random.func_wrap("get-random-bytes", |_: Store<'_>, (len,): (u64,)| Ok((bytes(len)?,)))?;
    random.func_wrap("get-random-u64", |_: Store<'_>, (): ()| Ok((number()?,)))?;
    let mut insecure = interface(linker, "random/insecure")?;
    insecure.func_wrap("get-insecure-random-bytes", |_: Store<'_>, (len,): (u64,)| Ok((bytes(len)?,)))?;
    insecure.func_wrap("get-insecure-random-u64", |_: Store<'_>, (): ()| Ok((number()?,)))?;
    interface(linker, "random/insecure-seed")?
        .func_wrap("insecure-seed", |_: Store<'_>, (): ()| Ok(((number()?, number()?),)))
}

fn bytes(len: u64) -> wasmtime::Result<Vec<u8>> {
    if len > BYTES {
        let message = format!("`get-random-bytes` asks for {len} bytes, and one call may ask for {BYTES}");
        return Err(HostError::Argument(message).into());
    }
    let mut bytes = vec![0; len as usize];
    fill(&mut bytes)?;
    Ok(bytes)
}

fn number() -> wasmtime::Result<u64> {
    let mut bytes = [0; 8];
    fill(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

fn fill(bytes: &mut [u8]) -> wasmtime::Result<()> {
    getrandom::fill(bytes)
        .map_err(|error| wasmtime::Error::msg(format!("read the system's randomness: {error}")))
}
