//! Session tokens: what Docker's token flow hands out for a user and a password. Owns their form and seal.
//!
//! A session names the holder and what was asked for, and is looked up in the token file at each use: taking a token out
//! of the file ends its sessions.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::Right;
use crate::name::Repository;

/// Bytes of a key.
pub(crate) const KEY: usize = 32;

/// An action in a repository, as clients ask for it: `repository:team/split:pull,push`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scope {
    repository: String,
    /// Each by itself: who asked to delete did not ask to push.
    rights: Vec<Right>,
}

impl Scope {
    /// Reads a scope; `None` if it is about something else, or asks for nothing.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (repository, actions) = text.strip_prefix("repository:")?.rsplit_once(':')?;
        let rights = |action: &str| match action {
            "pull" => vec![Right::Pull],
            "push" => vec![Right::Push],
            "delete" => vec![Right::Admin],
            "*" => vec![Right::Pull, Right::Push, Right::Admin],
            _ => Vec::new(),
        };
        let rights: Vec<Right> = actions.split(',').flat_map(rights).collect();
        (!rights.is_empty()).then(|| Self { repository: repository.to_owned(), rights })
    }

    pub(crate) fn covers(&self, repository: &Repository, right: Right) -> bool {
        self.repository == repository.as_str() && self.rights.contains(&right)
    }
}

/// What a session token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Name of the token that it was made for; `None` = nobody's.
    pub(crate) name: Option<String>,
    /// Seconds since 1970 at which it ends.
    pub(crate) ends: i64,
    pub(crate) scopes: Vec<Scope>,
}

impl Session {
    pub(crate) fn seal(&self, key: &[u8; KEY]) -> String {
        let claims = serde_json::to_vec(self).unwrap_or_default();
        let claims = URL_SAFE_NO_PAD.encode(claims);
        let seal = URL_SAFE_NO_PAD.encode(mac(key, &claims).finalize().into_bytes());
        format!("{claims}.{seal}")
    }

    /// What a token says, if it was sealed with this key and has not ended at `now`.
    pub(crate) fn open(token: &str, key: &[u8; KEY], now: i64) -> Option<Self> {
        let (claims, seal) = token.split_once('.')?;
        let seal = URL_SAFE_NO_PAD.decode(seal).ok()?;
        mac(key, claims).verify_slice(&seal).ok()?;
        let session: Self = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        (session.ends > now).then_some(session)
    }
}

fn mac(key: &[u8; KEY], claims: &str) -> Hmac<Sha256> {
    // HMAC takes a key of a block, and fills up a shorter one with zeros.
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = <Hmac<Sha256> as hmac::digest::KeyInit>::new(&block.into());
    mac.update(claims.as_bytes());
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_opens_with_its_key_until_it_ends() {
        let scopes = vec![Scope::read("repository:a/b:push").unwrap()];
        let session = Session { name: Some("ci".to_owned()), ends: 100, scopes };
        let sealed = session.seal(&[1; KEY]);
        assert_eq!(Session::open(&sealed, &[1; KEY], 99), Some(session));
        assert_eq!(Session::open(&sealed, &[1; KEY], 100), None);
        assert_eq!(Session::open(&sealed, &[2; KEY], 99), None);
    }

    #[test]
    fn a_changed_session_does_not_open() {
        let session = |name: &str| Session { name: Some(name.to_owned()), ends: 100, scopes: Vec::new() };
        let (mine, other) = (session("ci").seal(&[1; KEY]), session("root").seal(&[2; KEY]));
        let forged = format!("{}.{}", other.split_once('.').unwrap().0, mine.split_once('.').unwrap().1);
        for token in [forged.as_str(), "", ".", "a.b", mine.split_once('.').unwrap().0] {
            assert_eq!(Session::open(token, &[1; KEY], 0), None, "{token}");
        }
    }

    #[test]
    fn scopes_of_other_things_are_no_scopes() {
        assert!(Scope::read("registry:catalog:*").is_none());
        assert!(Scope::read("repository:a:").is_none());
        assert!(Scope::read("repository:a:pull,push").unwrap().covers(&"a".parse().unwrap(), Right::Push));
    }
}
