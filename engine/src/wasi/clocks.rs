//! `wasi:clocks`: the real time, and waiting that ends with the deadline of the call.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, Lower};

use crate::guest::Guest;
use crate::wasi::interface;
use crate::wasi::io::Pollable;

/// Resolution that both clocks report, nanoseconds.
const RESOLUTION: u32 = 1_000;

#[derive(Clone, Copy, ComponentType, Lift, Lower)]
#[component(record)]
struct Datetime {
    seconds: u64,
    nanoseconds: u32,
}

type Store<'a> = StoreContextMut<'a, Guest>;

/// Nanoseconds since the first look at the clock.
pub(super) fn monotonic() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut wall = interface(linker, "clocks/wall-clock")?;
    wall.func_wrap("now", |_: Store<'_>, (): ()| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok((Datetime { seconds: now.as_secs(), nanoseconds: now.subsec_nanos() },))
    })?;
    wall.func_wrap("resolution", |_: Store<'_>, (): ()| {
        Ok((Datetime { seconds: 0, nanoseconds: RESOLUTION },))
    })?;
    let mut steady = interface(linker, "clocks/monotonic-clock")?;
    steady.func_wrap("now", |_: Store<'_>, (): ()| Ok((monotonic(),)))?;
    steady.func_wrap("resolution", |_: Store<'_>, (): ()| Ok((u64::from(RESOLUTION),)))?;
    steady.func_wrap("subscribe-instant", |mut store: Store<'_>, (when,): (u64,)| {
        Ok((store.data_mut().pollable(Pollable::At(when))?,))
    })?;
    steady.func_wrap("subscribe-duration", |mut store: Store<'_>, (wait,): (u64,)| {
        let when = monotonic().saturating_add(wait);
        Ok((store.data_mut().pollable(Pollable::At(when))?,))
    })
}
