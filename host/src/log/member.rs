//! Members of a group that deals the partitions of a topic out among them. Owns the words of it, and the member of a log
//! that one process has to itself.
//!
//! A member is told what is its own to read and what no longer is; it reads and commits nothing. Being told is no
//! ownership: two members may believe that they have the same partition for a while (one was frozen, or cut off), and
//! whoever writes must be fenced by other means.

use std::time::Duration;

use super::Error;

/// What a group has decided about the partitions of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dealt {
    /// These are its own from now on, beside those that it had. The first thing that a member hears, be it of none.
    Given(Vec<u32>),
    /// These are to be another's, who waits until [`Member::let_go`].
    Taken(Vec<u32>),
    /// The group has not heard of this member for too long: others may have had these for a while. It joins again by
    /// itself, after [`Member::let_go`].
    Lost(Vec<u32>),
}

/// A member of a group; it leaves when it is dropped, and others are dealt what it had.
pub trait Member: Send {
    /// Waits until the group has decided something, at most `wait`. To be called every few seconds: a member that asks no
    /// more counts as gone. An error is the end of this member.
    fn poll(&mut self, wait: Duration) -> Result<Option<Dealt>, Error>;
    /// What was taken is not read any more, so that another may have it.
    fn let_go(&mut self) -> Result<(), Error>;
}

/// The only member there can be: it is given everything, once.
#[derive(Debug)]
pub(super) struct Alone {
    partitions: Option<Vec<u32>>,
}

impl Alone {
    pub(super) fn with(count: u32) -> Self {
        Self { partitions: Some((0..count).collect()) }
    }
}

impl Member for Alone {
    fn poll(&mut self, wait: Duration) -> Result<Option<Dealt>, Error> {
        let Some(all) = self.partitions.take() else {
            std::thread::sleep(wait);
            return Ok(None);
        };
        Ok(Some(Dealt::Given(all)))
    }

    fn let_go(&mut self) -> Result<(), Error> {
        Ok(())
    }
}
