//! Names: repositories, tags and namespaces. Owns their grammar, which is the distribution specification's; what passes
//! it is safe as a part of a path.

use std::fmt;
use std::str::FromStr;

use crate::digest::{Digest, DigestError, shown};

/// Longest name of a repository, bytes: with a host in front, clients take 255.
const NAME_BYTES: usize = 229;
/// Longest tag, bytes.
const TAG_BYTES: usize = 128;

/// A text that is no name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error(
        "the repository name {0:?} is not made of lower-case letters and digits, joined by \".\", \"_\", \"__\", \"-\" or \"/\""
    )]
    Repository(String),
    #[error("the repository name has {0} bytes, and {NAME_BYTES} at most are served")]
    Long(usize),
    #[error(
        "{0:?} is no tag: 1 to {TAG_BYTES} letters, digits, \"_\", \".\" and \"-\", the first one neither \".\" nor \"-\""
    )]
    Tag(String),
    #[error(transparent)]
    Digest(#[from] DigestError),
}

/// The name of a repository, such as `team/split`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository(String);

impl Repository {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Repository {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.len() > NAME_BYTES {
            return Err(NameError::Long(text.len()));
        }
        if text.split('/').all(is_component) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError::Repository(shown(text)))
        }
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Letters and digits, joined by `.`, `_`, `__` or any number of `-`.
fn is_component(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !text.starts_with(is_word) || !text.ends_with(is_word) {
        return false;
    }
    text.split(is_word)
        .all(|joint| matches!(joint, "" | "." | "_" | "__") || joint.bytes().all(|byte| byte == b'-'))
}

/// A name that points to a manifest.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(String);

impl Tag {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is a version, such as `1.2.0` or `1.2.0-rc.1`: what was pushed under it stays.
    pub fn is_version(&self) -> bool {
        self.version().is_some()
    }

    pub(crate) fn version(&self) -> Option<semver::Version> {
        semver::Version::parse(&self.0).ok()
    }
}

impl FromStr for Tag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let ok = text.len() <= TAG_BYTES
            && text.bytes().next().is_some_and(is_word)
            && text.bytes().all(|byte| is_word(byte) || byte == b'.' || byte == b'-');
        if ok { Ok(Self(text.to_owned())) } else { Err(NameError::Tag(shown(text))) }
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What names a manifest in a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    Tag(Tag),
    Digest(Digest),
}

impl FromStr for Reference {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.contains(':') { Ok(Self::Digest(text.parse()?)) } else { Ok(Self::Tag(text.parse()?)) }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

/// Repositories of one beginning: `team` is `team` and everything under `team/`; `*` is all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace(Option<Repository>);

impl Namespace {
    pub fn covers(&self, repository: &Repository) -> bool {
        let Some(Repository(start)) = &self.0 else { return true };
        repository.0.strip_prefix(start.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for Namespace {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text == "*" { Ok(Self(None)) } else { Ok(Self(Some(text.parse()?))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_repositories_follow_the_specification() {
        for good in ["a", "team/split", "a.b/c__d/e---f", "0/1", "a_b", "blobs/uploads", "a/tags/list"] {
            assert_eq!(good.parse::<Repository>().unwrap().as_str(), good);
        }
        for bad in [
            "", "/", "a/", "/a", "a//b", "..", "a/../b", "A", "a..b", "a___b", "-a", "a-", "_tags", "a\0",
            "ä", "a b",
        ] {
            assert!(bad.parse::<Repository>().is_err(), "{bad:?}");
        }
        assert_eq!("a".repeat(230).parse::<Repository>(), Err(NameError::Long(230)));
    }

    #[test]
    fn tags_follow_the_specification() {
        for good in ["latest", "1.0.0", "_x", "A-b.c", &"x".repeat(128)] {
            assert!(good.parse::<Tag>().is_ok(), "{good:?}");
        }
        for bad in ["", ".", "..", "-a", "a/b", "a b", "ä", &"x".repeat(129)] {
            assert!(bad.parse::<Tag>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn full_versions_are_versions_and_other_tags_move() {
        let is_version = |tag: &str| tag.parse::<Tag>().unwrap().is_version();
        assert!(is_version("1.2.0") && is_version("0.1.0-rc.1"));
        assert!(!is_version("latest") && !is_version("1.2") && !is_version("v1.2.0"));
    }

    #[test]
    fn a_namespace_ends_at_a_slash() {
        let team: Namespace = "team".parse().unwrap();
        let covers = |name: &str| team.covers(&name.parse().unwrap());
        assert!(covers("team") && covers("team/split") && covers("team/a/b"));
        assert!(!covers("teams/split") && !covers("other/team"));
        assert!("*".parse::<Namespace>().unwrap().covers(&"any/thing".parse().unwrap()));
    }
}
