//! Functions on streams, in Rust: an author writes what is done with **one record**, and this crate makes a component of
//! it that a host runs batch by batch.
//!
//! ```
//! use invoker_sdk::prelude::*;
//!
//! /// Counts how often each word came.
//! #[function]
//! fn count(
//!     _: Record<'_>,
//!     /// Times the word was seen.
//!     total: &mut Value<u64>,
//!     /// What each occurrence adds.
//!     #[setting(default = 1)] step: &u64,
//!     counts: &mut Output<u64>,
//! ) -> Result {
//!     let total = total.or_default()?;
//!     *total += step;
//!     counts.send(*total)
//! }
//! # fn main() {}
//! ```
//!
//! What a function needs is told by the types of its parameters, and checked by the host before it runs:
//! [`Output`]s, [`Input`]s where there are several, state of the record's key ([`Value`], [`Map`], [`SortedMap`]), and
//! settings ([`Setting`]). For fields of its own that live between records, it is a struct: see [`Process`].
//!
//! - `?` on any error **rejects** the record: it goes where the deployment's `onFailure` says, nothing that it sent is
//!   kept, and no state that it changed. The other records of the batch are not touched. [`OrReject`] gives it a code,
//!   or has it tried again.
//! - A panic reaches the host with its message, file, line and record.
//! - [`info!`], [`warn!`] and their like log with the record in hand.
//! - [`testing`] runs it natively, in `cargo test`.
//!
//! A project is a library with `crate-type = ["cdylib"]`, built by `cargo build --release --target wasm32-wasip2`. There is
//! one `#[function]` in it.

#[allow(
    unsafe_code,
    unreachable_pub,
    missing_debug_implementations,
    unused_qualifications,
    clippy::all,
    clippy::panic,
    clippy::unwrap_used,
    clippy::undocumented_unsafe_blocks,
    reason = "generated, and differently so per target"
)]
#[doc(hidden)]
#[rustfmt::skip]
pub mod bindings;
mod call;
mod codec;
mod column;
#[doc(hidden)]
pub mod component;
mod error;
#[doc(hidden)]
pub mod function;
mod host;
mod instance;
#[doc(hidden)]
pub mod logging;
mod output;
mod outputs;
mod record;
#[doc(hidden)]
pub mod setting;
#[doc(hidden)]
pub mod state;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

#[cfg(feature = "json")]
pub use codec::Json;
#[cfg(feature = "postcard")]
pub use codec::Postcard;
pub use codec::{Codec, Decode, Encode};
pub use error::{Error, OrReject, Result};
pub use function::{Function, Process};
pub use invoker_sdk_macros::function;
pub use output::{Draft, Input, Output};
pub use record::Record;
pub use setting::Setting;
pub use state::{Map, Scan, SortedMap, Value};

/// All that a function usually needs.
pub mod prelude {
    #[cfg(feature = "json")]
    pub use crate::Json;
    #[cfg(feature = "postcard")]
    pub use crate::Postcard;
    pub use crate::{
        Codec, Decode, Encode, Error, Input, Map, OrReject, Output, Process, Record, Result, SortedMap,
        Value, debug, error, function, info, trace, warn,
    };
}
