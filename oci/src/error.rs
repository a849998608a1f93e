//! Why a function cannot be had, or pushed: what, why and what to do. Owns which of that passes by waiting.

use std::io;
use std::path::PathBuf;

use invoker_core::message::Message;

use crate::address::AddressError;
use crate::signature::KeyError;

/// Why a registry did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot get function {}", shown(name.as_ref()))]
    NoRegistry { name: Option<String> },
    #[error("function \"{name}\" has no version")]
    NoPick { name: String },
    #[error("cannot use the registry")]
    Address(#[from] AddressError),
    #[error("cannot reach registry {registry:?}")]
    Away { registry: String, why: String },
    #[error("registry {registry:?} refuses {what}")]
    Unauthorised { registry: String, what: String, why: String, has_login: bool },
    #[error("there is no function \"{name}\" in registry {registry:?}")]
    NoFunction { name: String, registry: String, near: Option<String> },
    #[error("function \"{name}\" is not in registry {registry:?}")]
    NoVersion { name: String, registry: String, near: Option<String>, has: Vec<String> },
    #[error("\"{name}\" is not a function")]
    NotFunction { name: String, why: String },
    #[error("registry {registry:?} sent other bytes than {digest:?}")]
    Damaged { registry: String, digest: String, found: String },
    #[error("cannot use a key")]
    Key(#[from] KeyError),
    #[error("function \"{name}\" is not signed by a key that is required")]
    Unsigned { name: String, digest: String, signers: Vec<String> },
    #[error("function {path:?} is a file, and a signature is required")]
    UnsignedFile { path: String },
    #[error("version \"{name}\" is there already, with other content")]
    Taken { name: String },
    #[error("registry {registry:?} does not take \"{name}\"")]
    Invalid { registry: String, name: String, message: String },
    #[error("registry {registry:?} does not {what}")]
    Refused { registry: String, what: String, status: u16, message: String },
    #[error("cannot use the file of logins {path:?}")]
    Credentials { path: PathBuf, why: String },
    #[error("cannot write {path:?}")]
    Write {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

fn shown(name: Option<&String>) -> String {
    name.map_or_else(|| "by name".to_owned(), |name| format!("\"{name}\""))
}

impl Error {
    /// Whether waiting can help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Damaged { .. })
    }

    /// Whether the registry cannot be used, whatever is asked of it.
    pub fn is_of_service(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Unauthorised { .. } | Self::Refused { .. })
    }

    /// What, why and what to do.
    pub fn message(&self) -> Message {
        let what = self.to_string();
        match self {
            Self::Address(error) => Message::new(what, error, "write it as https://registry.example"),
            Self::Key(error) => {
                Message::new(what, error, "`invoker sign --new-key FILE` prints a public key")
            }
            Self::Away { why, .. } => Message::new(what, why, "check that it runs, and the address"),
            Self::Unauthorised { why, has_login, registry, .. } => {
                let help = match has_login {
                    true => "log in as somebody who may, or ask for the right".to_owned(),
                    false => format!("`invoker login {registry}`, or check the name"),
                };
                Message::new(what, why, help)
            }
            Self::Damaged { found, .. } => {
                let help = "ask who runs the registry to push it again";
                Message::new(what, format!("the digest of what came is {found:?}"), help)
            }
            Self::Refused { status, message, .. } => {
                let why = format!("it answered {status}: {message}");
                Message::new(what, why, "check the name and the registry")
            }
            Self::Credentials { why, .. } => Message::new(what, why, "mend the file, or log in again"),
            Self::Write { source, .. } => {
                Message::new(what, source, "check the folder and the space on its disk")
            }
            _ => self.of_function(what),
        }
    }

    /// What is said of what is named, and not of who has it.
    fn of_function(&self, what: String) -> Message {
        let (why, help) = match self {
            Self::NoRegistry { name } => {
                ("no registry is configured".to_owned(), no_registry_help(name.as_deref()))
            }
            Self::NoPick { name } => (
                "a function is named with its version, so that what runs does not change by itself"
                    .to_owned(),
                format!("write {name}:1.0.0, or {name}@^1.0 for the highest that fits"),
            ),
            Self::NoFunction { near, .. } => {
                ("nobody pushed it there, or it is not yours to see".to_owned(), meant(near.as_deref()))
            }
            Self::NoVersion { near, has, .. } if has.is_empty() => {
                ("it has no version".to_owned(), meant(near.as_deref()))
            }
            Self::NoVersion { near, has, .. } => (format!("it has {}", listed(has)), meant(near.as_deref())),
            Self::NotFunction { why, .. } => (
                why.clone(),
                "push functions with `invoker push`, `wkg` or as docs/registry.md says".to_owned(),
            ),
            Self::Unsigned { name, digest, signers } => {
                let help = format!("`invoker sign {name} --key FILE`, or name what is signed");
                (signed_by(digest, signers), help)
            }
            Self::UnsignedFile { .. } => (
                "a signature lies in a registry, beside what it is of".to_owned(),
                "push and sign it, and name it in its registry; or remove `requireSignature`".to_owned(),
            ),
            Self::Taken { .. } => {
                ("a version stays what it is".to_owned(), "push it as another version".to_owned())
            }
            Self::Invalid { message, .. } => return invalid(&what, message),
            _ => (String::new(), String::new()),
        };
        Message::new(what, why, help)
    }
}

fn signed_by(digest: &str, signers: &[String]) -> String {
    match signers {
        [] => format!("nobody signed {digest}"),
        signers => format!("{digest} is signed by {}", signers.join(", ")),
    }
}

fn no_registry_help(name: Option<&str>) -> String {
    let other = "give --registry URL, set INVOKER_REGISTRY, or write `registry` in the topology";
    match name {
        None => other.to_owned(),
        Some(name) => {
            let last =
                name.rsplit('/').next().and_then(|last| last.split([':', '@']).next()).unwrap_or_default();
            format!("{other}; a file or a project folder is named as \"./{last}\"")
        }
    }
}

fn meant(near: Option<&str>) -> String {
    near.map_or_else(|| "check the name".to_owned(), |near| format!("did you mean {near:?}?"))
}

/// The newest few, and how many more.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = names.iter().rev().take(SHOWN).map(String::as_str).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{}, and {more} more", shown.join(", ")),
    }
}

/// Our registry says what, why and what to do in three lines; others say what they like.
fn invalid(what: &str, message: &str) -> Message {
    let mut lines: Vec<&str> = message.lines().collect();
    let help = if lines.len() > 2 { lines.pop() } else { None };
    let why = if lines.len() > 1 { lines.pop() } else { None };
    Message::new(
        format!("{what}: {}", lines.join(" ")),
        why.unwrap_or_default(),
        help.unwrap_or("mend the component"),
    )
}
