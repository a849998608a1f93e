//! `wasi:io`: streams that end in the log, and things to wait for.

use std::time::Duration;

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, LinkerInstance, Lower, Resource, ResourceType};

use crate::guest::{Guest, HostError};
use crate::lines::Standard;
use crate::wasi::{bare_resource, interface};

/// `wasi:io/error`; none is ever made.
pub(super) struct IoError;
/// Standard input, which is at its end.
pub(super) struct InputStream;
/// Standard output (1) or error (2): the number is all there is to it.
pub(super) struct OutputStream;

/// Something to wait for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pollable {
    Ready,
    /// Nanoseconds of the monotonic clock.
    At(u64),
}

/// What one write may take, as `check-write` says.
const WRITE_BYTES: u64 = 64 << 10;

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
enum StreamError {
    #[component(name = "last-operation-failed")]
    LastOperationFailed(Resource<IoError>),
    #[component(name = "closed")]
    Closed,
}

type Written = (Result<(), StreamError>,);
type Store<'a> = StoreContextMut<'a, Guest>;

pub(super) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    link_error(linker)?;
    link_poll(linker)?;
    let mut streams = interface(linker, "io/streams")?;
    link_input(&mut streams)?;
    link_output(&mut streams)
}

fn link_error(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut error = interface(linker, "io/error")?;
    bare_resource::<IoError>(&mut error, "error")?;
    error.func_wrap("[method]error.to-debug-string", |_: Store<'_>, (_,): (Resource<IoError>,)| {
        Ok((String::new(),))
    })
}

fn link_poll(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let mut poll = interface(linker, "io/poll")?;
    poll.resource("pollable", ResourceType::host::<Pollable>(), |mut store: Store<'_>, handle| {
        store.data_mut().pollables.delete(Resource::<Pollable>::new_own(handle))?;
        Ok(())
    })?;
    poll.func_wrap("[method]pollable.ready", |store: Store<'_>, (pollable,): (Resource<Pollable>,)| {
        Ok((store.data().wait(&pollable)?.is_zero(),))
    })?;
    poll.func_wrap("[method]pollable.block", |store: Store<'_>, (pollable,): (Resource<Pollable>,)| {
        let wait = store.data().wait(&pollable)?;
        store.data().sleep(wait)
    })?;
    poll.func_wrap("poll", |store: Store<'_>, (pollables,): (Vec<Resource<Pollable>>,)| {
        let waits = |guest: &Guest| -> wasmtime::Result<Vec<Duration>> {
            pollables.iter().map(|pollable| guest.wait(pollable)).collect()
        };
        let Some(least) = waits(store.data())?.into_iter().min() else {
            return Err(HostError::Argument("`poll` waits for nothing".to_owned()).into());
        };
        store.data().sleep(least)?;
        let ready = (0u32..).zip(waits(store.data())?).filter(|(_, wait)| wait.is_zero());
        Ok((ready.map(|(index, _)| index).collect::<Vec<u32>>(),))
    })
}

impl Guest {
    pub(super) fn pollable(&mut self, pollable: Pollable) -> wasmtime::Result<Resource<Pollable>> {
        Ok(self.pollables.push(pollable)?)
    }

    fn wait(&self, pollable: &Resource<Pollable>) -> wasmtime::Result<Duration> {
        Ok(match self.pollables.get(pollable)? {
            Pollable::Ready => Duration::ZERO,
            Pollable::At(nanoseconds) => {
                Duration::from_nanos(nanoseconds.saturating_sub(super::clocks::monotonic()))
            }
        })
    }

    fn sleep(&self, wait: Duration) -> wasmtime::Result<()> {
        match self.clock.sleep(wait, self.until) {
            true => Ok(()),
            false => Err(HostError::Deadline.into()),
        }
    }
}

fn link_input(streams: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    bare_resource::<InputStream>(streams, "input-stream")?;
    for name in ["read", "blocking-read"] {
        streams.func_wrap(
            &format!("[method]input-stream.{name}"),
            |_: Store<'_>, _: (Resource<InputStream>, u64)| Ok((Err::<Vec<u8>, _>(StreamError::Closed),)),
        )?;
    }
    for name in ["skip", "blocking-skip"] {
        streams.func_wrap(
            &format!("[method]input-stream.{name}"),
            |_: Store<'_>, _: (Resource<InputStream>, u64)| Ok((Err::<u64, _>(StreamError::Closed),)),
        )?;
    }
    streams.func_wrap(
        "[method]input-stream.subscribe",
        |mut store: Store<'_>, _: (Resource<InputStream>,)| {
            Ok((store.data_mut().pollable(Pollable::Ready)?,))
        },
    )
}

fn link_output(streams: &mut LinkerInstance<'_, Guest>) -> wasmtime::Result<()> {
    bare_resource::<OutputStream>(streams, "output-stream")?;
    streams
        .func_wrap("[method]output-stream.check-write", |_: Store<'_>, _: (Resource<OutputStream>,)| {
            Ok((Ok::<u64, StreamError>(WRITE_BYTES),))
        })?;
    for name in ["write", "blocking-write-and-flush"] {
        streams.func_wrap(
            &format!("[method]output-stream.{name}"),
            |mut store: Store<'_>, (stream, bytes): (Resource<OutputStream>, Vec<u8>)| {
                let stream = if stream.rep() == 2 { Standard::Error } else { Standard::Output };
                store.data_mut().lines.write(stream, &bytes);
                Ok::<Written, _>((Ok(()),))
            },
        )?;
    }
    for name in ["flush", "blocking-flush"] {
        streams.func_wrap(
            &format!("[method]output-stream.{name}"),
            |_: Store<'_>, _: (Resource<OutputStream>,)| Ok::<Written, _>((Ok(()),)),
        )?;
    }
    for name in ["write-zeroes", "blocking-write-zeroes-and-flush"] {
        streams.func_wrap(
            &format!("[method]output-stream.{name}"),
            |_: Store<'_>, _: (Resource<OutputStream>, u64)| Ok::<Written, _>((Ok(()),)),
        )?;
    }
    for name in ["splice", "blocking-splice"] {
        streams.func_wrap(
            &format!("[method]output-stream.{name}"),
            |_: Store<'_>, _: (Resource<OutputStream>, Resource<InputStream>, u64)| {
                Ok((Err::<u64, _>(StreamError::Closed),))
            },
        )?;
    }
    streams.func_wrap(
        "[method]output-stream.subscribe",
        |mut store: Store<'_>, _: (Resource<OutputStream>,)| {
            Ok((store.data_mut().pollable(Pollable::Ready)?,))
        },
    )
}
