//! Outputs and inputs as a function sees them: typed, by name.

use crate::call::Call;
use crate::codec::{Decode, Encode};
use crate::error::{Error, Result};
use crate::outputs::{Extras, Key};
use crate::record::Record;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

/// An output: `Output` of bytes, `Output<u64>`, `Output<String>`, `Output<Json<Alert>>`.
///
/// What a record sends keeps that record's key, timestamp and headers unless it says otherwise, and is dropped if the
/// record fails.
///
/// ```
/// use invoker_sdk::prelude::*;
///
/// /// Sends each line to a copy, and long ones to `long` too.
/// #[function]
/// fn tee(record: Record<'_>, copy: &mut Output, long: &mut Output<u64>) -> Result {
///     let line = record.bytes()?;
///     copy.send(line)?;
///     if line.len() > 80 {
///         long.with().key("long").partition(0).send(line.len() as u64)?;
///     }
///     Ok(())
/// }
/// # fn main() {}
/// ```
pub struct Output<C = Vec<u8>> {
    call: Rc<Call>,
    port: u16,
    codec: PhantomData<fn() -> C>,
}

impl<C: Encode> Output<C> {
    pub(crate) fn new(call: Rc<Call>, port: u16) -> Self {
        Self { call, port, codec: PhantomData }
    }

    /// Sends a value under the key of the record in hand.
    #[inline]
    pub fn send(&mut self, value: C::Ref<'_>) -> Result {
        self.call.outputs.borrow_mut().send(self.port, |into| C::encode(value, into))
    }

    /// Sends a value under a key of its own.
    #[inline]
    pub fn send_keyed(&mut self, key: impl AsRef<[u8]>, value: C::Ref<'_>) -> Result {
        self.call.outputs.borrow_mut().send_keyed(self.port, key.as_ref(), |into| C::encode(value, into))
    }

    /// An output that says more: key, partition, timestamp, headers. End it with [`Draft::send`] or [`Draft::tombstone`].
    pub fn with(&mut self) -> Draft<'_, C> {
        self.call.outputs.borrow_mut().draft();
        Draft { output: self, extras: Extras::default(), unset: false }
    }
}

impl<C> fmt::Debug for Output<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("port", &self.port).finish_non_exhaustive()
    }
}

/// An output in the making, see [`Output::with`].
#[must_use = "an output is sent by `send` or `tombstone`"]
#[derive(Debug)]
pub struct Draft<'a, C: Encode> {
    output: &'a mut Output<C>,
    extras: Extras<'a>,
    /// A header was set although the host forwards them unseen.
    unset: bool,
}

impl<'a, C: Encode> Draft<'a, C> {
    /// Its key.
    pub fn key(mut self, key: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.extras.key = Key::Own(Some(key.as_ref()));
        self
    }

    /// No key, even though the record has one.
    pub fn no_key(mut self) -> Self {
        self.extras.key = Key::Own(None);
        self
    }

    /// Its partition, instead of the one that its key gives.
    pub fn partition(mut self, partition: u32) -> Self {
        self.extras.partition = Some(i32::try_from(partition).unwrap_or(i32::MAX));
        self
    }

    /// Its event time, milliseconds since the Unix epoch.
    pub fn timestamp(mut self, milliseconds: i64) -> Self {
        self.extras.event_time = Some(milliseconds);
        self
    }

    /// Adds a header, behind the record's own where the function reads headers.
    pub fn header(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.add(name, Some(value.as_ref()))
    }

    /// Adds a header without value.
    pub fn null_header(self, name: &str) -> Self {
        self.add(name, None)
    }

    /// Leaves out the record's own headers, and those set so far.
    pub fn no_headers(mut self) -> Self {
        self.extras.headers = true;
        let mut outputs = self.output.call.outputs.borrow_mut();
        outputs.clear_draft();
        self.unset |= !outputs.sets_headers();
        drop(outputs);
        self
    }

    fn add(mut self, name: &str, value: Option<&[u8]>) -> Self {
        self.extras.headers = true;
        let mut outputs = self.output.call.outputs.borrow_mut();
        outputs.draft_header(name, value);
        self.unset |= !outputs.sets_headers();
        drop(outputs);
        self
    }

    /// Sends it with this value.
    pub fn send(self, value: C::Ref<'_>) -> Result {
        self.finish(Some(|into: &mut Vec<u8>| C::encode(value, into)))
    }

    /// Sends it without a value: its key is gone.
    pub fn tombstone(self) -> Result {
        self.finish(None::<fn(&mut Vec<u8>) -> Result>)
    }

    fn finish(self, encode: Option<impl FnOnce(&mut Vec<u8>) -> Result>) -> Result {
        if self.unset {
            return Err(Error::reject(
                "headers-forwarded",
                "an output set headers, but the host forwards them unseen; \
                 declare #[function(headers = \"read\")] or #[function(headers = \"drop\")]",
            ));
        }
        self.output.call.outputs.borrow_mut().send_with(self.output.port, self.extras, encode)
    }
}

/// One of several inputs: tells which one a record came from, and reads it.
///
/// ```
/// use invoker_sdk::prelude::*;
///
/// /// Adds up payments, and forgets accounts that were closed.
/// #[function]
/// fn balance(
///     record: Record<'_>,
///     payments: &Input<i64>,
///     closed: &Input,
///     balance: &mut Value<i64>,
///     balances: &mut Output<i64>,
/// ) -> Result {
///     if closed.gave(&record) {
///         balance.remove()?;
///         return balances.with().tombstone();
///     }
///     let sum = balance.or_default()?;
///     *sum += payments.read(&record)?;
///     balances.send(*sum)
/// }
/// # fn main() {}
/// ```
pub struct Input<C = Vec<u8>> {
    index: u16,
    codec: PhantomData<fn() -> C>,
}

impl<C: Decode> Input<C> {
    pub(crate) fn new(index: u16) -> Self {
        Self { index, codec: PhantomData }
    }

    /// Whether the record came from this input.
    #[inline]
    pub fn gave(&self, record: &Record<'_>) -> bool {
        record.input() == self.index
    }

    /// The record's value as this input's type.
    pub fn read(&self, record: &Record<'_>) -> Result<C::Item> {
        record.decode::<C>()
    }
}

impl<C> fmt::Debug for Input<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").field("index", &self.index).finish()
    }
}
