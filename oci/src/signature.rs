//! Signatures of functions: Ed25519 over the digest of a manifest. Owns keys, their text and what is signed; where
//! signatures are kept is the business of [`signing`](crate::signing).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

/// What the text of a public key begins with.
const PUBLIC: &str = "ed25519:";
/// What the text of a secret key begins with.
const SECRET: &str = "invoker-secret-ed25519:";
/// What stands before a digest that is signed, so that a signature is of use for nothing else.
const DOMAIN: &str = "invoker function signature 1\n";

/// A text that is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("{0:?} is no public key: {PUBLIC:?} and 32 bytes in base64")]
    Public(String),
    // The text is a secret, or was meant to be one.
    #[error("it is no secret key: {SECRET:?} and 32 bytes in base64")]
    Secret,
}

/// A key that signatures are checked with. As text it is `ed25519:` and its 32 bytes in base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// A key that signs. As text it is `invoker-secret-ed25519:` and its 32 bytes in base64.
pub struct SecretKey(SigningKey);

/// That the holder of a key vouches for a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The public key.
    pub key: String,
    /// 64 bytes in base64.
    pub value: String,
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let wrong = || KeyError::Public(text.to_owned());
        let bytes = bytes(text.strip_prefix(PUBLIC).ok_or_else(wrong)?).ok_or_else(wrong)?;
        VerifyingKey::from_bytes(&bytes).map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PUBLIC}{}", STANDARD.encode(self.0.as_bytes()))
    }
}

impl FromStr for SecretKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let bytes = text.trim().strip_prefix(SECRET).and_then(bytes);
        bytes.map(|bytes| Self(SigningKey::from_bytes(&bytes))).ok_or(KeyError::Secret)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SecretKey").field(&self.public()).finish()
    }
}

fn bytes(text: &str) -> Option<[u8; 32]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

impl SecretKey {
    /// A key of these random bytes.
    pub fn of_bytes(bytes: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(bytes))
    }

    /// As text, which is secret.
    pub fn text(&self) -> String {
        format!("{SECRET}{}", STANDARD.encode(self.0.as_bytes()))
    }

    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, digest: &str) -> Signature {
        let signature = self.0.sign(signed(digest).as_bytes());
        Signature { key: self.public().to_string(), value: STANDARD.encode(signature.to_bytes()) }
    }
}

impl Signature {
    /// Whose signature of this digest it is; `None` where it is none.
    pub(crate) fn signer(&self, digest: &str) -> Option<PublicKey> {
        let key: PublicKey = self.key.parse().ok()?;
        let value: [u8; 64] = STANDARD.decode(&self.value).ok()?.try_into().ok()?;
        let signature = ed25519_dalek::Signature::from_bytes(&value);
        key.0.verify_strict(signed(digest).as_bytes(), &signature).ok().map(|()| key)
    }
}

fn signed(digest: &str) -> String {
    format!("{DOMAIN}{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_of_one_key_and_one_digest() {
        let (key, other) = (SecretKey::of_bytes(&[7; 32]), SecretKey::of_bytes(&[8; 32]));
        let signature = key.sign("sha256:aa");
        assert_eq!(signature.signer("sha256:aa"), Some(key.public()));
        assert_eq!(signature.signer("sha256:ab"), None);
        let forged = Signature { key: other.public().to_string(), ..signature };
        assert_eq!(forged.signer("sha256:aa"), None);
        let broken = Signature { value: "AAAA".to_owned(), ..forged };
        assert_eq!(broken.signer("sha256:aa"), None);
    }

    #[test]
    fn keys_are_text_and_a_secret_one_is_not_shown() {
        let key = SecretKey::of_bytes(&[7; 32]);
        let again: SecretKey = key.text().parse().unwrap();
        assert_eq!(again.public(), key.public());
        assert_eq!(key.public().to_string().parse(), Ok(key.public()));
        assert!(!format!("{key:?}").contains(key.text().trim_start_matches(SECRET)));
        for text in ["", "ed25519:", "ed25519:AAAA", "rsa:x", &key.text()] {
            assert!(text.parse::<PublicKey>().is_err(), "{text}");
        }
        assert!(key.public().to_string().parse::<SecretKey>().is_err());
    }
}
