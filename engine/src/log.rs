//! Lines that a function writes: through `host.log`, or to its standard output and error.

/// One line of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Lines on standard output are `Info`, those on standard error `Warn`.
    pub level: LogLevel,
    /// Index in the batch of the call.
    pub record: Option<u32>,
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}
