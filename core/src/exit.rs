//! Exit codes of the commands, documented in `docs/exit-codes.md`.

/// What a shell sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// Something that is not the user's to mend.
    Internal = 1,
    /// The command line is not understood.
    Usage = 2,
    /// The topology or the host document is not valid, or a name in it leads nowhere.
    Topology = 3,
    /// A function cannot be used.
    Function = 4,
    /// An input or output file cannot be read or written.
    File = 5,
    /// The data directory cannot be used.
    Data = 6,
    /// Everything else is done, but a partition stopped.
    Stopped = 7,
    /// A case of `invoker test` came out otherwise.
    Case = 8,
    /// Something that building needs is not installed.
    Tool = 9,
    /// Kafka, Redis or a registry cannot be used.
    Service = 10,
    /// A signal ended the work before its end.
    Interrupted = 130,
}

impl Exit {
    /// The code.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The word that scripts see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::Topology => "topology",
            Self::Function => "function",
            Self::File => "file",
            Self::Data => "data",
            Self::Stopped => "stopped",
            Self::Case => "case",
            Self::Tool => "tool",
            Self::Service => "service",
            Self::Interrupted => "interrupted",
        }
    }
}
