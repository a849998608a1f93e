//! Names of functions: how a topology or a command line says where a function is. Owns their grammar and what is wrong
//! with a text that is none; nothing is looked up here.
//!
//! | text | means |
//! | --- | --- |
//! | `./x`, `../x`, `/x` | a path |
//! | `ns/name:tag` | a tag in the configured registry |
//! | `ns/name@^1.2` | the highest version of a range there |
//! | `ns/name@sha256:…` | one content there; a tag in front of `@` is for readers |
//! | `host.example/ns/name:tag` | the same in a registry by name: a first part with `.` or `:`, or `localhost` |

use std::fmt;

use semver::{Version, VersionReq};

/// Longest name of a repository, bytes.
const REPOSITORY_BYTES: usize = 229;
/// Longest tag, bytes.
const TAG_BYTES: usize = 128;
/// Hexadecimal digits of a digest.
const DIGEST_DIGITS: usize = 64;

/// Where a function is.
///
/// ```
/// use invoker_core::function_name::{FunctionName, Pick, Place};
///
/// assert_eq!(Place::of("./split.wasm"), Ok(Place::Path("./split.wasm")));
/// let Ok(Place::Registry(name)) = Place::of("ghcr.io/team/split@^1.2") else { unreachable!() };
/// assert_eq!((name.host.as_deref(), name.repository.as_str()), (Some("ghcr.io"), "team/split"));
/// assert!(matches!(name.pick, Some(Pick::Range(_))));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// A path, relative to the file that names it.
    Path(&'a str),
    /// A name in a registry.
    Registry(FunctionName),
}

/// A function, or several versions of one, in a registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FunctionName {
    /// Registry, `host` or `host:port`; `None` = the configured one.
    pub host: Option<String>,
    /// Namespace and name: `team/split`.
    pub repository: String,
    /// Which of its versions; `None` = nothing is said.
    pub pick: Option<Pick>,
}

/// Which version of a function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pick {
    /// What a tag points to.
    Tag(String),
    /// The highest version that fits, as Cargo reads a requirement: `^1.2`, `~1.2.3`, `>=1, <3`, `*`.
    Range(VersionReq),
    /// `sha256:` and 64 hexadecimal digits, of a manifest.
    Digest(String),
}

/// A text that is no name of a function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    #[error("the name is empty")]
    Empty,
    #[error(
        "{0:?} is not made of lower-case letters and digits, joined by \".\", \"_\", \"__\", \"-\" or \"/\""
    )]
    Repository(String),
    #[error("the name has {0} bytes, and {REPOSITORY_BYTES} are the most")]
    Long(usize),
    #[error(
        "{0:?} is no tag: 1 to {TAG_BYTES} letters, digits, \"_\", \".\" and \"-\", the first neither \".\" nor \"-\""
    )]
    Tag(String),
    #[error("{0:?} is no digest: \"sha256:\" and {DIGEST_DIGITS} hexadecimal digits in lower case")]
    Digest(String),
    #[error("{range:?} is no range of versions: {why}")]
    Range { range: String, why: String },
    #[error("{0:?} is no registry: a host, which may have a port")]
    Host(String),
}

impl<'a> Place<'a> {
    /// Reads what stands where a function is named.
    pub fn of(text: &'a str) -> Result<Self, NameError> {
        let is_path = ["./", "../", "/"].iter().any(|start| text.starts_with(start));
        if is_path || text == "." || text == ".." {
            return Ok(Self::Path(text));
        }
        text.parse().map(Self::Registry)
    }
}

impl std::str::FromStr for FunctionName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        let (host, rest) = match text.split_once('/') {
            Some((first, rest)) if is_host(first) => (Some(checked_host(first)?), rest),
            _ => (None, text),
        };
        let (name, behind) = match rest.split_once('@') {
            Some((name, behind)) => (name, Some(behind)),
            None => (rest, None),
        };
        let (repository, tag) = match name.split_once(':') {
            Some((repository, tag)) => (repository, Some(checked_tag(tag)?)),
            None => (name, None),
        };
        let pick = match behind {
            Some(behind) => Some(pick(behind)?),
            None => tag.map(Pick::Tag),
        };
        Ok(Self { host, repository: checked_repository(repository)?, pick })
    }
}

/// As Docker tells a registry from a namespace.
fn is_host(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

fn checked_host(text: &str) -> Result<String, NameError> {
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (text, None),
    };
    let is_named = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let is_address = name.starts_with('[') && name.ends_with(']');
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let is_right = !name.is_empty() && (is_named || is_address) && is_port;
    if is_right { Ok(text.to_owned()) } else { Err(NameError::Host(text.to_owned())) }
}

fn checked_repository(text: &str) -> Result<String, NameError> {
    if text.len() > REPOSITORY_BYTES {
        return Err(NameError::Long(text.len()));
    }
    let is_right = text.split('/').all(is_component);
    if is_right { Ok(text.to_owned()) } else { Err(NameError::Repository(text.to_owned())) }
}

/// Letters and digits, joined by `.`, `_`, `__` or any number of `-`.
fn is_component(text: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let mut joints = text.split(is_word);
    text.starts_with(is_word)
        && text.ends_with(is_word)
        && joints
            .all(|joint| matches!(joint, "" | "." | "_" | "__") || joint.bytes().all(|byte| byte == b'-'))
}

fn checked_tag(text: &str) -> Result<String, NameError> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_right = text.len() <= TAG_BYTES
        && text.bytes().next().is_some_and(is_word)
        && text.bytes().all(|byte| is_word(byte) || byte == b'.' || byte == b'-');
    if is_right { Ok(text.to_owned()) } else { Err(NameError::Tag(text.to_owned())) }
}

fn pick(text: &str) -> Result<Pick, NameError> {
    if text.contains(':') {
        return if is_digest(text) {
            Ok(Pick::Digest(text.to_owned()))
        } else {
            Err(NameError::Digest(text.to_owned()))
        };
    }
    let range = VersionReq::parse(text);
    range
        .map(Pick::Range)
        .map_err(|error| NameError::Range { range: text.to_owned(), why: error.to_string() })
}

/// Whether this is `sha256:` and 64 hexadecimal digits in lower case.
pub fn is_digest(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let digits = text.strip_prefix("sha256:");
    digits.is_some_and(|digits| digits.len() == DIGEST_DIGITS && digits.bytes().all(is_digit))
}

/// The highest of these tags that is a version of a range. Tags that are no full semantic versions do not count.
pub fn highest<'a>(tags: impl IntoIterator<Item = &'a str>, range: &VersionReq) -> Option<&'a str> {
    let versions = tags.into_iter().filter_map(|tag| Some((Version::parse(tag).ok()?, tag)));
    let fitting = versions.filter(|(version, _)| range.matches(version));
    fitting.max_by(|a, b| a.0.cmp(&b.0)).map(|(_, tag)| tag)
}

impl FunctionName {
    /// The same function with another version picked.
    pub fn with(&self, pick: Pick) -> Self {
        Self { pick: Some(pick), ..self.clone() }
    }

    /// The same version of another function.
    pub fn with_repository(&self, repository: &str) -> Self {
        Self { repository: repository.to_owned(), ..self.clone() }
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(f, "{host}/")?;
        }
        f.write_str(&self.repository)?;
        match &self.pick {
            None => Ok(()),
            Some(Pick::Tag(tag)) => write!(f, ":{tag}"),
            Some(Pick::Range(range)) => write!(f, "@{range}"),
            Some(Pick::Digest(digest)) => write!(f, "@{digest}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> FunctionName {
        text.parse().unwrap()
    }

    #[test]
    fn paths_are_told_from_names() {
        for path in ["./x", "../x", "/x", ".", "..", "./a:b@c"] {
            assert_eq!(Place::of(path), Ok(Place::Path(path)));
        }
        assert!(matches!(Place::of("team/split:1.0.0"), Ok(Place::Registry(_))));
    }

    #[test]
    fn a_first_part_with_a_dot_or_a_port_is_a_registry_as_docker_has_it() {
        for (text, host, repository) in [
            ("team/split:1", None, "team/split"),
            ("split:1", None, "split"),
            ("localhost/split:1", Some("localhost"), "split"),
            ("localhost:5000/team/split:1", Some("localhost:5000"), "team/split"),
            ("ghcr.io/a/b/c:1", Some("ghcr.io"), "a/b/c"),
            ("[::1]:5000/a:1", Some("[::1]:5000"), "a"),
        ] {
            let name = name(text);
            assert_eq!((name.host.as_deref(), name.repository.as_str()), (host, repository), "{text}");
            assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn a_version_is_a_tag_a_range_or_a_digest() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(name("a/b").pick, None);
        assert_eq!(name("a/b:1.0.0-rc.1").pick, Some(Pick::Tag("1.0.0-rc.1".to_owned())));
        assert_eq!(name(&format!("a/b@{digest}")).pick, Some(Pick::Digest(digest.clone())));
        assert_eq!(name(&format!("a/b:1.0.0@{digest}")).pick, Some(Pick::Digest(digest)));
        let range = name("a/b@>=1.2, <3");
        assert_eq!(range.to_string(), "a/b@>=1.2, <3");
        assert!(matches!(range.pick, Some(Pick::Range(_))));
    }

    #[test]
    fn what_is_no_name_says_why() {
        for (text, why) in [
            ("", "the name is empty"),
            ("Team/split:1", "\"Team/split\" is not made of lower-case"),
            ("a//b:1", "\"a//b\" is not made of"),
            ("a/../b", "\"a/../b\" is not made of"),
            ("a/b:", "\"\" is no tag"),
            ("a/b:-x", "\"-x\" is no tag"),
            ("a/b@sha256:12", "\"sha256:12\" is no digest"),
            ("a/b@1.x.y.z", "\"1.x.y.z\" is no range of versions"),
            ("a/b@", "\"\" is no range of versions"),
            ("host.io:port/a:1", "\"host.io:port\" is no registry"),
        ] {
            let error = text.parse::<FunctionName>().unwrap_err().to_string();
            assert!(error.starts_with(why), "{text}: {error}");
        }
        assert_eq!("a".repeat(230).parse::<FunctionName>(), Err(NameError::Long(230)));
    }

    #[test]
    fn the_highest_version_of_a_range_is_taken() {
        let tags = ["1.2.0", "1.10.0", "1.9.0", "2.0.0-rc.1", "latest", "v1.11.0", "1.11"];
        let highest_of = |range: &str| highest(tags, &VersionReq::parse(range).unwrap());
        assert_eq!(highest_of("^1.2"), Some("1.10.0"));
        assert_eq!(highest_of("~1.9"), Some("1.9.0"));
        assert_eq!(highest_of("2"), None);
        assert_eq!(highest_of("2.0.0-rc"), Some("2.0.0-rc.1"));
        assert_eq!(highest_of("*"), Some("1.10.0"));
    }
}
