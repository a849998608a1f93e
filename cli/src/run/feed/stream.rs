//! Standard input and pipes: read once, no position to go on from.

use std::fs::File;
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::lines::LineBuffer;
use super::{Feeder, GLANCE, InputState, line_too_long};
use crate::error::{Error, Exit};
use crate::records::InputFormat;

pub(super) fn read_stdin(feeder: &mut Feeder) -> Result<(), Error> {
    let stdin = std::io::stdin().as_fd().try_clone_to_owned();
    let stdin = stdin.map_err(|error| Error::new(Exit::File, "cannot read input \"-\"", error, "open it"))?;
    read(feeder, File::from(stdin))
}

/// Reads to the end. Commits whenever the next read would wait, and what comes before a line that cannot be taken.
pub(super) fn read(feeder: &mut Feeder, mut stream: File) -> Result<(), Error> {
    let result = read_on(feeder, &mut stream);
    result.and(feeder.writer.commit(None))
}

fn read_on(feeder: &mut Feeder, stream: &mut File) -> Result<(), Error> {
    let (name, format) = (feeder.input.name(), feeder.input.format.unwrap_or(InputFormat::Lines));
    let limit = feeder.writer.record_limit();
    let mut buffer = LineBuffer::at(0);
    let mut line = 0;
    let failed = |error: std::io::Error| {
        Error::new(Exit::File, format!("cannot read input {name:?}"), error, "check what writes to it")
    };
    while wait_readable(feeder, stream.as_fd())? {
        if buffer.fill(stream).map_err(failed)? == 0 {
            return buffer.rest().map_or(Ok(()), |bytes| feeder.take(format, &name, line, bytes));
        }
        while let Some(bytes) = buffer.next_line() {
            feeder.take(format, &name, line, bytes)?;
            line += 1;
            if feeder.writer.is_full() {
                feeder.writer.commit(None)?;
                feeder.context.wait_for_room(&feeder.progress);
            }
        }
        if buffer.held() > limit {
            return Err(line_too_long(&name, line, limit));
        }
    }
    Ok(())
}

/// Waits until there is something to read (or the end); `false` when the run stops before.
fn wait_readable(feeder: &mut Feeder, stream: std::os::fd::BorrowedFd<'_>) -> Result<bool, Error> {
    let mut wait = Timespec { tv_sec: 0, tv_nsec: 0 };
    loop {
        if feeder.context.stopping() {
            return Ok(false);
        }
        let ready = match poll(&mut [PollFd::new(&stream, PollFlags::IN)], Some(&wait)) {
            Ok(count) => count > 0,
            Err(rustix::io::Errno::INTR) => false,
            Err(error) => {
                let what = format!("cannot wait for input {:?}", feeder.input.name());
                return Err(Error::internal(what, error));
            }
        };
        if ready {
            feeder.progress.set(InputState::Reading);
            return Ok(true);
        }
        feeder.writer.commit(None)?;
        feeder.progress.set(InputState::Waiting);
        wait.tv_nsec = GLANCE.as_nanos() as _;
    }
}
