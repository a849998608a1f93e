//! How a command or a host comes to its registries. Owns what counts before what, and which variables are read.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::{Address, Credentials, Error, Options, Registries};

/// Where the registry, logins and the cache are said to be. The registry is the first of: `given`, the one that a
/// topology or document names, `usual`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// By an option of the command line.
    pub given: Option<Address>,
    /// By the environment.
    pub usual: Option<String>,
    /// File of logins, of the shape of Docker's `config.json`.
    pub logins: Option<PathBuf>,
    /// Folder in which functions are kept.
    pub cache: Option<PathBuf>,
}

impl Setup {
    /// From `INVOKER_REGISTRY`, and from `DOCKER_CONFIG` or `HOME` for logins. `cache` is the folder of all caches.
    pub fn from_variables(variable: impl Fn(&str) -> Option<OsString>, cache: Option<PathBuf>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let docker = set("DOCKER_CONFIG").map(PathBuf::from);
        let docker = docker.or_else(|| Some(PathBuf::from(set("HOME")?).join(".docker")));
        Self {
            given: None,
            usual: set("INVOKER_REGISTRY").and_then(|value| value.into_string().ok()),
            logins: docker.map(|folder| folder.join("config.json")),
            cache: cache.map(|cache| cache.join("functions")),
        }
    }

    /// The registry where a topology or document names this one.
    pub fn registry(&self, named: Option<&str>) -> Result<Option<Address>, Error> {
        if let Some(given) = &self.given {
            return Ok(Some(given.clone()));
        }
        Ok(named.or(self.usual.as_deref()).map(str::parse).transpose()?)
    }

    /// The registries where a topology or document names this one, and requires that one of these keys signed.
    pub fn registries(&self, named: Option<&str>, required: &[String]) -> Result<Registries, Error> {
        let required = required.iter().map(|key| key.parse()).collect::<Result<_, _>>()?;
        let credentials = self.logins.as_ref().map(Credentials::in_file).unwrap_or_default();
        let (registry, cache) = (self.registry(named)?, self.cache.clone());
        Ok(Registries::new(Options { registry, credentials, cache, required }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_counts_before_the_topology_and_that_before_the_environment() {
        let find = |name: &str| match name {
            "INVOKER_REGISTRY" => Some("https://usual.example".into()),
            "HOME" => Some("/h".into()),
            _ => None,
        };
        let mut setup = Setup::from_variables(find, Some("/c".into()));
        let of = |setup: &Setup, named| setup.registry(named).unwrap().unwrap().to_string();
        assert_eq!(of(&setup, None), "https://usual.example");
        assert_eq!(of(&setup, Some("named.example")), "https://named.example");
        setup.given = Some("given.example".parse().unwrap());
        assert_eq!(of(&setup, Some("named.example")), "https://given.example");
        assert_eq!(setup.logins, Some("/h/.docker/config.json".into()));
        assert_eq!(setup.cache, Some("/c/functions".into()));
        assert!(Setup::default().registry(None).unwrap().is_none());
        assert!(Setup::default().registry(Some("a b")).is_err());
    }
}
