//! Addresses of registries: `https://host`, `http://host:port`, `host`, each with a prefix of repositories if need be.
//! Owns when plain HTTP is spoken: with this machine, and where an address says so.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Where Docker Hub answers, and what it is called by.
const HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// Where a registry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// As names have it: `host` or `host:port`.
    host: String,
    /// `https://host:port`.
    base: String,
    /// What stands in front of each repository, without slashes at its ends; empty for nothing.
    prefix: String,
}

/// A text that is no address of a registry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no address of a registry: a host, which may have a port, with http:// or https:// in front if need be"
)]
pub struct AddressError(String);

impl Address {
    /// As names have it: `host` or `host:port`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `http://host:port` or `https://host:port`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The repository that a name means here.
    pub fn repository(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) }
    }

    /// A repository here as names have it; `None` for one outside of the prefix.
    pub fn name_of<'a>(&self, repository: &'a str) -> Option<&'a str> {
        if self.prefix.is_empty() {
            return Some(repository);
        }
        repository.strip_prefix(&self.prefix)?.strip_prefix('/')
    }

    /// The whole registry.
    pub fn without_prefix(&self) -> Self {
        Self { prefix: String::new(), ..self.clone() }
    }

    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// What it is called in a file of logins.
    pub fn login_key(&self) -> &str {
        if self.host == HUB.0 { "https://index.docker.io/v1/" } else { &self.host }
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => bare,
        _ => host,
    };
    let bare = bare.trim_start_matches('[').trim_end_matches(']');
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError(text.to_owned());
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) => (Some(scheme), rest),
            Some(_) => return Err(wrong()),
            None => (None, text),
        };
        let (host, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        let is_prefix =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._/".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) || !prefix.bytes().all(is_prefix) {
            return Err(wrong());
        }
        let scheme = scheme.unwrap_or(if is_loopback(host) { "http" } else { "https" });
        let place = if host == HUB.0 { HUB.1 } else { host };
        let base = format!("{scheme}://{place}");
        Ok(Self { host: host.to_owned(), base, prefix: prefix.trim_matches('/').to_owned() })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)?;
        if self.prefix.is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> String {
        text.parse::<Address>().unwrap().base().to_owned()
    }

    #[test]
    fn plain_http_is_for_this_machine_or_where_it_is_said() {
        assert_eq!(base("localhost:5000"), "http://localhost:5000");
        assert_eq!(base("127.0.0.1:5000"), "http://127.0.0.1:5000");
        assert_eq!(base("[::1]:5000"), "http://[::1]:5000");
        assert_eq!(base("https://localhost:5000"), "https://localhost:5000");
        assert_eq!(base("registry.example:5000"), "https://registry.example:5000");
        assert_eq!(base("http://registry:8080"), "http://registry:8080");
        assert_eq!(base("10.0.0.1"), "https://10.0.0.1");
    }

    #[test]
    fn a_prefix_stands_in_front_of_every_repository() {
        let address: Address = "https://ghcr.io/acme/".parse().unwrap();
        assert_eq!(address.repository("split"), "acme/split");
        assert_eq!(address.name_of("acme/split"), Some("split"));
        assert_eq!(address.name_of("acmes/split"), None);
        assert_eq!(address.to_string(), "https://ghcr.io/acme");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "ftp://a", "http://", "a b", "http://user@host", "host/UP"] {
            assert!(text.parse::<Address>().is_err(), "{text:?}");
        }
    }
}
