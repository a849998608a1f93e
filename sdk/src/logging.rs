//! Log lines, which the host keeps with the entity, the partition and the record that they were written for.

use std::fmt::Arguments;

pub use crate::bindings::invoker::udf::host::Level;

#[doc(hidden)]
pub fn write(level: Level, message: Arguments<'_>) {
    crate::host::log(level, crate::call::current_record(), &message.to_string());
}

/// Logs what only a debugger wants, for the record in hand. Arguments are those of `format!`.
#[macro_export]
macro_rules! trace {
    ($($argument:tt)+) => {
        $crate::logging::write($crate::logging::Level::Trace, ::std::format_args!($($argument)+))
    };
}

/// Logs what helps to find a fault, for the record in hand. Arguments are those of `format!`.
#[macro_export]
macro_rules! debug {
    ($($argument:tt)+) => {
        $crate::logging::write($crate::logging::Level::Debug, ::std::format_args!($($argument)+))
    };
}

/// Logs a change worth knowing, for the record in hand. Arguments are those of `format!`.
#[macro_export]
macro_rules! info {
    ($($argument:tt)+) => {
        $crate::logging::write($crate::logging::Level::Info, ::std::format_args!($($argument)+))
    };
}

/// Logs something unexpected that was dealt with, for the record in hand. Arguments are those of `format!`.
#[macro_export]
macro_rules! warn {
    ($($argument:tt)+) => {
        $crate::logging::write($crate::logging::Level::Warn, ::std::format_args!($($argument)+))
    };
}

/// Logs something that a person must act on, for the record in hand. Arguments are those of `format!`.
#[macro_export]
macro_rules! error {
    ($($argument:tt)+) => {
        $crate::logging::write($crate::logging::Level::Error, ::std::format_args!($($argument)+))
    };
}
