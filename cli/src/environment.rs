//! What the command takes from its environment, read once.

use std::ffi::OsString;
use std::path::PathBuf;

use invoker_oci::{Address, Setup};

/// Variables and terminals that matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `CARGO_TARGET_DIR`: where cargo puts what it builds.
    pub cargo_target: Option<PathBuf>,
    /// Where compiled functions are kept: `INVOKER_CACHE`, else `~/.cache/invoker`, and `code` in it.
    pub code_cache: Option<PathBuf>,
    /// The folder that this is in; toolchains made for functions lie in it, too.
    pub cache: Option<PathBuf>,
    /// The registry of names without a host, logins, and where functions are kept that were pulled.
    pub registries: Setup,
}

impl Environment {
    pub fn read() -> Self {
        Self::from_variables(|name| std::env::var_os(name))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let cache = path("INVOKER_CACHE")
            .or_else(|| path("XDG_CACHE_HOME").map(|cache| cache.join("invoker")))
            .or_else(|| path("HOME").map(|home| home.join(".cache").join("invoker")));
        let registries = Setup::from_variables(&variable, cache.clone());
        Self {
            registries,
            cargo_target: path("CARGO_TARGET_DIR"),
            code_cache: cache.as_ref().map(|cache| cache.join("code")),
            cache,
        }
    }

    /// The same with the registry of an option, where it is given.
    #[must_use]
    pub fn with_registry(&self, given: Option<&Address>) -> Self {
        let mut environment = self.clone();
        environment.registries.given = given.cloned().or(environment.registries.given);
        environment
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_cache(variables: &[(&str, &str)]) -> Option<PathBuf> {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into());
        Environment::from_variables(find).code_cache
    }

    #[test]
    fn the_cache_is_the_named_one_or_the_users() {
        let home = ("HOME", "/h");
        assert_eq!(code_cache(&[home, ("INVOKER_CACHE", "/c")]), Some("/c/code".into()));
        assert_eq!(code_cache(&[home, ("INVOKER_CACHE", "")]), Some("/h/.cache/invoker/code".into()));
        assert_eq!(code_cache(&[home, ("XDG_CACHE_HOME", "/x")]), Some("/x/invoker/code".into()));
        assert_eq!(code_cache(&[]), None);
    }
}
