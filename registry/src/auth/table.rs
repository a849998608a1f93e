//! The token file: names, hashes of secrets, grants. Owns its form, and finding the holder of a secret.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::session::KEY;
use super::{Access, Grant, Right, Scope, Session};
use crate::digest::hex;

/// Seconds that a session token lasts.
pub(crate) const SESSION_SECONDS: i64 = 300;

/// A token file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    #[error("cannot read the token file: {0}")]
    Read(#[from] std::io::Error),
    #[error("the token file is not as it should be: {0}")]
    Form(#[from] toml::de::Error),
    #[error("token {name:?}: {why}")]
    Token { name: String, why: String },
    #[error("no randomness for a key: {0}")]
    Random(#[from] getrandom::Error),
}

/// What a token file says.
#[derive(Clone)]
pub(super) struct Table {
    anonymous_pull: bool,
    key: [u8; KEY],
    entries: Vec<Entry>,
}

#[derive(Clone)]
struct Entry {
    name: String,
    /// SHA-256 of the secret, hexadecimal.
    hash: String,
    expires: Option<DateTime<Utc>>,
    grants: Vec<Grant>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    #[serde(default)]
    anonymous_pull: bool,
    session_key: Option<String>,
    #[serde(default)]
    token: Vec<FileToken>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileToken {
    name: String,
    sha256: String,
    expires: Option<String>,
    grants: Vec<FileGrant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileGrant {
    namespace: String,
    right: Right,
}

impl Table {
    /// Reads the text of a file. If it has no key for sessions, `key` is it, or else a new one.
    pub(super) fn read(text: &str, key: Option<[u8; KEY]>) -> Result<Self, TokenFileError> {
        let file: File = toml::from_str(text)?;
        let key = match (&file.session_key, key) {
            (Some(text), _) => read_key(text)?,
            (None, Some(key)) => key,
            (None, None) => {
                let mut key = [0; KEY];
                getrandom::fill(&mut key)?;
                key
            }
        };
        let entries: Vec<Entry> = file.token.into_iter().map(entry).collect::<Result<_, _>>()?;
        for (at, entry) in entries.iter().enumerate() {
            if entries.iter().take(at).any(|before| before.name == entry.name) {
                return Err(wrong(&entry.name, "there is another one of this name"));
            }
        }
        Ok(Self { anonymous_pull: file.anonymous_pull, key, entries })
    }

    pub(super) fn key(&self) -> [u8; KEY] {
        self.key
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn anonymous(&self) -> Access {
        Access::Anonymous { may_pull: self.anonymous_pull }
    }

    /// The access of who knows a secret, whole.
    pub(super) fn by_secret(&self, name: Option<&str>, secret: &str, now: DateTime<Utc>) -> Option<Access> {
        let hash = hex(&Sha256::digest(secret.as_bytes()));
        let entry = self.entries.iter().find(|entry| is_same(&entry.hash, &hash))?;
        if name.is_some_and(|name| name != entry.name) {
            return None;
        }
        self.holder(entry, None, now)
    }

    /// The access of a bearer token: a secret, or a session.
    pub(super) fn by_bearer(&self, token: &str, now: DateTime<Utc>) -> Option<Access> {
        if let Some(access) = self.by_secret(None, token, now) {
            return Some(access);
        }
        let session = Session::open(token, &self.key, now.timestamp())?;
        let Some(name) = session.name else { return Some(self.anonymous()) };
        let entry = self.entries.iter().find(|entry| entry.name == name)?;
        self.holder(entry, Some(session.scopes), now)
    }

    /// A session token for what `access` may do of `scopes`.
    pub(super) fn session(&self, access: &Access, scopes: Vec<Scope>, now: DateTime<Utc>) -> String {
        let name = match access {
            Access::Holder { name, .. } => Some(name.clone()),
            Access::Open | Access::Anonymous { .. } => None,
        };
        Session { name, ends: now.timestamp() + SESSION_SECONDS, scopes }.seal(&self.key)
    }

    fn holder(&self, entry: &Entry, scopes: Option<Vec<Scope>>, now: DateTime<Utc>) -> Option<Access> {
        let (name, grants) = (entry.name.clone(), entry.grants.clone());
        let is_over = entry.expires.is_some_and(|expires| expires <= now);
        (!is_over).then_some(Access::Holder { name, grants, scopes })
    }
}

/// Compares two hashes, in the same time wherever they differ.
fn is_same(one: &str, other: &str) -> bool {
    let differing = one.bytes().zip(other.bytes()).fold(0, |all, (one, other)| all | (one ^ other));
    one.len() == other.len() && std::hint::black_box(differing) == 0
}

fn wrong(name: &str, why: impl Into<String>) -> TokenFileError {
    TokenFileError::Token { name: name.to_owned(), why: why.into() }
}

fn entry(token: FileToken) -> Result<Entry, TokenFileError> {
    let name = token.name;
    if name.is_empty() || name.contains(':') {
        return Err(wrong(&name, "a name has at least one character and no colon"));
    }
    let hash = token.sha256.to_ascii_lowercase();
    if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong(&name, "`sha256` has 64 hexadecimal digits"));
    }
    let expires = token.expires.map(|text| DateTime::parse_from_rfc3339(&text)).transpose();
    let expires = expires.map_err(|error| wrong(&name, format!("`expires`: {error}")))?;
    let grant = |grant: FileGrant| {
        let namespace =
            grant.namespace.parse().map_err(|error: crate::NameError| wrong(&name, error.to_string()))?;
        Ok(Grant { namespace, right: grant.right })
    };
    let grants = token.grants.into_iter().map(grant).collect::<Result<_, TokenFileError>>()?;
    Ok(Entry { name, hash, expires: expires.map(Into::into), grants })
}

fn read_key(text: &str) -> Result<[u8; KEY], TokenFileError> {
    let digits = |at: usize| text.get(2 * at..2 * at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    let bytes: Option<Vec<u8>> = (0..KEY).map(digits).collect();
    let key = bytes.filter(|_| text.len() == 2 * KEY).and_then(|bytes| bytes.try_into().ok());
    key.ok_or_else(|| wrong("sessionKey", "it has 64 hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(extra: &str) -> String {
        let hash = hex(&Sha256::digest(b"secret"));
        format!(
            "[[token]]\nname = \"ci\"\nsha256 = \"{hash}\"\n{extra}\n\
             grants = [{{ namespace = \"team\", right = \"push\" }}]\n"
        )
    }

    #[test]
    fn a_secret_names_its_holder_until_it_expires() {
        let tokens = Table::read(&file("expires = \"2030-01-01T00:00:00Z\""), None).unwrap();
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let before = at("2029-12-31T23:59:59Z");
        assert_eq!(tokens.by_secret(Some("ci"), "secret", before).unwrap().to_string(), "ci");
        assert!(tokens.by_secret(Some("other"), "secret", before).is_none());
        assert!(tokens.by_bearer("wrong", before).is_none());
        assert!(!is_same("ab", "ac") && !is_same("ab", "abc") && is_same("ab", "ab"));
        assert!(tokens.by_bearer("secret", before).is_some());
        assert!(tokens.by_bearer("secret", at("2030-01-01T00:00:00Z")).is_none());
    }

    #[test]
    fn a_session_ends_with_its_token() {
        let key = format!("sessionKey = \"{}\"\n", "ab".repeat(32));
        let now = Utc::now();
        let tokens = Table::read(&(key.clone() + &file("")), None).unwrap();
        let access = tokens.by_bearer("secret", now).unwrap();
        let session = tokens.session(&access, Vec::new(), now);
        assert!(tokens.by_bearer(&session, now).is_some());
        assert!(Table::read(&key, None).unwrap().by_bearer(&session, now).is_none());
    }

    #[test]
    fn a_file_that_is_read_anew_keeps_the_key_of_sessions_unless_it_names_one() {
        let first = Table::read("", None).unwrap();
        assert_eq!(Table::read("", Some(first.key())).unwrap().key(), first.key());
        let named = format!("sessionKey = \"{}\"", "ab".repeat(32));
        assert_eq!(Table::read(&named, Some(first.key())).unwrap().key(), [0xab; KEY]);
        assert_ne!(Table::read("", None).unwrap().key(), first.key());
    }

    #[test]
    fn broken_files_are_refused_and_the_token_is_named() {
        let refused = |text: &str| Table::read(text, None).err().unwrap().to_string();
        assert!(refused("tokens = 1").contains("unknown field `tokens`"));
        assert!(refused("sessionKey = \"ab\"").contains("64 hexadecimal digits"));
        assert!(refused(&file("expires = \"soon\"")).starts_with("token \"ci\": `expires`"));
        assert!(refused(&(file("") + &file(""))).contains("another one of this name"));
    }
}
