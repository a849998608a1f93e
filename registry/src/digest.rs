//! Digests of content: `sha256:…` and `sha512:…`. Owns their grammar and how they are computed.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256, Sha512};

/// How a digest is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    pub fn hasher(self) -> Hasher {
        match self {
            Self::Sha256 => Hasher::Sha256(Sha256::new()),
            Self::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }

    fn hex_length(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

impl FromStr for Algorithm {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text {
            "sha256" => Ok(Self::Sha256),
            "sha512" => Ok(Self::Sha512),
            other => Err(DigestError::Algorithm(shown(other))),
        }
    }
}

/// The address of content: an algorithm and lower-case hexadecimal digits of its length.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

/// A text that is no digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    #[error("{0:?} is no digest: it has the form ALGORITHM:HEX")]
    Form(String),
    #[error("the digest algorithm {0:?} is not served: sha256 and sha512 are")]
    Algorithm(String),
    #[error("{found} characters follow {algorithm}:, which takes {wanted}")]
    Length { algorithm: &'static str, found: usize, wanted: usize },
    #[error("the part behind {algorithm}: has a character that is not one of 0-9 and a-f")]
    Character { algorithm: &'static str },
}

impl Digest {
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// The digest of these bytes.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        let mut hasher = algorithm.hasher();
        hasher.update(bytes);
        hasher.finish()
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        let (algorithm, hex) = text.split_once(':').ok_or_else(|| DigestError::Form(shown(text)))?;
        let algorithm: Algorithm = algorithm.parse()?;
        let (name, wanted) = (algorithm.name(), algorithm.hex_length());
        if hex.len() != wanted {
            return Err(DigestError::Length { algorithm: name, found: hex.len(), wanted });
        }
        if !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(DigestError::Character { algorithm: name });
        }
        Ok(Self { algorithm, hex: hex.to_owned() })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.name(), self.hex)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Computes a digest piece by piece.
#[derive(Clone, Debug)]
pub enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub fn finish(self) -> Digest {
        match self {
            Self::Sha256(hasher) => Digest { algorithm: Algorithm::Sha256, hex: hex(&hasher.finalize()) },
            Self::Sha512(hasher) => Digest { algorithm: Algorithm::Sha512, hex: hex(&hasher.finalize()) },
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A text that came from outside, short enough for a message.
pub(crate) fn shown(text: &str) -> String {
    let mut shown: String = text.chars().take(80).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_content_has_its_known_digest() {
        let empty = Digest::of(Algorithm::Sha256, b"");
        assert_eq!(
            empty.to_string(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        let abc = Digest::of(Algorithm::Sha512, b"abc").to_string();
        assert!(abc.starts_with("sha512:ddaf35a193617abacc417349ae204131"), "{abc}");
        assert_eq!(abc.parse::<Digest>().unwrap().to_string(), abc);
    }

    #[test]
    fn what_is_no_digest_is_refused_with_its_reason() {
        let refused = |text: &str| text.parse::<Digest>().unwrap_err();
        assert_eq!(refused("latest"), DigestError::Form("latest".to_owned()));
        assert_eq!(refused("md5:00"), DigestError::Algorithm("md5".to_owned()));
        assert!(matches!(refused("sha256:baddigeststring"), DigestError::Length { found: 15, .. }));
        let upper = format!("sha256:{}", "A".repeat(64));
        assert_eq!(refused(&upper), DigestError::Character { algorithm: "sha256" });
        let up = format!("sha256:{}{}", "../".repeat(21), "0");
        assert_eq!(refused(&up), DigestError::Character { algorithm: "sha256" });
    }
}
