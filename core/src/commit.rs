//! The identity of a commit and of an owner. Everything about delivery is decided by these, never by
//! comparing offsets.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Who owns a partition: the epoch counts takes, the nonce is random per take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Token {
    pub epoch: u64,
    pub nonce: u64,
}

/// One commit of one partition. The sequence counts per partition and token and is never used twice,
/// not even after an abort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CommitId {
    pub token: Token,
    pub sequence: u64,
}

impl fmt::Display for CommitId {
    /// The form written into offset metadata: `epoch.nonce.sequence`, the nonce in hexadecimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:016x}.{}", self.token.epoch, self.token.nonce, self.sequence)
    }
}

/// Offset metadata that holds no commit id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("offset metadata {0:?} is not a commit id (epoch.nonce.sequence)")]
pub struct NotACommitId(pub String);

impl FromStr for CommitId {
    type Err = NotACommitId;

    fn from_str(text: &str) -> Result<Self, NotACommitId> {
        let wrong = || NotACommitId(text.to_owned());
        let mut parts = text.split('.');
        let mut next = || parts.next().ok_or_else(wrong);
        let (epoch, nonce, sequence) = (next()?, next()?, next()?);
        if parts.next().is_some() || nonce.len() != 16 {
            return Err(wrong());
        }
        Ok(Self {
            token: Token {
                epoch: epoch.parse().map_err(|_| wrong())?,
                nonce: u64::from_str_radix(nonce, 16).map_err(|_| wrong())?,
            },
            sequence: sequence.parse().map_err(|_| wrong())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_id_survives_the_metadata_text() {
        let id = CommitId { token: Token { epoch: 7, nonce: 0xfeed }, sequence: 42 };
        assert_eq!(id.to_string(), "7.000000000000feed.42");
        assert_eq!(id.to_string().parse::<CommitId>(), Ok(id));
    }

    #[test]
    fn foreign_metadata_is_refused() {
        for text in ["", "1.2", "1.000000000000feed.2.3", "x.000000000000feed.1", "1.feed.1"] {
            assert!(text.parse::<CommitId>().is_err(), "{text}");
        }
    }
}
