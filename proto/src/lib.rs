//! The gRPC interfaces of Invoker: messages, clients and servers made from the `.proto` files in `proto/proto`. Owns the
//! interfaces and nothing of what is behind them.
//!
//! The code is checked in. After a change of a `.proto` file, `INVOKER_BLESS=1 cargo test -p invoker-proto` writes it
//! anew; without it the tests fail.

/// The registry of functions.
pub mod registry {
    /// Version 1: the package `invoker.registry.v1`.
    pub mod v1 {
        #![allow(
            missing_debug_implementations,
            unused_qualifications,
            clippy::doc_markdown,
            clippy::large_enum_variant,
            reason = "made by a generator"
        )]

        include!("../generated/invoker.registry.v1.rs");
    }
}

/// Descriptors of all interfaces, a `google.protobuf.FileDescriptorSet`: what reflection serves.
pub const DESCRIPTORS: &[u8] = include_bytes!("../generated/descriptors.bin");
