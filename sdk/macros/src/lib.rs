//! The macros of `invoker-sdk`.
